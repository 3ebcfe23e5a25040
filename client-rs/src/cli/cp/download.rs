//! Out of the sandbox.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use sandwire::kinds::stream::Download;
use sandwire::protocol::ByteString;
use sandwire::protocol::kind::file::{FileType, Info};

use super::{Copied, Job, last_name, local, needs_recursive, parent, skipped};
use crate::cli::fail::Failure;
use crate::cli::stdio;

/// To standard output.
pub(super) async fn stdout<T: Clone + Send + Sync + 'static>(
    job: &Job<'_>,
    mut download: Download<T>,
) -> Result<T, Failure> {
    while let Some(chunk) = download.chunk().await? {
        stdio::stdout(&chunk)?;
        job.progress.add(chunk.len() as u64);
    }
    Ok(download.finish().await?)
}

/// A file or tree of the sandbox.
pub(super) async fn path(job: &Job<'_>, from: &ByteString, to: &Path, several: bool) -> Result<Copied, Failure> {
    let info = job.files.stat(from.clone()).await?;
    if info.file_type == FileType::Directory && !job.args.recursive {
        return Err(needs_recursive(format!(":{from}")));
    }
    let directory = to.is_dir();
    if !directory && (several || to.as_os_str().as_encoded_bytes().ends_with(b"/")) {
        return Err(Failure::Usage(format!("{} is no directory", to.display())));
    }
    let name = last_name(from);
    let to = if directory && !name.is_empty() {
        let name: &Path = name.as_ref();
        to.join(name)
    } else {
        to.to_path_buf()
    };
    if info.file_type == FileType::Directory {
        tree(job, from, &info, &to).await
    } else {
        file(job, from, &info, &to).await
    }
}

/// A file: what was there stays until the new one is whole.
async fn file(job: &Job<'_>, from: &ByteString, info: &Info, to: &Path) -> Result<Copied, Failure> {
    job.progress.begin(format!(":{from}"), Some(info.size));
    // Through a link, so that the link stays and its target is replaced.
    let to = fs::canonicalize(to).unwrap_or_else(|_| to.to_path_buf());
    let there = fs::metadata(&to).ok();
    if there.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(Failure::Usage(format!("{} is a directory", to.display())));
    }
    let mut download = job.files.read(from.clone())?;
    if there.as_ref().is_some_and(|there| !there.is_file()) {
        // A device or FIFO cannot be replaced: what it gets, it has.
        let mut target = fs::OpenOptions::new().write(true).open(&to).map_err(|error| local(&to, &error))?;
        return write(job, download, &mut target, &to).await;
    }
    let directory = parent(&to);
    let temporary = tempfile::Builder::new().prefix(".sandwire-").tempfile_in(&directory);
    let mut temporary = temporary.map_err(|error| local(&directory, &error))?;
    while let Some(chunk) = download.chunk().await? {
        temporary.write_all(&chunk).map_err(|error| local(&to, &error))?;
        job.progress.add(chunk.len() as u64);
    }
    let end = download.finish().await?;
    let mode = there.map_or_else(|| info.mode & 0o777 & !umask(), |there| there.permissions().mode() & 0o7777);
    temporary.as_file().set_permissions(Permissions::from_mode(mode)).map_err(|error| local(&to, &error))?;
    temporary.persist(&to).map_err(|error| local(&to, &error.error))?;
    if end.changed {
        eprintln!("sandwire: :{from} changed while it was read");
    }
    Ok(Copied { entries: 1, bytes: end.bytes })
}

async fn write(
    job: &Job<'_>,
    mut download: Download<sandwire::protocol::kind::file::ReadEnd>,
    target: &mut fs::File,
    to: &Path,
) -> Result<Copied, Failure> {
    while let Some(chunk) = download.chunk().await? {
        target.write_all(&chunk).map_err(|error| local(to, &error))?;
        job.progress.add(chunk.len() as u64);
    }
    let end = download.finish().await?;
    Ok(Copied { entries: 1, bytes: end.bytes })
}

/// A tree: a new one is made beside its place and put there when it is whole.
async fn tree(job: &Job<'_>, from: &ByteString, info: &Info, to: &Path) -> Result<Copied, Failure> {
    job.progress.begin(format!(":{from}"), None);
    let tree = job.tree(from);
    let progress = |bytes| job.progress.add(bytes);
    let end = if to.exists() {
        job.files.download_tree_with(&tree, to, progress).await?
    } else {
        let directory: PathBuf = parent(to);
        let temporary = tempfile::Builder::new().prefix(".sandwire-").tempdir_in(&directory);
        let temporary = temporary.map_err(|error| local(&directory, &error))?;
        let end = job.files.download_tree_with(&tree, temporary.path(), progress).await?;
        let mode = Permissions::from_mode(info.mode & 0o777 & !umask());
        fs::set_permissions(temporary.path(), mode).map_err(|error| local(to, &error))?;
        fs::rename(temporary.path(), to).map_err(|error| local(to, &error))?;
        // It has another name now, and stays.
        drop(temporary.keep());
        end
    };
    skipped(&end.skipped);
    Ok(Copied { entries: end.entries, bytes: end.bytes })
}

/// Permission bits that this process takes from new files. It can only be read by setting it.
fn umask() -> u32 {
    let mask = rustix::process::umask(Mode::from_raw_mode(0o077));
    rustix::process::umask(mask);
    mask.as_raw_mode()
}
