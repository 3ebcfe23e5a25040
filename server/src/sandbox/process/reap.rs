//! Who waits for which child, so that every exit status is read once, by the one who wants it, and no zombie remains.
//!
//! A child that the server starts is *registered* and reaped by its [`Child`]. Everything else that ends as our child is
//! an orphan that the kernel gave us (the server is a subreaper, or PID 1), and is reaped here. The set of children
//! belongs to the operating system's process, not to any value of ours, so what is registered is one table for the
//! whole process.
//!
//! A child that some library started without registering it, and waits for itself, is left alone as long as it stays in
//! the server's own session; one with a session of its own must be started by [`Reaper::spawn_with`].

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags};
use sandwire_protocol::kind::command::{Exit, Usage};
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};
use tokio::signal::unix::{SignalKind, signal};

use super::signal::Signal;
use super::spawn::{self, Waited};

/// Children that somebody waits for.
static REGISTERED: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Read while a child is started and registered, written while orphans are reaped: in between, a child that has ended
/// already would look like an orphan.
static SPAWNING: RwLock<()> = RwLock::new(());

/// Time between two sweeps when children end all the time.
const SWEEP_EVERY: Duration = Duration::from_millis(20);

/// Time after which a zombie of the server's own session, which is not registered, counts as forgotten.
const FOREIGN_AFTER: Duration = Duration::from_secs(5);

/// Sweeps that may be put off in a row while children are being started.
const POSTPONE: u32 = 10;

fn registered() -> MutexGuard<'static, BTreeSet<i32>> {
    REGISTERED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether somebody waits for that child.
pub(crate) fn is_registered(pid: i32) -> bool {
    registered().contains(&pid)
}

/// Kills the groups of all children that somebody waits for: nobody will any more.
pub(crate) fn kill_all() {
    for pid in registered().iter() {
        if let Err(error) = spawn::signal_group(*pid, Signal::KILL) {
            tracing::debug!(pid, %error, "a command could not be killed");
        }
    }
}

/// Pause between two looks at orphans that were killed.
const KILLED_LOOK: Duration = Duration::from_millis(5);

/// Time that they have to vanish. A process in uninterruptible sleep may take for ever.
const KILLED_WITHIN: Duration = Duration::from_secs(10);

/// Kills the children that nobody waits for, and what they leave behind, until there is none: orphans that the kernel gave
/// us. For a program that starts nothing else than what it registers.
///
/// # Errors
/// When they do not vanish.
pub(crate) async fn kill_orphans() -> io::Result<()> {
    let begun = Instant::now();
    while kill_orphans_now() {
        if begun.elapsed() > KILLED_WITHIN {
            return Err(io::Error::other("processes are left after KILL"));
        }
        tokio::time::sleep(KILLED_LOOK).await;
    }
    Ok(())
}

/// Whether there was any: what it has started is an orphan only once it is dead to its last thread, and then not in this
/// list yet.
fn kill_orphans_now() -> bool {
    // Nobody spawns: a child that is not registered yet looks like an orphan.
    let _nobody_spawns = SPAWNING.write().unwrap_or_else(PoisonError::into_inner);
    let mut any = false;
    for pid in super::list::children_of_self() {
        if !is_registered(pid) {
            any = true;
            // It is our child and not reaped by anybody but the sweep, which is kept out: the pid is its own.
            if let Err(error) = spawn::signal_process(pid, Signal::KILL) {
                tracing::debug!(pid, %error, "an orphan could not be killed");
            }
            reap(pid);
        }
    }
    any
}

/// Waits for what nobody else waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reaper(());

impl Reaper {
    /// Makes the server the parent of orphans below it.
    ///
    /// # Errors
    /// As prctl(2).
    pub(crate) fn new() -> io::Result<Reaper> {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        Ok(Reaper(()))
    }

    /// Starts a child by `start`, which gives its pid, and registers it before anybody can reap it. To be called in the
    /// runtime that will wait for it.
    ///
    /// # Errors
    /// Those of `start`.
    pub(crate) fn spawn_with<E>(&self, start: impl FnOnce() -> Result<i32, E>) -> Result<Child, E> {
        let spawning = SPAWNING.read().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        let pid = start()?;
        registered().insert(pid);
        drop(spawning);
        let pidfd = Pid::from_raw(pid)
            .and_then(|pid| rustix::process::pidfd_open(pid, PidfdFlags::NONBLOCK).ok())
            .and_then(|pidfd| spawn::watch(pidfd, Interest::READABLE).ok());
        Ok(Child { pid, started, pidfd, reaped: AtomicBool::new(false) })
    }

    /// Reaps orphans for as long as it is polled.
    ///
    /// # Errors
    /// When SIGCHLD cannot be listened to.
    pub(crate) async fn run(self) -> io::Result<()> {
        let mut child_ended = signal(SignalKind::child())?;
        let mut state = Sweep::default();
        loop {
            let done = state.sweep();
            if done && state.foreign.is_none() {
                child_ended.recv().await;
            } else if done {
                tokio::select! {
                    _ = child_ended.recv() => {}
                    () = tokio::time::sleep(FOREIGN_AFTER) => {}
                }
            }
            tokio::time::sleep(SWEEP_EVERY).await;
        }
    }
}

/// What one sweep leaves for the next.
#[derive(Debug, Default)]
struct Sweep {
    /// A zombie that somebody outside the table may still wait for, and since when.
    foreign: Option<(i32, Instant)>,
    /// Sweeps in a row that gave way to somebody who was starting a child.
    postponed: u32,
}

impl Sweep {
    /// Reaps orphans. False when it has to look again soon.
    fn sweep(&mut self) -> bool {
        if spawn::ended_child().is_none() {
            self.foreign = None;
            return true;
        }
        // A start takes a good part of a millisecond: orphans can wait, but not for ever.
        let _nobody_spawns = match SPAWNING.try_write() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) if self.postponed < POSTPONE => {
                self.postponed += 1;
                return false;
            }
            Err(TryLockError::WouldBlock) => SPAWNING.write().unwrap_or_else(PoisonError::into_inner),
        };
        self.postponed = 0;
        let own_session = spawn::session_of(0);
        while let Some(pid) = spawn::ended_child() {
            if registered().contains(&pid) {
                // Its `Child` takes it soon. Behind it there may be orphans.
                sweep_behind(own_session);
                return false;
            }
            if spawn::session_of(pid) == own_session {
                match self.foreign {
                    Some((known, since)) if known == pid && since.elapsed() < FOREIGN_AFTER => {
                        sweep_behind(own_session);
                        return true;
                    }
                    Some((known, _)) if known == pid => {}
                    Some(_) | None => {
                        self.foreign = Some((pid, Instant::now()));
                        sweep_behind(own_session);
                        return true;
                    }
                }
            }
            reap(pid);
        }
        self.foreign = None;
        true
    }
}

/// Reaps orphans that have a session of their own, wherever they stand in the list of children.
fn sweep_behind(own_session: Option<i32>) {
    for pid in super::list::children_of_self() {
        if spawn::session_of(pid) != own_session && !registered().contains(&pid) {
            reap(pid);
        }
    }
}

fn reap(pid: i32) {
    if let Err(error) = spawn::wait(pid, false) {
        tracing::debug!(pid, %error, "an orphan could not be reaped");
    }
}

/// A child that was started by [`Reaper::spawn_with`]. Dropped before its end, it is left to the reaper as an orphan.
#[derive(Debug)]
pub(crate) struct Child {
    pid: i32,
    started: Instant,
    /// Absent on a kernel without pidfd_open(2) (before 5.3).
    pidfd: Option<AsyncFd<OwnedFd>>,
    /// Whether its pid is free for others. Changes only under the lock of the table.
    reaped: AtomicBool,
}

impl Child {
    /// The process id.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits for the end and reaps it. May be called again after it was dropped before the end, but not after it has
    /// given the status.
    ///
    /// # Errors
    /// As wait4(2).
    pub(crate) async fn wait(&self) -> io::Result<Status> {
        if let Some(status) = self.try_wait()? {
            return Ok(status);
        }
        match &self.pidfd {
            Some(pidfd) => loop {
                let mut ready = pidfd.readable().await?;
                if let Some(status) = self.try_wait()? {
                    return Ok(status);
                }
                ready.clear_ready_matching(Ready::READABLE);
            },
            None => {
                let mut child_ended = signal(SignalKind::child())?;
                loop {
                    if let Some(status) = self.try_wait()? {
                        return Ok(status);
                    }
                    child_ended.recv().await;
                }
            }
        }
    }

    fn try_wait(&self) -> io::Result<Option<Status>> {
        // Reaping frees the pid; the lock keeps a new child of that pid from being registered in between.
        let mut registered = registered();
        let waited = spawn::wait(self.pid, false);
        if !matches!(waited, Ok(None)) {
            registered.remove(&self.pid);
            self.reaped.store(true, Ordering::Relaxed);
        }
        Ok(waited?.map(|waited| Status { waited, duration: self.started.elapsed() }))
    }

    /// The lock under which its pid is its own, unless it was reaped already.
    fn unreaped(&self) -> Option<MutexGuard<'static, BTreeSet<i32>>> {
        let registered = registered();
        (!self.reaped.load(Ordering::Relaxed)).then_some(registered)
    }

    /// Whether it was reaped, so that its pid may be another process by now.
    pub(crate) fn is_reaped(&self) -> bool {
        self.reaped.load(Ordering::Relaxed)
    }

    /// Sends a signal to the process alone. False when it was reaped already.
    ///
    /// # Errors
    /// As kill(2).
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<bool> {
        match self.unreaped() {
            Some(_unreaped) => spawn::signal_process(self.pid, signal).map(|()| true),
            None => Ok(false),
        }
    }

    /// Sends a signal to its process group. False when it was reaped already.
    ///
    /// # Errors
    /// As kill(2).
    pub(crate) fn signal_group(&self, signal: Signal) -> io::Result<bool> {
        match self.unreaped() {
            Some(_unreaped) => spawn::signal_group(self.pid, signal).map(|()| true),
            None => Ok(false),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let mut registered = registered();
        if !self.reaped.load(Ordering::Relaxed) {
            registered.remove(&self.pid);
        }
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    waited: Waited,
    duration: Duration,
}

impl Status {
    /// As the result of a command.
    pub(crate) fn exit(&self) -> Exit {
        let word = self.waited.status;
        let signalled = libc::WIFSIGNALED(word);
        Exit {
            code: libc::WIFEXITED(word).then(|| libc::WEXITSTATUS(word)),
            signal: signalled.then(|| Signal::name(libc::WTERMSIG(word))),
            core_dumped: signalled && libc::WCOREDUMP(word),
            duration_us: u64::try_from(self.duration.as_micros()).unwrap_or(u64::MAX),
            usage: Usage {
                user_us: self.waited.user_us,
                system_us: self.waited.system_us,
                max_rss: self.waited.max_rss,
            },
            ..Exit::default()
        }
    }
}

#[cfg(test)]
mod tests;
