//! Where buckets are mounted, and what leads there, found out without a question to any of them: one whose store is gone
//! would not answer.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use sandwire_protocol::{Code, Error};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::fs::backup::MAX_BACKUPS;
use super::fs::{MAX_LONG, MAX_SEARCHES};

/// Operations on files at once in one bucket, and by what may come past several of them.
const EACH: usize = 4;

/// Operations on files at once in all of them together. Each has a blocking thread for as long as the store takes; the
/// other threads are for files that always answer.
const ALL: usize = 12;
const _: () = assert!(ALL < crate::run::BLOCKING_THREADS);

/// Searches and trees at once in one bucket, and by what may come past several of them. They have threads of their own.
const EACH_LONG: usize = 4;

/// Searches and trees at once in all of them together, and of those the searches by content. The other places are for files
/// that always answer.
const ALL_LONG: usize = 12;
const CONTENT: usize = 5;

/// Backups at once in all of them together.
const BACKUPS: usize = 1;
const _: () = assert!(ALL_LONG + BACKUPS < MAX_LONG && CONTENT < MAX_SEARCHES && BACKUPS < MAX_BACKUPS);

/// Symbolic links followed for one path, as the kernel's own limit.
const MAX_LINKS: usize = 40;

/// The places of all mounts of a sandbox.
#[derive(Debug)]
pub(crate) struct Buckets {
    /// How many there are: nothing else is looked at where there is none.
    count: AtomicUsize,
    points: RwLock<BTreeMap<PathBuf, Arc<Places>>>,
    walks: Arc<Places>,
    all: Arc<Places>,
    content: Arc<Semaphore>,
    backups: Arc<Semaphore>,
}

/// Places for operations on files.
#[derive(Debug)]
struct Places {
    short: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

/// How an operation on files gets its thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passage(Option<Way>);

/// Through which places, one after the other.
#[derive(Clone, Debug)]
struct Way {
    own: Arc<Places>,
    all: Arc<Places>,
    content: Arc<Semaphore>,
    backups: Arc<Semaphore>,
}

/// Work on files that has a thread of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Long {
    /// A search by name, a tree.
    Usual,
    /// A search by content.
    Content,
    Backup,
}

impl Default for Buckets {
    fn default() -> Self {
        Self {
            count: AtomicUsize::new(0),
            points: RwLock::default(),
            walks: Arc::new(Places::new(EACH, EACH_LONG)),
            all: Arc::new(Places::new(ALL, ALL_LONG)),
            content: Arc::new(Semaphore::new(CONTENT)),
            backups: Arc::new(Semaphore::new(BACKUPS)),
        }
    }
}

impl Places {
    fn new(short: usize, long: usize) -> Places {
        Places { short: Arc::new(Semaphore::new(short)), long: Arc::new(Semaphore::new(long)) }
    }
}

impl Buckets {
    /// One is about to be mounted there: a directory as it really is.
    pub(super) fn add(&self, point: &Path) {
        let mut points = self.points.write().unwrap_or_else(PoisonError::into_inner);
        points.insert(point.to_owned(), Arc::new(Places::new(EACH, EACH_LONG)));
        self.count.store(points.len(), Ordering::Release);
    }

    /// It is mounted there no more.
    pub(super) fn remove(&self, point: &Path) {
        let mut points = self.points.write().unwrap_or_else(PoisonError::into_inner);
        points.remove(point);
        self.count.store(points.len(), Ordering::Release);
    }

    /// Whether there is any.
    pub(crate) fn any(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// Whether this absolute path is in one, or comes through one.
    pub(crate) fn lead(&self, path: &Path) -> bool {
        self.any() && matches!(self.find(path), Found::Within(_))
    }

    /// What an operation on these absolute paths needs. `deep`: it may also use what is below them.
    pub(crate) fn passage<'a>(&self, paths: impl IntoIterator<Item = &'a Path>, deep: bool) -> Passage {
        if !self.any() {
            return Passage::default();
        }
        let way = |own| {
            let (all, content, backups) = (Arc::clone(&self.all), Arc::clone(&self.content), Arc::clone(&self.backups));
            Way { own, all, content, backups }
        };
        let mut above = false;
        for path in paths {
            match self.find(path) {
                Found::Within(own) => return Passage(Some(way(own))),
                Found::Above => above = true,
                Found::Apart => {}
            }
        }
        Passage((above && deep).then(|| way(Arc::clone(&self.walks))))
    }

    /// Follows the path as the kernel would, up to the first mount on its way.
    fn find(&self, path: &Path) -> Found {
        let points = self.points.read().unwrap_or_else(PoisonError::into_inner);
        let parts = |path: &Path| -> Vec<OsString> {
            path.components().rev().map(|part| part.as_os_str().to_owned()).collect()
        };
        // What is to come, the next one last.
        let mut rest = parts(path);
        let (mut at, mut links) = (PathBuf::from("/"), 0);
        while let Some(part) = rest.pop() {
            match Path::new(&part).components().next() {
                Some(Component::Normal(name)) => at.push(name),
                Some(Component::ParentDir) => {
                    at.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => at = PathBuf::from("/"),
                Some(Component::CurDir) | None => {}
            }
            if let Some(own) = points.get(&at) {
                return Found::Within(Arc::clone(own));
            }
            // Also where there is nothing: it leads nowhere else then.
            if let Ok(target) = std::fs::read_link(&at) {
                links += 1;
                if links > MAX_LINKS {
                    return Found::Apart;
                }
                at.pop();
                rest.extend(parts(&target));
            }
        }
        if points.keys().any(|point| point.starts_with(&at)) { Found::Above } else { Found::Apart }
    }
}

/// How a path stands to the mounts.
enum Found {
    Within(Arc<Places>),
    Above,
    Apart,
}

impl Passage {
    /// Whether it may have to wait for a store: also to close what was opened.
    pub(crate) fn may_wait(&self) -> bool {
        self.0.is_some()
    }

    /// Work on files, on a blocking thread. Waits until so many others of the same bucket have been answered. Who gives up
    /// does not wait; the work keeps its place until it has its answer.
    ///
    /// # Errors
    /// Those of `work`; a panic in it is a defect of ours and fails only this operation.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let places = self.places().await;
        let task = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(places);
            result
        });
        match task.await {
            Ok(result) => result,
            Err(error) => Err(Error::new(Code::Internal, format!("the file operation was abandoned: {error}"))),
        }
    }

    /// Drops it, on a thread of its own where that may wait: to close a file of a bucket asks the store.
    pub(crate) fn part_with<T: Send + 'static>(&self, value: T) {
        if self.may_wait() {
            apart(move || drop(value));
        }
    }

    /// Waits until so many others that work for long in the same bucket have been answered. The places are to be kept until
    /// the work has its answer.
    pub(crate) async fn long(&self, work: Long) -> Vec<OwnedSemaphorePermit> {
        let Some(way) = &self.0 else { return Vec::new() };
        match work {
            Long::Usual => taken([&way.own.long, &way.all.long]).await,
            Long::Content => taken([&way.own.long, &way.all.long, &way.content]).await,
            Long::Backup => taken([&way.backups]).await,
        }
    }

    async fn places(&self) -> Vec<OwnedSemaphorePermit> {
        match &self.0 {
            Some(way) => taken([&way.own.short, &way.all.short]).await,
            None => Vec::new(),
        }
    }
}

/// A place of each. In the order from one bucket to all of them, who waits for a bucket keeps none of the places of all.
async fn taken<const N: usize>(places: [&Arc<Semaphore>; N]) -> Vec<OwnedSemaphorePermit> {
    let mut taken = Vec::with_capacity(N);
    for place in places {
        // None is ever closed.
        taken.extend(Arc::clone(place).acquire_owned().await);
    }
    taken
}

/// Work that may wait for long, and is not to take one of the few blocking threads: on a thread of its own. Where the
/// system allows none, on one of those all the same.
pub(crate) fn apart(work: impl FnOnce() + Send + 'static) {
    let work = Arc::new(std::sync::Mutex::new(Some(work)));
    let run = {
        let work = Arc::clone(&work);
        move || {
            let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
            work.into_iter().for_each(|work| work());
        }
    };
    if std::thread::Builder::new().name("sandwire-apart".to_owned()).spawn(run.clone()).is_err() {
        drop(tokio::task::spawn_blocking(run));
    }
}

/// The same, for who waits for its result.
///
/// # Errors
/// A panic in it.
pub(crate) async fn apart_for<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<T> {
    let (tell, told) = tokio::sync::oneshot::channel();
    // Nobody may wait any more.
    apart(move || drop(tell.send(work())));
    told.await.map_err(|_| std::io::Error::other("the work was abandoned"))
}

/// The same, for work that may fail by itself.
///
/// # Errors
/// Its own; `INTERNAL_ERROR` when it panicked.
pub(crate) async fn apart_trying<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match apart_for(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::new(Code::Internal, error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_path_is_followed_up_to_the_first_mount() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(real.join("a/data/in")).unwrap();
        std::os::unix::fs::symlink("a/data", real.join("link")).unwrap();
        std::os::unix::fs::symlink("../link/in", real.join("a/again")).unwrap();
        std::os::unix::fs::symlink("round", real.join("round")).unwrap();
        let buckets = Buckets::default();
        let lead = |buckets: &Buckets, path: &str| buckets.lead(&real.join(path));
        assert!(!lead(&buckets, "a/data"));
        buckets.add(&real.join("a/data"));
        for path in ["a/data", "a/data/x/y", "a/./data/..", "a/x/../data", "link", "a/again", "a/again/../.."] {
            assert!(lead(&buckets, path), "{path}");
        }
        for path in ["", "a", "a/dat", "a/database", "x/y", "round", "round/data"] {
            assert!(!lead(&buckets, path), "{path}");
        }
        let waits = |path: &str, deep| buckets.passage([real.join(path).as_path()], deep).may_wait();
        assert!(waits("a", true) && !waits("a", false) && !waits("x", true) && waits("link/x", false));
        buckets.remove(&real.join("a/data"));
        assert!(!lead(&buckets, "a/data"));
    }

    #[tokio::test]
    async fn one_bucket_takes_only_so_many_threads() {
        let buckets = Buckets::default();
        buckets.add(Path::new("/bucket"));
        let passage = buckets.passage([Path::new("/bucket/x")], false);
        let (release, stuck) = std::sync::mpsc::sync_channel::<()>(1);
        let stuck = Arc::new(std::sync::Mutex::new(stuck));
        let mut waiting: Vec<_> = (0..2 * crate::run::BLOCKING_THREADS)
            .map(|_| {
                let (passage, stuck) = (passage.clone(), Arc::clone(&stuck));
                tokio::spawn(async move {
                    let work = move || Ok(stuck.lock().unwrap().recv().is_err());
                    passage.run(work).await
                })
            })
            .collect();
        while buckets.all.short.available_permits() > ALL - EACH {
            tokio::task::yield_now().await;
        }
        // Others do not wait, and who gives up has its place only for as long as its work.
        Passage::default().run(|| Ok(())).await.unwrap();
        waiting.drain(EACH..).for_each(|task| task.abort());
        drop(release);
        for task in waiting {
            assert!(task.await.unwrap().unwrap());
        }
        assert_eq!(buckets.all.short.available_permits(), ALL);
    }
}
