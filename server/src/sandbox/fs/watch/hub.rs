//! The one inotify instance, shared by all watches: who watches which directory, and who is told what.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use sandwire_protocol::kind::file::Change;
use sandwire_protocol::{ByteString, Code, Error};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use crate::sandbox::fs::error::{failed, failed_io, refused};
use crate::sandbox::fs::path::magic_link;
use crate::sandbox::process::spawn::watch;

/// Changes of one watch that wait to be merged: about 1.5 MB when all names are as long as can be.
pub(super) const QUEUE: usize = 4096;

/// Directories that one watch may hold.
const MAX_DIRECTORIES: usize = 100_000;

/// Bytes that the directories of all watches may take: their paths, and what leads to them.
const MAX_BYTES: usize = 24 << 20;

/// What a directory takes beside its path, in bytes.
const ENTRY: usize = 160;

/// Renamed directories whose second half is still to come.
const MAX_MOVING: usize = 64;

/// Bytes taken from the kernel at once.
const BUFFER: usize = 64 << 10;

/// All watches of a server.
#[derive(Debug, Default)]
pub(in crate::sandbox::fs) struct Hub {
    instance: Mutex<Option<Arc<Instance>>>,
}

/// A watch's place in the hub. Dropped, its directories are let go.
#[derive(Debug)]
pub(super) struct Subscription {
    /// Its number.
    pub(super) id: u64,
    /// What happens.
    pub(super) raw: mpsc::Receiver<Raw>,
    /// Rings when something was lost.
    pub(super) lost: Arc<Notify>,
    overflow: Arc<AtomicBool>,
    instance: Arc<Instance>,
}

/// A change as the kernel tells it.
#[derive(Debug)]
pub(super) struct Raw {
    /// The directory it is in, below the watched one.
    pub(super) dir: Arc<[u8]>,
    /// The name in it; empty for the directory itself.
    pub(super) name: Box<[u8]>,
    /// What happened.
    pub(super) change: RawChange,
    /// Whether it is a directory.
    pub(super) directory: bool,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(super) enum RawChange {
    /// Something that is complete by itself.
    Plain(Change),
    /// The first half of a rename.
    MovedFrom(u32),
    /// The second half.
    MovedTo(u32),
    /// The watched directory itself is gone, or somewhere else.
    Gone,
}

#[derive(Debug)]
struct Instance {
    fd: AsyncFd<OwnedFd>,
    state: Mutex<State>,
    task: Mutex<Option<AbortHandle>>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    watches: BTreeMap<u64, Receiver>,
    /// What `paths` and `numbers` take.
    bytes: usize,
    /// By inotify's number and the watch: the directory, below the watched one.
    paths: BTreeMap<(i32, u64), Arc<[u8]>>,
    /// The same the other way round.
    numbers: BTreeMap<(u64, Arc<[u8]>), i32>,
    /// Directories that left a place: cookie, watch, old path. The oldest first.
    moving: Vec<(u32, u64, Vec<u8>)>,
}

#[derive(Debug)]
struct Receiver {
    sender: mpsc::Sender<Raw>,
    overflow: Arc<AtomicBool>,
    lost: Arc<Notify>,
    directories: usize,
}

impl Hub {
    /// A new watch, without directories yet.
    pub(super) fn subscribe(&self, shown: &ByteString) -> Result<Subscription, Error> {
        let instance = self.instance(shown)?;
        let (sender, raw) = mpsc::channel(QUEUE);
        let (overflow, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let mut state = instance.state();
        state.next += 1;
        let id = state.next;
        let receiver = Receiver { sender, overflow: Arc::clone(&overflow), lost: Arc::clone(&lost), directories: 0 };
        state.watches.insert(id, receiver);
        drop(state);
        Ok(Subscription { id, raw, lost, overflow, instance })
    }

    /// Watches a directory, given opened, for the watch `id`.
    pub(super) fn add(&self, id: u64, dir: &OwnedFd, path: &[u8], shown: &ByteString) -> Result<(), Error> {
        self.instance(shown)?.add(id, dir, path, shown)
    }

    /// Lets go of a directory and of all below it.
    pub(super) fn forget(&self, id: u64, path: &[u8]) {
        let instance = self.instance.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(instance) = instance {
            instance.forget(id, Some(path));
        }
    }

    /// How many directories are held, by all watches.
    #[cfg(test)]
    pub(in crate::sandbox::fs) fn watches(&self) -> usize {
        let instance = self.instance.lock().unwrap_or_else(PoisonError::into_inner).clone();
        instance.map_or(0, |instance| instance.state().paths.len())
    }

    fn instance(&self, shown: &ByteString) -> Result<Arc<Instance>, Error> {
        let mut slot = self.instance.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(instance) = &*slot {
            return Ok(Arc::clone(instance));
        }
        let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).map_err(|errno| match errno {
            Errno::MFILE => {
                let what = "no more inotify instances are possible; raise fs.inotify.max_user_instances";
                refused(Code::WatchFailed, shown.as_bytes(), what).with("errno", errno.raw_os_error())
            }
            errno => failed("watch", shown.as_bytes(), errno),
        })?;
        let fd = watch(fd, Interest::READABLE).map_err(|error| failed_io("watch", shown.as_bytes(), &error))?;
        let instance = Arc::new(Instance { fd, state: Mutex::new(State::default()), task: Mutex::new(None) });
        let task = tokio::spawn(read_all(Arc::clone(&instance)));
        *instance.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
        *slot = Some(Arc::clone(&instance));
        Ok(instance)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let instance = self.instance.lock().unwrap_or_else(PoisonError::into_inner).take();
        let task = instance.and_then(|instance| instance.task.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(task) = task {
            task.abort();
        }
    }
}

impl Subscription {
    /// Whether something was lost since the last time it was asked.
    pub(super) fn overflowed(&self) -> bool {
        self.overflow.swap(false, Ordering::AcqRel)
    }

    /// Throws away what is queued.
    pub(super) fn clear(&mut self) {
        while self.raw.try_recv().is_ok() {}
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.instance.forget(self.id, None);
    }
}

impl Instance {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, id: u64, dir: &OwnedFd, path: &[u8], shown: &ByteString) -> Result<(), Error> {
        let flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        // Under the lock, so that the reader does not see the number before it is known here.
        let mut state = self.state();
        let Some(receiver) = state.watches.get_mut(&id) else { return Ok(()) };
        if receiver.directories >= MAX_DIRECTORIES {
            let what = format!("there are more than {MAX_DIRECTORIES} directories; exclude some");
            return Err(refused(Code::WatchFailed, shown.as_bytes(), &what).with("limit", MAX_DIRECTORIES));
        }
        if state.bytes + path.len() + ENTRY > MAX_BYTES {
            let what = "the directories of all watches take more memory than there is for them; exclude some";
            return Err(refused(Code::WatchFailed, shown.as_bytes(), what).with("limit", MAX_BYTES));
        }
        let number = inotify::add_watch(self.fd.get_ref(), magic_link(dir.as_fd()), flags).map_err(|errno| {
            let error = match errno {
                Errno::NOSPC => refused(
                    Code::WatchFailed,
                    shown.as_bytes(),
                    "no more directories can be watched; raise fs.inotify.max_user_watches or exclude some",
                ),
                errno => failed("watch", shown.as_bytes(), errno),
            };
            error.with("errno", errno.raw_os_error())
        })?;
        state.put(number, id, path);
        Ok(())
    }

    fn forget(&self, id: u64, below: Option<&[u8]>) {
        let mut state = self.state();
        for path in state.below(id, below.unwrap_or_default()) {
            let Some(number) = state.take(id, &path) else { continue };
            let shared = state.paths.range((number, 0)..=(number, u64::MAX)).next().is_some();
            // It fails when the directory is gone, and with it its watch.
            if !shared && let Err(errno) = inotify::remove_watch(self.fd.get_ref(), number) {
                tracing::trace!(%errno, "an inotify watch had ended already");
            }
        }
        if below.is_none() {
            state.watches.remove(&id);
            state.moving.retain(|(_, watch, _)| *watch != id);
        }
    }
}

impl State {
    fn put(&mut self, number: i32, id: u64, path: &[u8]) {
        let path: Arc<[u8]> = path.into();
        self.bytes += path.len() + ENTRY;
        let old = self.paths.insert((number, id), Arc::clone(&path));
        if let Some(old) = &old {
            self.bytes -= old.len() + ENTRY;
            self.numbers.remove(&(id, Arc::clone(old)));
        } else if let Some(receiver) = self.watches.get_mut(&id) {
            receiver.directories += 1;
        }
        if let Some(other) = self.numbers.insert((id, path), number)
            && other != number
        {
            self.forget(other, id);
            self.count_down(id);
        }
    }

    fn take(&mut self, id: u64, path: &Arc<[u8]>) -> Option<i32> {
        let number = self.numbers.remove(&(id, Arc::clone(path)))?;
        self.forget(number, id);
        self.count_down(id);
        Some(number)
    }

    fn forget(&mut self, number: i32, id: u64) {
        if let Some(path) = self.paths.remove(&(number, id)) {
            self.bytes -= path.len() + ENTRY;
        }
    }

    fn count_down(&mut self, id: u64) {
        if let Some(receiver) = self.watches.get_mut(&id) {
            receiver.directories = receiver.directories.saturating_sub(1);
        }
    }

    /// The directories at and below a path; with an empty path, all.
    fn below(&self, id: u64, path: &[u8]) -> Vec<Arc<[u8]>> {
        self.numbers
            .range((id, Arc::from(path))..)
            .map(|((watch, found), _)| (watch, found))
            .take_while(|(watch, found)| **watch == id && found.starts_with(path))
            .map(|(_, found)| found)
            .filter(|found| path.is_empty() || found.len() == path.len() || found[path.len()] == b'/')
            .map(Arc::clone)
            .collect()
    }

    fn relabel(&mut self, id: u64, old: &[u8], new: &[u8]) {
        for path in self.below(id, old) {
            if let Some(number) = self.take(id, &path) {
                let mut renamed = new.to_vec();
                renamed.extend_from_slice(&path[old.len()..]);
                self.put(number, id, &renamed);
            }
        }
    }

    fn handle(&mut self, number: i32, flags: ReadFlags, cookie: u32, name: &[u8]) {
        if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            for receiver in self.watches.values() {
                receiver.lose();
            }
            return;
        }
        let directory = flags.contains(ReadFlags::ISDIR);
        let concerned: Vec<(u64, Arc<[u8]>)> =
            self.paths.range((number, 0)..=(number, u64::MAX)).map(|((_, id), path)| (*id, Arc::clone(path))).collect();
        for (id, dir) in concerned {
            if flags.contains(ReadFlags::IGNORED) {
                self.take(id, &dir);
                continue;
            }
            let own = name.is_empty();
            let change = if flags.contains(ReadFlags::CREATE) {
                RawChange::Plain(Change::Create)
            } else if flags.contains(ReadFlags::DELETE) {
                RawChange::Plain(Change::Remove)
            } else if flags.contains(ReadFlags::MOVED_FROM) {
                RawChange::MovedFrom(cookie)
            } else if flags.contains(ReadFlags::MOVED_TO) {
                RawChange::MovedTo(cookie)
            } else if flags.intersects(ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::UNMOUNT) {
                RawChange::Gone
            } else if flags.contains(ReadFlags::MODIFY) {
                RawChange::Plain(Change::Modify)
            } else if flags.contains(ReadFlags::ATTRIB) {
                RawChange::Plain(Change::Attrib)
            } else {
                continue;
            };
            // A directory below tells about itself what the one above it tells by its name.
            if own && !dir.is_empty() {
                continue;
            }
            if directory && !own {
                self.follow(id, &dir, name, change);
            }
            if let Some(receiver) = self.watches.get(&id) {
                let raw = Raw { dir, name: name.into(), change, directory: directory || own };
                if receiver.sender.try_send(raw).is_err() {
                    receiver.lose();
                }
            }
        }
    }

    /// Keeps the names of renamed directories right for what happens in them from now on.
    fn follow(&mut self, id: u64, dir: &[u8], name: &[u8], change: RawChange) {
        let path = join(dir, name);
        match change {
            RawChange::MovedFrom(cookie) => {
                if self.moving.len() >= MAX_MOVING {
                    self.moving.remove(0);
                }
                self.moving.push((cookie, id, path));
            }
            RawChange::MovedTo(cookie) => {
                let found = self.moving.iter().position(|(moving, watch, _)| *moving == cookie && *watch == id);
                if let Some(found) = found {
                    let (_, _, old) = self.moving.remove(found);
                    self.relabel(id, &old, &path);
                }
            }
            RawChange::Plain(_) | RawChange::Gone => {}
        }
    }
}

impl Receiver {
    fn lose(&self) {
        self.overflow.store(true, Ordering::Release);
        self.lost.notify_one();
    }
}

/// A name in a directory, as a path.
pub(super) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(dir.len() + 1 + name.len());
    path.extend_from_slice(dir);
    if !dir.is_empty() && !name.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

async fn read_all(instance: Arc<Instance>) {
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
    while let Ok(mut ready) = instance.fd.readable().await {
        let mut reader = Reader::new(instance.fd.get_ref(), &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| name.to_bytes().to_vec()).unwrap_or_default();
                    instance.state().handle(event.wd(), event.events(), event.cookie(), &name);
                }
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => break,
                Err(errno) => {
                    tracing::error!(%errno, "inotify failed; all watches end");
                    instance.state().watches.clear();
                    return;
                }
            }
        }
        ready.clear_ready();
        // A storm of changes must not keep the runtime's thread.
        tokio::task::yield_now().await;
    }
}
