//! Files, directories, watches and trees of the sandbox.
//!
//! Every operation reaches its target through [`path`], which opens a directory, checks it against the
//! [`PathPolicy`], and from there on names things only relative to what was opened: a symbolic link that is swapped
//! in later leads nowhere. Work that can block runs on tokio's blocking threads and stops when its future is dropped.

pub(crate) mod backup;
mod blocking;
mod change;
mod copy;
mod error;
mod gitignore;
mod globs;
mod info;
mod list;
mod path;
pub(crate) mod pieces;
mod read;
mod remove;
mod search;
mod target;
mod tree_read;
mod tree_write;
mod walk;
mod watch;
mod write;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sandwire_protocol::{ByteString, Code, Error};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use path::PathPolicy;
#[cfg(test)]
use watch::Watching;

use super::buckets::{Buckets, Long, Passage};

/// Searches and trees at once. Each has a thread of its own, also while its reader does not read.
pub(crate) const MAX_LONG: usize = 32;

/// Watches at once.
pub(crate) const MAX_WATCHES: usize = 40;

/// Of those the ones that may come to a bucket.
const BUCKET_WATCHES: usize = 30;

/// Searches by content at once, each with a compiled pattern and a long line.
pub(crate) const MAX_SEARCHES: usize = 10;

/// The file system as a caller may see it. A clone is cheap and shares the watches' one inotify instance.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    workspace: Arc<Path>,
    buckets: Arc<Buckets>,
    policy: Arc<PathPolicy>,
    hub: Arc<watch::Hub>,
    long: Arc<Semaphore>,
    watches: Arc<Semaphore>,
    bucket_watches: Arc<Semaphore>,
    searches: Arc<Semaphore>,
    backups: Arc<Semaphore>,
}

impl Files {
    /// Everything, with relative paths from `workspace`.
    pub(crate) fn new(workspace: PathBuf, buckets: Arc<Buckets>) -> Self {
        Self {
            workspace: workspace.into(),
            buckets,
            policy: Arc::new(PathPolicy::everything()),
            hub: Arc::new(watch::Hub::default()),
            long: Arc::new(Semaphore::new(MAX_LONG)),
            watches: Arc::new(Semaphore::new(MAX_WATCHES)),
            bucket_watches: Arc::new(Semaphore::new(BUCKET_WATCHES)),
            searches: Arc::new(Semaphore::new(MAX_SEARCHES)),
            backups: Arc::new(Semaphore::new(backup::MAX_BACKUPS)),
        }
    }

    /// The same, less what `policy` does not allow.
    pub(crate) fn limited_to(&self, policy: Arc<PathPolicy>) -> Self {
        Self { policy, ..self.clone() }
    }

    /// How an operation on these paths gets its thread. `deep`: it may also use what is below them.
    fn passage<const N: usize>(&self, paths: [&ByteString; N], deep: bool) -> Passage {
        if !self.buckets.any() {
            return Passage::default();
        }
        let paths = paths.map(|path| self.workspace.join(path));
        self.buckets.passage(paths.iter().map(PathBuf::as_path), deep)
    }

    /// A place for work that keeps a thread for as long as its reader or sender takes. What may come to a bucket waits for
    /// others there first: so a bucket that is gone takes no place from who works elsewhere.
    async fn long_work(&self, path: &ByteString, work: Long) -> Result<LongPlace, Error> {
        self.long_place(self.passage([path], true).long(work).await)
    }

    fn long_place(&self, bucket: Vec<OwnedSemaphorePermit>) -> Result<LongPlace, Error> {
        Ok(LongPlace { _own: place(&self.long, "searches and trees", MAX_LONG)?, _bucket: bucket })
    }
}

/// A place of work on files that has a thread of its own.
#[derive(Debug)]
struct LongPlace {
    _own: OwnedSemaphorePermit,
    _bucket: Vec<OwnedSemaphorePermit>,
}

/// One of so many places.
fn place(places: &Arc<Semaphore>, what: &str, most: usize) -> Result<OwnedSemaphorePermit, Error> {
    Arc::clone(places).try_acquire_owned().map_err(|_| {
        let text = format!("{most} {what} are under way, the most that there may be; end one first");
        Error::new(Code::LimitExceeded, text).with("limit", most)
    })
}
