//! One sandbox by its name: absent, asleep, or running. Start, stop and removal come one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore, watch};

use super::id::Id;
use super::refused::Refused;
use super::running::{Ended, Recipe, Running};

/// How a sandbox is to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// What runs in it may end.
    Gently,
    /// At once.
    Killed,
}

/// A sandbox.
#[derive(Debug)]
pub(crate) struct Sandbox {
    pub(crate) id: Id,
    /// Held over start, stop and removal. Who finds it true must look the sandbox up again: this one was removed.
    removed: Arc<Mutex<bool>>,
    now: watch::Sender<Now>,
}

/// What it does.
#[derive(Clone, Debug)]
enum Now {
    /// It does not run; how it ended, when it did since the engine started.
    Asleep(Option<Ended>),
    Starting,
    Running(Arc<Running>),
}

/// It was removed: there may be another one of its name.
#[derive(Debug)]
pub(crate) struct Removed;

impl Sandbox {
    /// One that does not run.
    pub(crate) fn new(id: Id) -> Self {
        Self { id, removed: Arc::default(), now: watch::Sender::new(Now::Asleep(None)) }
    }

    /// The one that runs.
    pub(crate) fn running(&self) -> Option<Arc<Running>> {
        match &*self.now.borrow() {
            Now::Running(running) if running.end().is_none() => Some(Arc::clone(running)),
            Now::Running(_) | Now::Starting | Now::Asleep(_) => None,
        }
    }

    /// Starts it, unless it runs: once, however many ask at the same time. Goes on when who asked has gone. The first
    /// one's variables count.
    pub(crate) async fn start(
        self: &Arc<Self>,
        recipe: &Arc<Recipe>,
        places: &Arc<Semaphore>,
        env: BTreeMap<String, String>,
    ) -> Result<Result<Arc<Running>, Refused>, Removed> {
        let removed = self.turn().await?;
        if let Some(running) = self.running() {
            return Ok(Ok(running));
        }
        let (this, recipe, places) = (Arc::clone(self), Arc::clone(recipe), Arc::clone(places));
        let work = tokio::spawn(async move {
            let started = this.start_now(&recipe, places, env).await;
            drop(removed);
            started
        });
        Ok(work.await.unwrap_or_else(|error| Err(Refused::failed(error.to_string()))))
    }

    async fn start_now(
        self: &Arc<Self>,
        recipe: &Arc<Recipe>,
        places: Arc<Semaphore>,
        env: BTreeMap<String, String>,
    ) -> Result<Arc<Running>, Refused> {
        let place = places.try_acquire_owned().map_err(|error| match error {
            tokio::sync::TryAcquireError::Closed => Refused::draining(),
            tokio::sync::TryAcquireError::NoPermits => Refused::full(
                "the setting `max_sandboxes` is reached: stop a sandbox that runs, or wait until one sleeps",
            ),
        })?;
        let before = self.now.send_replace(Now::Starting);
        tracing::info!(sandbox = %self.id, "starting");
        let started = Running::start(recipe, &self.id, env, place).await;
        match &started {
            Ok(running) => {
                self.now.send_replace(Now::Running(Arc::clone(running)));
                tokio::spawn(Arc::clone(self).rest(Arc::clone(running)));
                tracing::info!(sandbox = %self.id, "running");
            }
            Err(_) => {
                self.now.send_replace(before);
            }
        }
        started
    }

    /// Notes its end, whatever brought it.
    async fn rest(self: Arc<Self>, running: Arc<Running>) {
        let ended = running.ended().await;
        self.now.send_if_modified(|now| {
            let same = matches!(now, Now::Running(now) if Arc::ptr_eq(now, &running));
            if same {
                *now = Now::Asleep(Some(ended));
            }
            same
        });
    }

    /// Stops it and waits for its end; nothing when it does not run. `only` that one, when it is given.
    pub(crate) async fn stop(&self, how: How, only: Option<&Arc<Running>>) -> Option<Ended> {
        let Ok(_removed) = self.turn().await else { return None };
        let running = self.running()?;
        if only.is_some_and(|only| !Arc::ptr_eq(only, &running)) {
            return None;
        }
        Some(end(&running, how).await)
    }

    /// Waits until it does not run: how it ended, if it ever ran.
    pub(crate) async fn wait(&self) -> Option<Ended> {
        let mut now = self.now.subscribe();
        loop {
            let running = match &*now.borrow_and_update() {
                Now::Asleep(ended) => return ended.clone(),
                Now::Running(running) => Some(Arc::clone(running)),
                Now::Starting => None,
            };
            if let Some(running) = running {
                return Some(running.ended().await);
            }
            // The sender is `self`: the channel cannot close.
            now.changed().await.unwrap_or_default();
        }
    }

    /// Ends it for good; `remove` takes away what it keeps, before anybody can start it again.
    pub(crate) async fn remove<T>(&self, remove: impl AsyncFnOnce() -> T) -> Result<T, Removed> {
        let mut removed = self.turn().await?;
        if let Some(running) = self.running() {
            end(&running, How::Killed).await;
        }
        let result = remove().await;
        *removed = true;
        Ok(result)
    }

    /// Waits for the turn to change what it does.
    async fn turn(&self) -> Result<OwnedMutexGuard<bool>, Removed> {
        let removed = Arc::clone(&self.removed).lock_owned().await;
        if *removed {
            return Err(Removed);
        }
        // One that has ended by itself is cleared away first.
        let ending = match &*self.now.borrow() {
            Now::Running(running) if running.over.is_cancelled() => Some(Arc::clone(running)),
            Now::Running(_) | Now::Starting | Now::Asleep(_) => None,
        };
        if let Some(running) = ending {
            running.ended().await;
        }
        Ok(removed)
    }
}

async fn end(running: &Running, how: How) -> Ended {
    match how {
        How::Gently => running.drain().await,
        How::Killed => running.kill().await,
    }
}
