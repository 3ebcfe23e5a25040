//! Whole directory trees as tar streams, straight between the disk and the channel.

mod pack;

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sandwire_protocol::ByteString;
use sandwire_protocol::kind::file::{TreeEnd, TreeRead as TreeReadParams, TreeWrite as TreeWriteParams};
use sandwire_protocol::kind::{TreeRead, TreeWrite};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_tar::ArchiveBuilder;

pub use pack::Packed;

use super::file::Files;
use super::stream::{Download, Upload};
use crate::error::Error;

impl Files {
    /// A directory tree, or a single file, as a tar stream. Names in it are relative to the path.
    ///
    /// # Errors
    /// When nothing can be opened; the rest comes from reading.
    pub fn tree_read(&self, path: impl Into<ByteString>) -> Result<Download<TreeEnd>, Error> {
        self.tree_read_with(&TreeReadParams { path: path.into(), ..TreeReadParams::default() })
    }

    /// As [`tree_read`](Self::tree_read), as `read` says.
    ///
    /// # Errors
    /// As [`tree_read`](Self::tree_read).
    pub fn tree_read_with(&self, read: &TreeReadParams) -> Result<Download<TreeEnd>, Error> {
        Ok(Download::new(self.client.open::<TreeRead>(read)?))
    }

    /// Unpacks a tar stream below a directory, which is made when it is missing. An entry that would land outside is
    /// refused.
    ///
    /// # Errors
    /// When nothing can be opened; the rest comes from the upload.
    pub fn tree_write(&self, path: impl Into<ByteString>) -> Result<Upload<TreeWrite>, Error> {
        self.tree_write_with(&TreeWriteParams { path: path.into(), owners: false })
    }

    /// As [`tree_write`](Self::tree_write), as `write` says.
    ///
    /// # Errors
    /// As [`tree_write`](Self::tree_write).
    pub fn tree_write_with(&self, write: &TreeWriteParams) -> Result<Upload<TreeWrite>, Error> {
        Ok(Upload::new(self.client.open::<TreeWrite>(write)?))
    }

    /// Copies a tree of the sandbox into a local directory, which is made when it is missing. Modes and times are kept,
    /// symbolic links stay links; nothing lands outside the directory.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (server, client) = sandwire_tests::doc::served().await;
    /// let here = tempfile::tempdir()?;
    /// std::fs::create_dir_all(here.path().join("project/src"))?;
    /// std::fs::write(here.path().join("project/src/main.rs"), "fn main() {}")?;
    ///
    /// let (end, packed) = client.files().upload_tree(here.path().join("project"), "work").await?;
    /// assert_eq!((end.entries, packed.skipped.len()), (2, 0));
    /// client.exec("echo '// done' >> src/main.rs").cwd("work").run().await?;
    /// client.files().download_tree("work", here.path().join("back")).await?;
    /// assert_eq!(std::fs::read_to_string(here.path().join("back/src/main.rs"))?, "fn main() {}// done\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of the server and of the local file system. What was written until then stays.
    pub async fn download_tree(&self, from: impl Into<ByteString>, to: impl AsRef<Path>) -> Result<TreeEnd, Error> {
        let read = TreeReadParams { path: from.into(), ..TreeReadParams::default() };
        self.download_tree_with(&read, to.as_ref(), |_| {}).await
    }

    /// As [`download_tree`](Self::download_tree), as `from` says; `progress` is told the bytes of each chunk of the
    /// tar stream.
    ///
    /// # Errors
    /// As [`download_tree`](Self::download_tree).
    pub async fn download_tree_with(
        &self,
        from: &TreeReadParams,
        to: &Path,
        progress: impl FnMut(u64) + Send + Unpin,
    ) -> Result<TreeEnd, Error> {
        tokio::fs::create_dir_all(to).await?;
        let mut download = self.tree_read_with(from)?;
        {
            let reader = Counted { inner: &mut download, progress };
            let mut archive = ArchiveBuilder::new(reader)
                .set_preserve_permissions(true)
                .set_preserve_mtime(true)
                .set_overwrite(true)
                .set_allow_external_symlinks(true)
                .build();
            archive.unpack(to).await.map_err(whole)?;
        }
        download.finish().await
    }

    /// Copies what is in a local directory, or a single local file, into a directory of the sandbox, which is made when
    /// it is missing. Symbolic links stay links; devices, FIFOs and sockets are left out and named.
    ///
    /// # Errors
    /// Those of the server and of the local file system. What was written until then stays.
    pub async fn upload_tree(
        &self,
        from: impl AsRef<Path>,
        to: impl Into<ByteString>,
    ) -> Result<(TreeEnd, Packed), Error> {
        self.upload_tree_with(from.as_ref(), to, |_| {}).await
    }

    /// As [`upload_tree`](Self::upload_tree); `progress` is told the bytes of each file.
    ///
    /// # Errors
    /// As [`upload_tree`](Self::upload_tree).
    pub async fn upload_tree_with(
        &self,
        from: &Path,
        to: impl Into<ByteString>,
        progress: impl FnMut(u64) + Send,
    ) -> Result<(TreeEnd, Packed), Error> {
        let upload = self.tree_write(to)?;
        let (upload, packed) = pack::pack(from, upload, progress).await?;
        Ok((upload.finish().await?, packed))
    }
}

/// An error whose message holds the causes too: that of the tar library names only the step.
fn whole(error: io::Error) -> Error {
    let kind = error.kind();
    let error = Error::from(error);
    let Error::Io(local) = &error else { return error };
    let mut message = local.to_string();
    let mut cause = local.get_ref().and_then(std::error::Error::source);
    while let Some(inner) = cause {
        message = format!("{message}: {inner}");
        cause = inner.source();
    }
    Error::Io(io::Error::new(kind, message))
}

/// Tells how much is read.
struct Counted<'a, R, F> {
    inner: &'a mut R,
    progress: F,
}

impl<R: AsyncRead + Unpin, F: FnMut(u64) + Unpin> AsyncRead for Counted<'_, R, F> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut *this.inner).poll_read(cx, buf))?;
        (this.progress)((buf.filled().len() - before) as u64);
        Poll::Ready(Ok(()))
    }
}
