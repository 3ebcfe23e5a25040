//! Backups: a directory as one compressed archive that proves itself, and back, whole or not at all.

use bytes::BytesMut;
use sandwire_link::Reply;
use sandwire_protocol::kind::backup::Down;
pub use sandwire_protocol::kind::backup::{Compression, Create, Created, Restore, Restored};
use sandwire_protocol::kind::{BackupCreate, BackupRestore};
use sandwire_protocol::{ByteString, Code, Error as RemoteError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::stream::{Download, Upload};
use crate::client::Client;
use crate::error::Error;

/// Bytes of an archive that are read at a time.
const PIECE: usize = 64 << 10;

impl Client {
    /// Backups of directories.
    pub fn backup(&self) -> Backup {
        Backup { client: self.clone() }
    }
}

/// How far a backup is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries packed or unpacked.
    pub entries: u64,
    /// Bytes of file content packed or unpacked.
    pub bytes: u64,
    /// Bytes of the archive.
    pub archive_bytes: u64,
}

impl From<Down> for Progress {
    fn from(event: Down) -> Self {
        let Down::Progress { entries, bytes, archive_bytes } = event;
        Self { entries, bytes, archive_bytes }
    }
}

/// Makes backups of directories of a sandbox, and restores them. Made by [`Client::backup`].
///
/// The archive is one that `tar` unpacks, with owners, modes, times and links. It ends in a SHA-256 of all of it, so that a
/// restore finds any damage by itself, and then changes nothing.
///
/// ```
/// use sandwire::Code;
/// use sandwire::kinds::backup::{Create, Restore};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// client.exec("mkdir -p app/target; echo one > app/data; touch app/target/large").run().await?;
/// let create = Create { path: "app".into(), exclude: vec!["target".to_owned()], ..Create::default() };
/// let mut archive = Vec::new();
/// let created = client.backup().create_to(&create, &mut archive, |_| {}).await?;
/// assert_eq!((created.entries, created.archive_bytes), (2, archive.len() as u64));
///
/// // Back to what it was. What is there is only replaced when that is said.
/// client.exec("echo two > app/data; touch app/new").run().await?;
/// let restore = Restore { path: "app".into(), sha256: Some(created.sha256), ..Restore::default() };
/// let refused = client.backup().restore_from(&restore, archive.as_slice(), |_| {}).await;
/// assert_eq!(refused.unwrap_err().code(), Some(Code::DirectoryNotEmpty));
/// let restore = Restore { replace: true, ..restore };
/// client.backup().restore_from(&restore, archive.as_slice(), |_| {}).await?;
/// assert_eq!(client.exec("ls app; cat app/data").run().await?.text(), "data\none\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Backup {
    client: Client,
}

impl Backup {
    /// The archive of a directory.
    ///
    /// # Errors
    /// When nothing can be opened; the rest comes from reading.
    pub fn create(&self, path: impl Into<ByteString>) -> Result<Download<Created>, Error> {
        self.create_with(&Create { path: path.into(), ..Create::default() })
    }

    /// The archive of a directory, as `create` says.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_with(&self, create: &Create) -> Result<Download<Created>, Error> {
        Ok(Download::new(self.client.open::<BackupCreate>(create)?))
    }

    /// Writes the archive of a directory, and flushes it. `progress` is told how far it is, at most four times a second.
    ///
    /// # Errors
    /// Those of the server, as `FILE_NOT_FOUND`, and of `archive`. It is whole only when there was none.
    pub async fn create_to(
        &self,
        create: &Create,
        mut archive: impl AsyncWrite + Unpin,
        mut progress: impl FnMut(Progress),
    ) -> Result<Created, Error> {
        let call = self.client.open::<BackupCreate>(create)?;
        loop {
            match call.recv().await {
                Reply::Data(_, data) => archive.write_all(&data).await?,
                Reply::Event(event) => progress(event.into()),
                Reply::End(_) => {}
                Reply::Closed(created) => {
                    archive.flush().await?;
                    return Ok(created?);
                }
            }
        }
    }

    /// Restores a directory from the archive that is uploaded. It changes when the upload is finished and all of it is
    /// right, in one step; otherwise nothing does.
    ///
    /// # Errors
    /// When nothing can be opened; the rest comes from the upload.
    pub fn restore(&self, path: impl Into<ByteString>) -> Result<Upload<BackupRestore>, Error> {
        self.restore_with(&Restore { path: path.into(), ..Restore::default() })
    }

    /// As [`restore`](Self::restore), as `restore` says.
    ///
    /// # Errors
    /// As [`restore`](Self::restore).
    pub fn restore_with(&self, restore: &Restore) -> Result<Upload<BackupRestore>, Error> {
        Ok(Upload::new(self.client.open::<BackupRestore>(restore)?))
    }

    /// Restores a directory from an archive that is read to its end. `progress` is told how far it is, at most four times a
    /// second.
    ///
    /// # Errors
    /// `BACKUP_DAMAGED` when it is not what was made, `DIRECTORY_NOT_EMPTY`, `NO_SPACE` and the like, and those of reading
    /// `archive`. The directory is as it was then.
    pub async fn restore_from(
        &self,
        restore: &Restore,
        mut archive: impl AsyncRead + Unpin,
        mut progress: impl FnMut(Progress),
    ) -> Result<Restored, Error> {
        let call = self.client.open::<BackupRestore>(restore)?;
        let send = async {
            let mut buffer = BytesMut::new();
            loop {
                buffer.reserve(PIECE);
                if archive.read_buf(&mut buffer).await? == 0 {
                    return Ok::<_, Error>(ended(call.end(0))?);
                }
                if !ended_with(call.write(0, buffer.split().freeze()).await)? {
                    return Ok(());
                }
            }
        };
        let receive = async {
            loop {
                match call.recv().await {
                    Reply::Event(event) => progress(event.into()),
                    Reply::Data(..) | Reply::End(_) => {}
                    Reply::Closed(restored) => return Ok(restored?),
                }
            }
        };
        tokio::pin!(receive);
        tokio::select! {
            restored = &mut receive => return restored,
            // Dropping the call gives up.
            sent = send => sent?,
        }
        receive.await
    }
}

/// Whether more is wanted. That it has ended already is no error here: its end says why.
fn ended_with(written: Result<(), RemoteError>) -> Result<bool, RemoteError> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.code == Code::Cancelled => Ok(false),
        Err(error) => Err(error),
    }
}

fn ended(end: Result<(), RemoteError>) -> Result<(), RemoteError> {
    ended_with(end).map(drop)
}
