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
    /// A directory tree as a tar stream.
    ///
    /// # Errors
    /// When nothing can be opened; the rest comes from reading.
    pub fn tree_read(&self, read: &TreeReadParams) -> Result<Download<TreeEnd>, Error> {
        Ok(Download::new(self.client.open::<TreeRead>(read)?))
    }

    /// Unpacks a tar stream below a directory.
    ///
    /// # Errors
    /// When nothing can be opened; the rest comes from the upload.
    pub fn tree_write(&self, write: &TreeWriteParams) -> Result<Upload<TreeWrite>, Error> {
        Ok(Upload::new(self.client.open::<TreeWrite>(write)?))
    }

    /// Copies a tree of the sandbox into a local directory, which is made when it is missing. Modes and times are kept;
    /// nothing lands outside the directory. `progress` is told the bytes of each chunk.
    ///
    /// # Errors
    /// Those of the server and of the local file system. What was written until then stays.
    pub async fn download_tree(
        &self,
        from: &TreeReadParams,
        to: &Path,
        progress: impl FnMut(u64) + Send + Unpin,
    ) -> Result<TreeEnd, Error> {
        tokio::fs::create_dir_all(to).await?;
        let mut download = self.tree_read(from)?;
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

    /// Copies a local directory, or what is in it, into a directory of the sandbox, which is made when it is missing.
    /// Symbolic links stay links; devices, FIFOs and sockets are left out and named. `progress` is told the bytes of
    /// each file.
    ///
    /// # Errors
    /// Those of the server and of the local file system. What was written until then stays.
    pub async fn upload_tree(
        &self,
        from: &Path,
        to: impl Into<ByteString>,
        progress: impl FnMut(u64) + Send,
    ) -> Result<(TreeEnd, Packed), Error> {
        let upload = self.tree_write(&TreeWriteParams { path: to.into(), owners: false })?;
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
