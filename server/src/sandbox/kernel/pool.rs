//! Kernels that were started before a context wants them, so that its first cell does not wait.
//!
//! There is none until a language was used, and none long after: who runs no cells pays nothing. A kernel waits for a
//! context whose environment is the very one that it was started with; only its directory can be changed later.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sandwire_protocol::Error;
use sandwire_protocol::kind::command::Launch;
use sandwire_protocol::kind::kernel::Status;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::language;
use super::living::Living;
use super::specs::Found;
use crate::sandbox::process::run::Host;

/// How long a kernel waits for a context.
const WAITS: Duration = Duration::from_secs(600);

/// Time that one has to enter a directory.
const ENTERS: Duration = Duration::from_secs(5);

/// Kernels that wait.
#[derive(Debug)]
pub(super) struct Pool {
    host: Host,
    max: usize,
    spool: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    warm: Vec<Warm>,
    /// Those that are being started, for which there is a place, too.
    starting: usize,
    next: u64,
    closed: bool,
}

#[derive(Debug)]
struct Warm {
    number: u64,
    fits: Fits,
    living: Living,
}

/// What a kernel and a context must have in common: the kernelspec, and the digest of the environment.
#[derive(Clone, Debug, PartialEq)]
struct Fits(String, PathBuf, [u8; 32]);

impl Pool {
    /// None that waits, and at most `max`.
    pub(super) fn new(host: Host, max: usize, spool: u64) -> Pool {
        Pool { host, max, spool, inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A kernel for a context, one that waits if there is such, and has another one started for the next.
    ///
    /// # Errors
    /// Those of [`Living::start`].
    pub(super) async fn get(
        self: &Arc<Self>,
        found: &Found,
        launch: &Launch,
        given_up: &CancellationToken,
    ) -> Result<Living, Error> {
        let fits = self.fits(found, launch)?;
        while let Some(living) = self.take(&fits) {
            if let Some(living) = self.enter(living, found, launch).await {
                self.refill(found, launch, fits);
                return Ok(living);
            }
        }
        let living = Living::start(&self.host, found, launch, self.spool, given_up).await?;
        self.refill(found, launch, fits);
        Ok(living)
    }

    /// What a kernel must be like to be this one. Also says whether it can be started at all.
    fn fits(&self, found: &Found, launch: &Launch) -> Result<Fits, Error> {
        let launch = Launch { argv: vec!["/proc/self/exe".into()], ..launch.clone() };
        let prepared = self.host.prepare(&launch, String::new())?;
        let mut digest = Sha256::new();
        for variable in &prepared.env {
            digest.update(variable.to_bytes_with_nul());
        }
        Ok(Fits(found.name.clone(), found.folder.clone(), digest.finalize().into()))
    }

    fn take(&self, fits: &Fits) -> Option<Living> {
        let mut inner = self.lock();
        let at = inner.warm.iter().position(|warm| warm.fits == *fits && !warm.living.has_died())?;
        Some(inner.warm.remove(at).living)
    }

    /// Lets a kernel enter the context's directory. None when it cannot.
    async fn enter(&self, mut living: Living, found: &Found, launch: &Launch) -> Option<Living> {
        let Some(cwd) = &launch.cwd else { return Some(living) };
        let code = language::enter(found, &self.host.workspace.join(cwd))?;
        let entered = tokio::time::timeout(ENTERS, living.prepare(&code)).await;
        matches!(entered, Ok(Ok(Some(done))) if done.status == Status::Ok).then_some(living)
    }

    /// Has a kernel started for the next context of this kind, when its environment is nothing special.
    fn refill(self: &Arc<Self>, found: &Found, launch: &Launch, fits: Fits) {
        let usual = launch.env == found.variables(&std::collections::BTreeMap::new()) && !launch.clear_env;
        if !usual || (launch.cwd.is_some() && language::enter(found, &self.host.workspace).is_none()) {
            return;
        }
        {
            let mut inner = self.lock();
            if inner.closed || inner.warm.iter().any(|warm| warm.fits == fits && !warm.living.has_died()) {
                return;
            }
            if inner.warm.len() + inner.starting >= self.max {
                // Of another language: the one that has waited longest gives way.
                if inner.warm.is_empty() {
                    return;
                }
                drop(inner.warm.remove(0));
            }
            inner.starting += 1;
        }
        let (pool, found) = (Arc::clone(self), found.clone());
        let launch = Launch { cwd: None, ..launch.clone() };
        tokio::spawn(async move { pool.keep(&found, &launch, fits).await });
    }

    /// Starts a kernel and keeps it until it is taken, or has waited for long.
    async fn keep(&self, found: &Found, launch: &Launch, fits: Fits) {
        let started = Living::start(&self.host, found, launch, self.spool, &CancellationToken::new()).await;
        let (number, death) = {
            let mut inner = self.lock();
            inner.starting -= 1;
            let living = match started {
                Ok(living) if !inner.closed => living,
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(%error, "no kernel waits for the next context");
                    return;
                }
            };
            let number = inner.next;
            inner.next += 1;
            let death = living.death();
            inner.warm.push(Warm { number, fits, living });
            (number, death)
        };
        tokio::select! {
            () = tokio::time::sleep(WAITS) => {}
            () = death => {}
        }
        let found = {
            let mut inner = self.lock();
            let at = inner.warm.iter().position(|warm| warm.number == number);
            at.map(|at| inner.warm.remove(at))
        };
        drop(found);
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().warm.len()
    }

    /// Ends all, and keeps no other.
    pub(super) async fn shutdown(&self) {
        let warm = {
            let mut inner = self.lock();
            inner.closed = true;
            std::mem::take(&mut inner.warm)
        };
        futures_util::future::join_all(warm.into_iter().map(|warm| warm.living.end(Duration::ZERO))).await;
    }
}
