//! Files and directories.
//!
//! Each operation has a short form for what is usual, and takes the protocol's own parameters for the rest.

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use sandwire_protocol::ByteString;
use sandwire_protocol::kind::file::{
    Chmod, Copied, Copy, Info, List, Mkdir, Read, ReadEnd, Remove, Removed, Rename, Search, Stat, Symlink, Watch,
    Write, Written,
};
use sandwire_protocol::kind::{
    FileChmod, FileCopy, FileList, FileMkdir, FileMove, FileRead, FileRemove, FileRename, FileSearch, FileStat,
    FileSymlink, FileWatch, FileWrite,
};

use super::stream::{Download, Feed, Upload};
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// The files.
    pub fn files(&self) -> Files {
        Files { client: self.clone() }
    }
}

/// The files of a sandbox. Made by [`Client::files`]. A relative path is taken from the server's workspace.
///
/// ```no_run
/// # async fn example(client: sandwire::Client) -> Result<(), sandwire::Error> {
/// let files = client.files();
/// files.write_all("notes/today", "milk\n").await?;
/// assert_eq!(files.read("notes/today")?.bytes(1 << 20).await?, b"milk\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Files {
    pub(super) client: Client,
}

impl Files {
    /// Reads a whole file.
    ///
    /// # Errors
    /// When nothing can be opened; `FILE_NOT_FOUND` and the like come from reading.
    pub fn read(&self, path: impl Into<ByteString>) -> Result<Download<ReadEnd>, Error> {
        self.read_with(&Read { path: path.into(), ..Read::default() })
    }

    /// Reads a range of a file, as `read` says. The `meta` event is left out; [`stat`](Self::stat) tells the same.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_with(&self, read: &Read) -> Result<Download<ReadEnd>, Error> {
        Ok(Download::new(self.client.open::<FileRead>(read)?))
    }

    /// Replaces a file atomically when the upload is finished; missing directories are made.
    ///
    /// # Errors
    /// When nothing can be opened; the rest comes from the upload.
    pub fn write(&self, path: impl Into<ByteString>) -> Result<Upload<FileWrite>, Error> {
        self.write_with(&Write { path: path.into(), parents: true, ..Write::default() })
    }

    /// Writes a file, as `write` says.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_with(&self, write: &Write) -> Result<Upload<FileWrite>, Error> {
        Ok(Upload::new(self.client.open::<FileWrite>(write)?))
    }

    /// Replaces a file atomically by these bytes; missing directories are made.
    ///
    /// # Errors
    /// As the file system says, for example `PERMISSION_DENIED`, `NO_SPACE`.
    pub async fn write_all(&self, path: impl Into<ByteString>, content: impl Into<Bytes>) -> Result<Written, Error> {
        let mut upload = self.write(path)?;
        upload.send(content).await?;
        upload.finish().await
    }

    /// What a path is; symbolic links are followed.
    ///
    /// # Errors
    /// `FILE_NOT_FOUND`, and what else the file system says.
    pub async fn stat(&self, path: impl Into<ByteString>) -> Result<Info, Error> {
        self.client.call::<FileStat>(&Stat { path: path.into(), no_follow: false }).await
    }

    /// What a path is; a symbolic link itself.
    ///
    /// # Errors
    /// As [`stat`](Self::stat).
    pub async fn symlink_stat(&self, path: impl Into<ByteString>) -> Result<Info, Error> {
        self.client.call::<FileStat>(&Stat { path: path.into(), no_follow: true }).await
    }

    /// What is in a directory, sorted; the pages are asked for as the stream is read.
    pub fn list(&self, path: impl Into<ByteString>) -> BoxStream<'static, Result<Info, Error>> {
        self.list_with(List { path: path.into(), ..List::default() })
    }

    /// As [`list`](Self::list), as `list` says.
    pub fn list_with(&self, list: List) -> BoxStream<'static, Result<Info, Error>> {
        struct Pages {
            client: Client,
            next: Option<List>,
            entries: std::vec::IntoIter<Info>,
        }
        let pages = Pages { client: self.client.clone(), next: Some(list), entries: Vec::new().into_iter() };
        Box::pin(stream::try_unfold(pages, |mut pages| async move {
            loop {
                if let Some(entry) = pages.entries.next() {
                    return Ok(Some((entry, pages)));
                }
                let Some(list) = pages.next.take() else { return Ok(None) };
                let page = pages.client.call::<FileList>(&list).await?;
                pages.entries = page.entries.into_iter();
                pages.next = page.cursor.map(|cursor| List { cursor: Some(cursor), ..list });
            }
        }))
    }

    /// Makes a directory and its missing parents; is content when it exists.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn mkdir(&self, path: impl Into<ByteString>) -> Result<(), Error> {
        self.mkdir_with(&Mkdir { path: path.into(), parents: true, mode: None }).await
    }

    /// Makes a directory, as `mkdir` says.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn mkdir_with(&self, mkdir: &Mkdir) -> Result<(), Error> {
        self.client.call::<FileMkdir>(mkdir).await.map(drop)
    }

    /// Removes a file or directory, as `remove` says.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn remove(&self, remove: &Remove) -> Result<Removed, Error> {
        self.client.call::<FileRemove>(remove).await
    }

    /// Renames within one file system; what is at `to` is replaced.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn rename(&self, from: impl Into<ByteString>, to: impl Into<ByteString>) -> Result<(), Error> {
        self.rename_with(&Rename { from: from.into(), to: to.into(), no_replace: false }).await
    }

    /// Renames within one file system, as `rename` says.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn rename_with(&self, rename: &Rename) -> Result<(), Error> {
        self.client.call::<FileRename>(rename).await.map(drop)
    }

    /// Moves, across file systems too, as `rename` says.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn move_with(&self, rename: &Rename) -> Result<(), Error> {
        self.client.call::<FileMove>(rename).await.map(drop)
    }

    /// Copies a file or a tree inside the sandbox, as `copy` says.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn copy(&self, copy: &Copy) -> Result<Copied, Error> {
        self.client.call::<FileCopy>(copy).await
    }

    /// Changes permissions, as `chmod` says.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn chmod(&self, chmod: &Chmod) -> Result<(), Error> {
        self.client.call::<FileChmod>(chmod).await.map(drop)
    }

    /// Makes a symbolic link at `path` that says `target`.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn symlink(&self, target: impl Into<ByteString>, path: impl Into<ByteString>) -> Result<(), Error> {
        self.client.call::<FileSymlink>(&Symlink { path: path.into(), target: target.into() }).await.map(drop)
    }

    /// Finds files by name and content.
    ///
    /// # Errors
    /// When nothing can be opened; the rest comes from the stream.
    pub fn search(&self, search: &Search) -> Result<Feed<FileSearch>, Error> {
        Ok(Feed::new(self.client.open::<FileSearch>(search)?))
    }

    /// Changes below a path, until the stream is dropped. What changes after its first item, `Ready`, is told.
    ///
    /// # Errors
    /// When nothing can be opened; the rest comes from the stream.
    pub fn watch(&self, watch: &Watch) -> Result<Feed<FileWatch>, Error> {
        Ok(Feed::new(self.client.open::<FileWatch>(watch)?))
    }
}
