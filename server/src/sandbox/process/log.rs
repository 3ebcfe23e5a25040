//! The bounded log of a background process: memory first, then a spool file, the oldest goes first. Writing never waits
//! for a reader.

mod reader;
mod spool;
mod store;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use sandwire_protocol::kind::command::{Exit, Output};
use tokio::sync::Notify;

pub(crate) use self::reader::{Piece, Reader};
use self::spool::Spool;
pub(crate) use self::store::SEGMENT;
use self::store::Store;

/// Memory that the logs of one server hold together, in bytes, before each of them spills earlier.
pub(crate) const SHARED_MEMORY: usize = 16 << 20;

/// Restarts whose place in the log is remembered.
const MARKS: usize = 64;

/// Time for which a log does without its spool after the disk refused.
const RETRY_SPOOL: Duration = Duration::from_secs(10);

/// Bounds that logs of one server share.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// Memory of one log, in bytes.
    pub(crate) memory: usize,
    /// Spool of one log, in bytes.
    pub(crate) spool: u64,
    /// Folder for spool files, which have no name. `None` keeps everything in memory.
    pub(crate) folder: Option<Arc<Path>>,
    logs: Arc<AtomicUsize>,
}

impl Bounds {
    /// Bounds for a server.
    pub(crate) fn new(memory: usize, spool: u64, folder: Option<&Path>) -> Bounds {
        Bounds { memory, spool, folder: folder.map(Into::into), logs: Arc::default() }
    }

    /// The same with at most `total` bytes, memory and spool together.
    pub(crate) fn at_most(&self, total: Option<u64>) -> Bounds {
        let total = total.unwrap_or(u64::MAX);
        let memory = self.memory.min(usize::try_from(total).unwrap_or(usize::MAX));
        Bounds { memory, spool: self.spool.min(total - memory as u64), ..self.clone() }
    }

    /// Memory of one log while there are as many as now.
    fn memory_now(&self) -> usize {
        self.memory.min((SHARED_MEMORY / self.logs.load(Ordering::Relaxed).max(1)).max(SEGMENT))
    }
}

/// The log of one process.
#[derive(Debug)]
pub(crate) struct Log {
    inner: Mutex<Inner>,
    /// Told after each write, restart and at the end.
    changed: Notify,
    bounds: Bounds,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    spool: Option<Arc<Spool>>,
    spool_refused: Option<Instant>,
    marks: VecDeque<Mark>,
    /// Marks that were ever made.
    marked: u64,
    ended: bool,
}

/// A restart, and where in the log it was.
#[derive(Clone, Debug)]
struct Mark {
    number: u64,
    offset: u64,
    pid: u32,
    exit: Exit,
}

impl Log {
    /// An empty log, which has no memory and no file yet.
    pub(crate) fn new(bounds: Bounds) -> Arc<Log> {
        bounds.logs.fetch_add(1, Ordering::Relaxed);
        Arc::new(Log {
            inner: Mutex::new(Inner {
                store: Store::default(),
                spool: None,
                spool_refused: None,
                marks: VecDeque::new(),
                marked: 0,
                ended: false,
            }),
            changed: Notify::new(),
            bounds,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends what was read now. True when [`Log::settle`] has something to do.
    pub(crate) fn write(&self, output: Output, bytes: &[u8]) -> bool {
        let time_ms = now_ms();
        let over = {
            let mut inner = self.lock();
            inner.store.push(time_ms, output, bytes);
            inner.store.memory() > self.bounds.memory_now()
        };
        self.changed.notify_waiters();
        over
    }

    /// Brings the memory back under its bound: by the spool, or, where there is none, by forgetting.
    pub(crate) async fn settle(self: &Arc<Self>) {
        let Some(spool) = self.spool() else {
            self.lock().store.forget_memory(self.bounds.memory_now());
            return;
        };
        loop {
            // A little more than needed, so that not every write comes here.
            let target = self.bounds.memory_now() / 2;
            let (segments, last) = {
                let mut inner = self.lock();
                let segments = inner.store.oldest_in_memory(target);
                let Some(last) = segments.last().map(|segment| segment.number) else { return };
                inner.store.make_room(last, spool.slots());
                (segments, last)
            };
            let file = Arc::clone(&spool);
            // A full or slow disk stalls this process's log, not the runtime.
            let written = tokio::task::spawn_blocking(move || {
                segments.into_iter().try_for_each(|segment| file.write(segment.number, &segment.bytes))
            })
            .await
            .map_err(io::Error::other)
            .flatten();
            let mut inner = self.lock();
            match written {
                Ok(()) => inner.store.spilled(last),
                Err(error) => {
                    tracing::warn!(%error, "the spool of a log is not written; the log stays in memory");
                    inner.spool = None;
                    inner.spool_refused = Some(Instant::now());
                    inner.store.forget_spooled();
                    inner.store.forget_memory(self.bounds.memory_now());
                    return;
                }
            }
        }
    }

    fn spool(&self) -> Option<Arc<Spool>> {
        let mut inner = self.lock();
        if inner.spool.is_none() {
            let folder = self.bounds.folder.as_deref()?;
            let slots = self.bounds.spool / SEGMENT as u64;
            if slots == 0 || inner.spool_refused.is_some_and(|at| at.elapsed() < RETRY_SPOOL) {
                return None;
            }
            match Spool::create(folder, slots) {
                Ok(spool) => inner.spool = Some(Arc::new(spool)),
                Err(error) => {
                    tracing::warn!(%error, "no spool for a log; it stays in memory");
                    inner.spool_refused = Some(Instant::now());
                }
            }
        }
        inner.spool.clone()
    }

    /// Notes that the process was started again.
    pub(crate) fn restarted(&self, pid: u32, exit: Exit) {
        {
            let mut inner = self.lock();
            let mark = Mark { number: inner.marked, offset: inner.store.end(), pid, exit };
            inner.marked += 1;
            inner.marks.push_back(mark);
            if inner.marks.len() > MARKS {
                inner.marks.pop_front();
            }
        }
        self.changed.notify_waiters();
    }

    /// Nothing more will come: readers that have everything end.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_waiters();
    }

    /// Offsets of the oldest byte kept and after the newest.
    pub(crate) fn range(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.store.start(), inner.store.end())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.bounds.logs.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
