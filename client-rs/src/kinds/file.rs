//! Files and directories.
//!
//! Each operation has a short form for what is usual, and takes the protocol's own parameters for the rest.

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use sandwire_protocol::ByteString;
use sandwire_protocol::kind::file::Symlink;
pub use sandwire_protocol::kind::file::{
    Change, Chmod, Copied, Copy, FileType, Info, List, Mkdir, Read, ReadEnd, Remove, Removed, Rename, Search,
    SearchDown, SearchEnd, Stat, TreeEnd, TreeRead, TreeWrite, Watch, WatchDown, Write, WriteMode, Written,
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
/// ```
/// use futures_util::TryStreamExt;
/// use sandwire::Code;
/// use sandwire::kinds::file::{Read, SearchDown};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// let files = client.files();
/// files.write_all("notes/today", "milk\nbread\n").await?;
/// assert_eq!(files.read("notes/today")?.bytes(1 << 20).await?, b"milk\nbread\n");
/// assert_eq!(files.stat("notes/today").await?.size, 11);
///
/// // A range of a file.
/// let read = Read { path: "notes/today".into(), offset: Some(5), length: Some(5), ..Read::default() };
/// assert_eq!(files.read_with(&read)?.bytes(1 << 20).await?, b"bread");
///
/// // Lines with `bread` in them, as they are found.
/// let mut found = files.search("notes", "b.*d")?;
/// while let Some(item) = found.try_next().await? {
///     assert!(matches!(item, SearchDown::Line { line: 2, .. }));
/// }
/// assert_eq!(found.end().map(|end| end.matches), Some(1));
///
/// files.chmod("notes/today", 0o600).await?;
/// files.symlink("today", "notes/link").await?;
/// files.copy("notes", "copy").await?;
/// files.rename("copy", "old").await?;
/// let paths: Vec<_> = files.list("old").map_ok(|info| info.path.to_string()).try_collect().await?;
/// assert_eq!(paths, ["link", "today"]);
/// files.remove("old/link").await?;
/// files.remove_all("old").await?;
/// assert_eq!(files.stat("old").await.unwrap_err().code(), Some(Code::FileNotFound));
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

    /// Removes a file, a symbolic link (never its target), or an empty directory.
    ///
    /// # Errors
    /// `FILE_NOT_FOUND`, `DIRECTORY_NOT_EMPTY`, and what else the file system says.
    pub async fn remove(&self, path: impl Into<ByteString>) -> Result<(), Error> {
        self.remove_with(&Remove { path: path.into(), ..Remove::default() }).await.map(drop)
    }

    /// Removes whatever is at a path, a directory with all that is in it; is content when there is nothing.
    ///
    /// # Errors
    /// As the file system says. What was removed until then is gone.
    pub async fn remove_all(&self, path: impl Into<ByteString>) -> Result<Removed, Error> {
        self.remove_with(&Remove { path: path.into(), recursive: true, force: true }).await
    }

    /// Removes, as `remove` says.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn remove_with(&self, remove: &Remove) -> Result<Removed, Error> {
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

    /// Copies a file, or a directory with all that is in it, inside the sandbox. `to` is the new name itself, not a
    /// directory to put it in. Modes and times are kept, and symbolic links are copied as links.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn copy(&self, from: impl Into<ByteString>, to: impl Into<ByteString>) -> Result<Copied, Error> {
        self.copy_with(&Copy { from: from.into(), to: to.into(), recursive: true, no_replace: false }).await
    }

    /// Copies inside the sandbox, as `copy` says.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn copy_with(&self, copy: &Copy) -> Result<Copied, Error> {
        self.client.call::<FileCopy>(copy).await
    }

    /// Sets the permission bits of a file or directory, for example `0o755`.
    ///
    /// # Errors
    /// As the file system says; `VALIDATION_FAILED` for more than `0o7777`.
    pub async fn chmod(&self, path: impl Into<ByteString>, mode: u32) -> Result<(), Error> {
        self.chmod_with(&Chmod { path: path.into(), mode, recursive: false }).await
    }

    /// Sets permission bits, as `chmod` says.
    ///
    /// # Errors
    /// As [`chmod`](Self::chmod).
    pub async fn chmod_with(&self, chmod: &Chmod) -> Result<(), Error> {
        self.client.call::<FileChmod>(chmod).await.map(drop)
    }

    /// Makes a symbolic link at `path` that says `target`.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn symlink(&self, target: impl Into<ByteString>, path: impl Into<ByteString>) -> Result<(), Error> {
        self.client.call::<FileSymlink>(&Symlink { path: path.into(), target: target.into() }).await.map(drop)
    }

    /// Finds the lines below a directory that match a regular expression (the syntax of Rust's `regex`).
    ///
    /// # Errors
    /// When nothing can be opened; the rest comes from the stream, as `VALIDATION_FAILED` for a bad expression.
    pub fn search(&self, path: impl Into<ByteString>, pattern: impl Into<String>) -> Result<Feed<FileSearch>, Error> {
        self.search_with(&Search { path: path.into(), pattern: Some(pattern.into()), ..Search::default() })
    }

    /// Finds files by name, content or both, as `search` says.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub fn search_with(&self, search: &Search) -> Result<Feed<FileSearch>, Error> {
        Ok(Feed::new(self.client.open::<FileSearch>(search)?))
    }

    /// Changes of a file, or of everything below a directory, until the stream is dropped. The first item is
    /// [`WatchDown::Ready`]: what changes after it is told.
    ///
    /// ```
    /// use futures_util::TryStreamExt;
    /// use sandwire::kinds::file::{Change, WatchDown};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (server, client) = sandwire_tests::doc::served().await;
    /// let files = client.files();
    /// let mut changes = files.watch(".")?;
    /// assert_eq!(changes.try_next().await?, Some(WatchDown::Ready {}));
    /// files.mkdir("new").await?;
    /// let change = changes.try_next().await?.ok_or("the watch has ended")?;
    /// assert!(matches!(change, WatchDown::Change { change: Change::Create, directory: true, .. }));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When nothing can be opened; the rest comes from the stream, as `FILE_NOT_FOUND`.
    pub fn watch(&self, path: impl Into<ByteString>) -> Result<Feed<FileWatch>, Error> {
        self.watch_with(&Watch { path: path.into(), ..Watch::default() })
    }

    /// As [`watch`](Self::watch), as `watch` says.
    ///
    /// # Errors
    /// As [`watch`](Self::watch).
    pub fn watch_with(&self, watch: &Watch) -> Result<Feed<FileWatch>, Error> {
        Ok(Feed::new(self.client.open::<FileWatch>(watch)?))
    }
}
