//! `backup.*`: a directory as one compressed archive that proves itself, and back, whole or not at all.
//!
//! Each is a thread of its own and one of [`MAX_BACKUPS`]: who comes when all are taken waits, and holds nothing meanwhile.
//! Memory: that of a tree, and what compresses ([`compress`]).

mod compress;
mod seal;
mod staging;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use sandwire_protocol::kind::backup::{Compression, Create, Created, Down, Restore, Restored};
use sandwire_protocol::kind::file::{TreeEnd, TreeRead};
use sandwire_protocol::{ByteString, Code, Error};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::blocking::{Counts, Long, Stop, StopOnDrop};
use super::error::failed_io;
use super::globs::Globs;
use super::tree_read::pack::Archive;
use super::tree_read::{Output, QUEUE};
use super::tree_write::QUEUE as RECEIVED;
use super::tree_write::archive::Input;
use super::tree_write::unpack::Unpack;
use super::{Files, LongPlace};
use crate::sandbox::buckets::Long as Bucket;
use compress::{Compressor, levels};
use seal::{Sealing, Unsealed};
use staging::Staging;

/// Backups at once, both ways.
pub(crate) const MAX_BACKUPS: usize = 2;

/// A backup that is being made. Dropped, it stops.
#[derive(Debug)]
pub(crate) struct Packer {
    pieces: mpsc::Receiver<Bytes>,
    piece: Bytes,
    counts: Arc<Counts>,
    task: Long<Created>,
    _stop: StopOnDrop,
}

impl Packer {
    /// At most `room` bytes of the archive, the next ones; `None` at the end, which may be an error's: see [`Packer::end`].
    pub(crate) async fn next(&mut self, room: usize) -> Option<Bytes> {
        if self.piece.is_empty() {
            self.piece = self.pieces.recv().await?;
        }
        Some(self.piece.split_to(room.min(self.piece.len())))
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Down {
        progress(&self.counts)
    }

    /// The result.
    pub(crate) async fn end(self) -> Result<Created, Error> {
        drop(self.pieces);
        self.task.end().await
    }
}

/// A backup that is being restored.
#[derive(Debug)]
pub(crate) struct Restorer {
    pieces: mpsc::Sender<Option<Bytes>>,
    counts: Arc<Counts>,
    task: Long<Restored>,
    stop: StopOnDrop,
    /// Whether it may have to wait for a bucket: then who gives up does not wait for its end.
    may_wait: bool,
}

impl Restorer {
    /// Takes the next bytes. `false` when no more are wanted: it has failed, and [`Restorer::finish`] says why.
    pub(crate) async fn push(&self, data: Bytes) -> bool {
        self.pieces.send(Some(data)).await.is_ok()
    }

    /// Waits until no more bytes are wanted.
    pub(crate) async fn ended(&self) {
        self.pieces.closed().await;
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Down {
        progress(&self.counts)
    }

    /// Everything came: the result, once the directory is what the archive says. Told to stop by `gave_up`, it still says
    /// what has become of it, once nothing is left of what was begun; in a bucket it does not wait for that.
    pub(crate) async fn finish(self, gave_up: impl Future<Output = ()>) -> Result<Restored, Error> {
        let Self { pieces, task, stop, may_wait, .. } = self;
        let end = async {
            // When it has ended already, its result says why.
            drop(pieces.send(None).await);
            task.end().await
        };
        tokio::pin!(end);
        tokio::select! {
            result = &mut end => return result,
            () = gave_up => drop(stop),
        }
        if may_wait {
            return Err(Error::new(Code::Cancelled, "the opener gave up"));
        }
        end.await
    }

    /// Gives up. Returns once nothing is left of what was begun; in a bucket it does not wait for that.
    pub(crate) async fn abandon(self) {
        let Self { pieces, task, stop, may_wait, .. } = self;
        drop((pieces, stop));
        if may_wait {
            return;
        }
        if let Ok(restored) = task.end().await {
            tracing::warn!(?restored, "a backup was restored although its opener gave up");
        }
    }
}

fn progress(counts: &Counts) -> Down {
    let (entries, bytes, archive_bytes) = counts.now();
    Down::Progress { entries, bytes, archive_bytes }
}

impl Files {
    /// Begins to make a backup of a directory.
    pub(crate) async fn backup_create(&self, params: Create) -> Result<Packer, Error> {
        let globs = Globs::new(&[], &params.exclude)?;
        let compression = params.compression.unwrap_or_default();
        let level = level(compression, params.level)?;
        let places = self.backup_places(&params.path).await?;
        let (sender, pieces) = mpsc::channel(QUEUE);
        let stop = Stop::default();
        let guard = stop.guard();
        let files = self.clone();
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        let task = Long::start(places, move || {
            let Create { path, exclude, gitignore, .. } = params;
            let read = TreeRead { path, exclude, gitignore, include: Vec::new() };
            let wrong = |error: std::io::Error| failed_io("archive", read.path.as_bytes(), &error);
            let sealing = Sealing::new(Output::new(sender), Arc::clone(&counted));
            let compressor = Compressor::new(sealing, compression, level).map_err(wrong)?;
            let archive = Archive::new(compressor, stop).whole(Arc::clone(&counted));
            let (compressor, TreeEnd { entries, bytes, skipped }) = archive.all(&files, &read, &globs)?;
            let sealing = compressor.finish().map_err(wrong)?;
            let sha256 = sealing.finish(compression).map_err(wrong)?;
            let (_, _, archive_bytes) = counted.now();
            Ok(Created { entries, bytes, archive_bytes, sha256, skipped })
        })?;
        Ok(Packer { pieces, piece: Bytes::new(), counts, task, _stop: guard })
    }

    /// Begins to restore one.
    pub(crate) async fn backup_restore(&self, params: Restore) -> Result<Restorer, Error> {
        let wanted = params.sha256.as_deref().map(digest).transpose()?;
        let may_wait = self.passage([&params.path], true).may_wait();
        let places = self.backup_places(&params.path).await?;
        let (pieces, receiver) = mpsc::channel(RECEIVED);
        let stop = Stop::default();
        let guard = stop.guard();
        let files = self.clone();
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        let task = Long::start(places, move || {
            let staging = Staging::new(&files, &params.path, params.replace)?;
            let sum = Arc::new(OnceLock::new());
            let unsealed = Unsealed::new(receiver, Arc::clone(&sum), Arc::clone(&counted))?;
            let input = Input::new(compress::source(unsealed)?);
            let owners = rustix::process::geteuid().is_root();
            let root = staging.directory()?;
            let unpacked = Unpack::new(root, owners, stop.clone()).whole(counted).all(input);
            // The archive's own errors: none that `backup.create` makes has them.
            let end = unpacked.map_err(|error| {
                let damaged = error.code == Code::ValidationFailed;
                if damaged { Error { code: Code::BackupDamaged, ..error } } else { error }
            })?;
            let sum = sum.get().ok_or_else(|| seal::damaged("the archive ends before its seal"))?;
            if wanted.is_some_and(|wanted| wanted != *sum) {
                return Err(seal::damaged(&format!("the archive is another one: its SHA-256 is {sum}")));
            }
            stop.check()?;
            let replaced = staging.commit()?;
            Ok(Restored { entries: end.entries, bytes: end.bytes, replaced })
        })?;
        Ok(Restorer { pieces, counts, task, stop: guard, may_wait })
    }

    /// A place among trees, and one among backups, waited for.
    async fn backup_places(&self, path: &ByteString) -> Result<(LongPlace, OwnedSemaphorePermit), Error> {
        let bucket = self.passage([path], true).long(Bucket::Backup).await;
        let backup = Arc::clone(&self.backups).acquire_owned().await;
        let backup = backup.map_err(|_| Error::new(Code::Draining, "no backups are taken any more"))?;
        Ok((self.long_place(bucket)?, backup))
    }
}

fn level(compression: Compression, level: Option<u32>) -> Result<u32, Error> {
    let (default, most) = levels(compression);
    let level = level.unwrap_or(default);
    if level >= default.min(1) && level <= most {
        return Ok(level);
    }
    let text = match compression {
        Compression::Zstd | Compression::Gzip => format!("level has to be from 1 to {most}"),
        Compression::None => "level is not for an archive that is not compressed".to_owned(),
    };
    Err(Error::new(Code::ValidationFailed, text).with("parameter", "level").with("limit", most))
}

/// A SHA-256 as it is compared: in lower case.
fn digest(text: &str) -> Result<String, Error> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    let text = "sha256 has to be 64 hexadecimal digits";
    Err(Error::new(Code::ValidationFailed, text).with("parameter", "sha256"))
}
