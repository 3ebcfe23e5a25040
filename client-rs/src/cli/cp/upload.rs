//! Into the sandbox.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bytes::BytesMut;
use sandwire::kinds::stream::Upload;
use sandwire::protocol::ByteString;
use sandwire::protocol::kind::Kind;
use sandwire::protocol::kind::file::{FileType, Rename, Write};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Copied, Job, join, local, needs_recursive, skipped};
use crate::cli::fail::Failure;

/// A local file or tree.
pub(super) async fn path(job: &Job<'_>, from: &Path, to: &ByteString, several: bool) -> Result<Copied, Failure> {
    let metadata = std::fs::metadata(from).map_err(|error| local(from, &error))?;
    if metadata.is_dir() && !job.args.recursive {
        return Err(needs_recursive(from.display()));
    }
    let name = from.file_name().map(ByteString::from).unwrap_or_default();
    let (to, there) = job.remote_target(to, &name, several).await?;
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_dir() {
        return tree(job, from, to, there.is_none().then_some(mode)).await;
    }
    if there.as_ref().is_some_and(|info| info.file_type == FileType::Directory) {
        return Err(Failure::Usage(format!(":{to} is a directory")));
    }
    let size = metadata.is_file().then_some(metadata.len());
    let file = tokio::fs::File::open(from).await.map_err(|error| local(from, &error))?;
    job.progress.begin(from.display(), size);
    // A new file gets the mode of ours; one that is replaced keeps its own.
    let mode = there.is_none().then_some(mode & 0o777);
    let upload = job.files.write_with(&Write { path: to, mode, size, ..Write::default() })?;
    // A file that grows meanwhile is cut where it ended when we looked; one that shrinks is refused by `size`.
    let written = stream(job, file.take(size.unwrap_or(u64::MAX)), upload).await?;
    Ok(Copied { entries: 1, bytes: written.bytes })
}

/// A tree: a new one, with its mode, is made beside its place and put there when it is whole.
async fn tree(job: &Job<'_>, from: &Path, to: ByteString, new: Option<u32>) -> Result<Copied, Failure> {
    job.progress.begin(from.display(), None);
    let place = match new {
        Some(_) => {
            let place = beside(&to)?;
            job.set_leftover(Some(place.clone()));
            place
        }
        None => to.clone(),
    };
    let (end, packed) = job.files.upload_tree_with(from, place.clone(), |bytes| job.progress.add(bytes)).await?;
    if let Some(mode) = new {
        job.files.chmod(place.clone(), mode).await?;
        job.files.rename_with(&Rename { from: place, to, no_replace: true }).await?;
        job.set_leftover(None);
    }
    skipped(&packed.skipped.iter().map(ByteString::from).collect::<Vec<_>>());
    skipped(&end.skipped);
    Ok(Copied { entries: end.entries, bytes: end.bytes })
}

/// A hidden name in the same directory that nobody else has.
fn beside(path: &ByteString) -> Result<ByteString, Failure> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let local: &Path = path.as_ref();
    let directory = ByteString::from(super::parent(local));
    let name = super::last_name(path);
    let mut hidden = b".".to_vec();
    hidden.extend_from_slice(name.as_bytes().get(..name.as_bytes().len().min(200)).unwrap_or_default());
    hidden.extend_from_slice(format!(".{:016x}.part", u64::from_ne_bytes(random)).as_bytes());
    Ok(join(&directory, &hidden.into()))
}

/// Everything that a reader gives, to its end.
pub(super) async fn stream<K: Kind>(
    job: &Job<'_>,
    mut reader: impl AsyncRead + Unpin,
    mut upload: Upload<K>,
) -> Result<K::Result, Failure> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(64 << 10);
        let count = reader.read_buf(&mut buffer).await.map_err(sandwire::Error::from)?;
        if count == 0 {
            break;
        }
        upload.send(buffer.split().freeze()).await?;
        job.progress.add(count as u64);
    }
    Ok(upload.finish().await?)
}
