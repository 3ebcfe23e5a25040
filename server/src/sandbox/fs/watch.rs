//! `file.watch`: changes below a path, merged over a short time, with nothing lost silently.
//!
//! All watches share one inotify instance ([`Hub`]); the kernel allows few. A change goes: kernel queue, the watch's
//! [`hub::QUEUE`], its [`pending::MAX_PENDING`] changes that wait for their time, [`EVENTS`] events that wait for the
//! reader. Each has a bound; when one runs over, `overflow` is told and the tree is looked at again for directories
//! to watch. When the watched path itself goes, its `remove` is told and the watch ends with `WATCH_START_ERROR`.

use std::time::Duration;

use sandwire_protocol::kind::file::{Change, Watch, WatchDown};
use sandwire_protocol::{ByteString, Code, Error};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

mod hub;
mod pending;
mod target;

use super::blocking::Stop;
use super::error::refused;
use super::globs::Globs;
use super::{BUCKET_WATCHES, Files, MAX_WATCHES, blocking, place};
use crate::sandbox::buckets::Passage;
pub(super) use hub::Hub;
use hub::{Raw, RawChange, Subscription};
use pending::{Pending, Record};
use target::{Lost, Target};

/// Events ready and not yet taken.
const EVENTS: usize = 64;

const DEFAULT_DEBOUNCE: u64 = 50;
const MAX_DEBOUNCE: u64 = 60_000;

/// A watch that stands. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct Watching {
    events: mpsc::Receiver<WatchDown>,
    task: JoinHandle<Result<(), Error>>,
}

impl Watching {
    /// The next event; `None` when the watch has ended: see [`Watching::end`].
    pub(crate) async fn next(&mut self) -> Option<WatchDown> {
        self.events.recv().await
    }

    /// Why the watch ended.
    pub(crate) async fn end(self) -> Result<(), Error> {
        drop(self.events);
        blocking::join(self.task).await
    }
}

impl Files {
    /// Begins to watch. When it returns, every change from now on will be told; the first event says so.
    pub(crate) async fn watch(&self, params: Watch) -> Result<Watching, Error> {
        let debounce = params.debounce_ms.unwrap_or(DEFAULT_DEBOUNCE);
        if debounce > MAX_DEBOUNCE {
            let text = format!("debounce_ms is {debounce}; at most {MAX_DEBOUNCE} is possible");
            return Err(Error::new(Code::ValidationFailed, text).with("parameter", "debounce_ms"));
        }
        let passage = self.passage([&params.path], true);
        let bucket = passage.may_wait().then(|| place(&self.bucket_watches, "watches of buckets", BUCKET_WATCHES));
        let place = (bucket.transpose()?, place(&self.watches, "watches", MAX_WATCHES)?);
        let globs = Globs::new(&params.include, &params.exclude)?;
        let subscription = self.hub.subscribe(&params.path)?;
        let mut target = Target::new(self.clone(), params, globs);
        let id = subscription.id;
        let target = blocking::run(&passage, move |stop| target.establish(id, stop).map(|()| target)).await?;
        let (sender, events) = mpsc::channel(EVENTS);
        let driver = Driver {
            passage,
            target: Some(target),
            subscription,
            pending: Pending::new(Duration::from_millis(debounce)),
            sender,
        };
        let task = tokio::spawn(async move {
            let _place = place;
            driver.run().await
        });
        Ok(Watching { events, task })
    }
}

/// Takes what the hub sends, merges it, and tells it when it is due.
struct Driver {
    passage: Passage,
    target: Option<Target>,
    subscription: Subscription,
    pending: Pending,
    sender: mpsc::Sender<WatchDown>,
}

/// How a driver goes on.
enum Next {
    Go,
    End,
}

impl Driver {
    async fn run(mut self) -> Result<(), Error> {
        if self.sender.send(WatchDown::Ready {}).await.is_err() {
            return Ok(());
        }
        loop {
            if self.subscription.overflowed() || self.pending.overflowed() {
                self.pending.clear();
                self.subscription.clear();
                if self.sender.send(WatchDown::Overflow {}).await.is_err() {
                    return Ok(());
                }
                self.look_again().await?;
                continue;
            }
            let due = self.pending.due();
            tokio::select! {
                () = self.sender.closed() => return Ok(()),
                () = self.subscription.lost.notified() => {}
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    if let Next::End = self.tell().await? {
                        return Ok(());
                    }
                }
                raw = self.subscription.raw.recv() => match raw {
                    Some(raw) => self.take(raw).await?,
                    None => return Err(Error::new(Code::WatchFailed, "the server's inotify instance has failed")),
                },
            }
        }
    }

    async fn take(&mut self, raw: Raw) -> Result<(), Error> {
        let Some(target) = &self.target else { return Ok(()) };
        let Some(path) = target.relative(&raw) else { return Ok(()) };
        if target.globs.excludes_with_parents(&path) {
            // What moves out of sight has still left its old place.
            if let RawChange::MovedTo(cookie) = raw.change {
                self.pending.forget(cookie);
            }
            return Ok(());
        }
        let directory = raw.directory;
        let fresh = match raw.change {
            RawChange::MovedFrom(cookie) => {
                self.pending.moved_from(path, cookie, directory);
                None
            }
            RawChange::MovedTo(cookie) => {
                let paired = self.pending.moved_to(path.clone(), cookie, directory);
                (!paired).then_some(path)
            }
            RawChange::Plain(change) => {
                self.pending.add(path.clone(), change, directory);
                (change == Change::Create).then_some(path)
            }
            RawChange::Gone => {
                self.pending.add(path, Change::Remove, directory);
                None
            }
        };
        match fresh {
            Some(path) if directory && target.recursive() => self.look_into(path).await,
            Some(_) | None => Ok(()),
        }
    }

    /// Watches a directory that is new, and tells what is in it already.
    async fn look_into(&mut self, path: Vec<u8>) -> Result<(), Error> {
        let id = self.subscription.id;
        let found = self.work(move |target, stop| target.extend(id, &path, stop)).await?;
        for (path, directory) in found.unwrap_or_default() {
            self.pending.add(path, Change::Create, directory);
        }
        Ok(())
    }

    /// After an overflow directories may be there that nobody watches.
    async fn look_again(&mut self) -> Result<(), Error> {
        let id = self.subscription.id;
        self.work(move |target, stop| target.establish_again(id, stop)).await.map(drop)
    }

    /// Work on the target that blocks. When the target turns out to be gone, that is told as what it is.
    async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Target, &Stop) -> Result<T, Lost> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let Some(mut target) = self.target.take() else { return Ok(None) };
        let (target, done) = blocking::run(&self.passage, move |stop| {
            let done = work(&mut target, stop);
            Ok((target, done))
        })
        .await?;
        match done {
            Ok(done) => {
                self.target = Some(target);
                Ok(Some(done))
            }
            Err(Lost::Failed(error)) => Err(error),
            Err(Lost::Gone) => {
                let path = ByteString::default();
                let event =
                    WatchDown::Change { change: Change::Remove, path, from: None, directory: target.is_directory() };
                // Nobody may listen any more; then nobody sees the error either.
                drop(self.sender.send(event).await);
                Err(gone(&target))
            }
        }
    }

    /// Tells what is due. Ends when the watched path itself is gone.
    async fn tell(&mut self) -> Result<Next, Error> {
        while let Some(record) = self.pending.take_due() {
            if record.moved_away()
                && record.directory
                && let Some(target) = &self.target
            {
                target.forget(self.subscription.id, &record.path);
                // A directory of the same name may have come since.
                self.look_into(record.path.clone()).await?;
            }
            let Some(target) = &self.target else { return Ok(Next::End) };
            let ended = record.change() == Some(Change::Remove) && record.path.is_empty();
            if let Some(event) = visible(&target.globs, record)
                && self.sender.send(event).await.is_err()
            {
                return Ok(Next::End);
            }
            if ended {
                return Err(gone(target));
            }
        }
        Ok(Next::Go)
    }
}

fn gone(target: &Target) -> Error {
    refused(Code::WatchFailed, target.shown(), "what was watched is gone; watch again once it is back")
}

/// The event for a record, as far as its paths are asked for.
fn visible(globs: &Globs, record: Record) -> Option<WatchDown> {
    let change = record.change()?;
    let seen = |path: &[u8]| path.is_empty() || globs.includes(path);
    let event = |change, path: Vec<u8>, from: Option<Vec<u8>>| {
        Some(WatchDown::Change { change, path: path.into(), from: from.map(Into::into), directory: record.directory })
    };
    match record.from {
        Some(from) if change == Change::Rename => match (seen(&from), seen(&record.path)) {
            (true, true) => event(Change::Rename, record.path, Some(from)),
            (true, false) => event(Change::Remove, from, None),
            (false, true) => event(Change::Create, record.path, None),
            (false, false) => None,
        },
        _ if seen(&record.path) => event(change, record.path, None),
        _ => None,
    }
}
