//! A local directory as a tar stream, written as it is walked.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::fs::{self, File};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, ReadBuf, Take};
use tokio_tar::{Builder, EntryType, Header};

use crate::error::Error;

/// Paths that [`Packed::skipped`] names at most.
const MAX_SKIPPED: usize = 100;

/// What was packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Entries.
    pub entries: u64,
    /// Bytes of file content.
    pub bytes: u64,
    /// Local paths that were left out because they are devices, FIFOs or sockets: the first 100.
    pub skipped: Vec<PathBuf>,
}

/// Writes the tree below `top`, or the single file `top`, with names relative to it.
pub(super) async fn pack<W: AsyncWrite + Unpin + Send>(
    top: &Path,
    target: W,
    mut progress: impl FnMut(u64) + Send,
) -> Result<(W, Packed), Error> {
    let mut packed = Packed::default();
    let mut tar = Builder::new_non_terminated(BufWriter::with_capacity(64 << 10, target));
    tar.follow_symlinks(false);
    let metadata = fs::metadata(top).await.map_err(|error| named(top, &error))?;
    if metadata.is_dir() {
        // Depth first: what waits is the directories beside the path from the top.
        let mut waiting = vec![PathBuf::new()];
        while let Some(directory) = waiting.pop() {
            let path = top.join(&directory);
            let mut names = Vec::new();
            let mut listing = fs::read_dir(&path).await.map_err(|error| named(&path, &error))?;
            while let Some(entry) = listing.next_entry().await.map_err(|error| named(&path, &error))? {
                names.push(entry.file_name());
            }
            names.sort();
            let mut directories = Vec::new();
            for name in names {
                let relative = directory.join(name);
                if add(&mut tar, top, &relative, &mut packed, &mut progress).await? {
                    directories.push(relative);
                }
            }
            waiting.extend(directories.into_iter().rev());
        }
    } else {
        let name = top.file_name().map_or_else(|| PathBuf::from("file"), PathBuf::from);
        let parent = top.parent().unwrap_or(Path::new(""));
        add(&mut tar, parent, &name, &mut packed, &mut progress).await?;
    }
    let mut buffered = tar.into_inner().await?;
    buffered.flush().await?;
    Ok((buffered.into_inner(), packed))
}

/// Adds one entry; whether it is a directory.
async fn add<W: AsyncWrite + Unpin + Send>(
    tar: &mut Builder<W>,
    top: &Path,
    relative: &Path,
    packed: &mut Packed,
    progress: &mut (impl FnMut(u64) + Send),
) -> Result<bool, Error> {
    let path = top.join(relative);
    let metadata = fs::symlink_metadata(&path).await.map_err(|error| named(&path, &error))?;
    let mut header = Header::new_gnu();
    header.set_metadata(&metadata);
    if metadata.is_dir() {
        tar.append_data(&mut header, relative, io::Cursor::new([])).await?;
    } else if metadata.is_symlink() {
        let target = fs::read_link(&path).await.map_err(|error| named(&path, &error))?;
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        append_link(tar, &mut header, relative, &target).await?;
    } else if metadata.is_file() {
        let file = File::open(&path).await.map_err(|error| named(&path, &error))?;
        let content = Exactly { file: file.take(metadata.len()), path: &path };
        tar.append_data(&mut header, relative, content).await?;
        packed.bytes += metadata.len();
        progress(metadata.len());
    } else {
        if packed.skipped.len() < MAX_SKIPPED {
            packed.skipped.push(path);
        }
        return Ok(false);
    }
    packed.entries += 1;
    Ok(metadata.is_dir())
}

/// A link whose target is longer than the header's field has it in an entry before its own.
async fn append_link<W: AsyncWrite + Unpin + Send>(
    tar: &mut Builder<W>,
    header: &mut Header,
    relative: &Path,
    target: &Path,
) -> Result<(), Error> {
    if header.set_link_name(target).is_err() {
        use std::os::unix::ffi::OsStrExt;
        let mut name = target.as_os_str().as_bytes().to_vec();
        name.push(0);
        let mut long = Header::new_gnu();
        long.set_entry_type(EntryType::GNULongLink);
        long.set_mode(0o644);
        long.set_size(name.len() as u64);
        tar.append_data(&mut long, "././@LongLink", io::Cursor::new(name)).await?;
    }
    Ok(tar.append_data(header, relative, io::Cursor::new([])).await?)
}

fn named(path: &Path, error: &io::Error) -> Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display())).into()
}

/// A file of which the archive has said how long it is: no more is read, and less is an error.
struct Exactly<'a> {
    file: Take<File>,
    path: &'a Path,
}

impl AsyncRead for Exactly<'_> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.file).poll_read(cx, buf))?;
        if buf.filled().len() == before && this.file.limit() > 0 && buf.remaining() > 0 {
            let message = format!("{} became shorter while it was read", this.path.display());
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, message)));
        }
        Poll::Ready(Ok(()))
    }
}
