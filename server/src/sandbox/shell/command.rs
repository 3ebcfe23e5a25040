//! One command that runs in a session's shell.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use sandwire_protocol::kind::command::{Exit, Target, Usage};
use sandwire_protocol::{Code, Error};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::home;
use super::living::{Living, News};
use super::pipes::{Output, nobody_reads};
use super::report::Report;
use super::script::{self, ABORT, Dialect};
use super::session::{Held, unwritable};
use crate::sandbox::process::pipe::Stdin;
use crate::sandbox::process::run::Run;
use crate::sandbox::process::signal::Signal;
use crate::sandbox::process::stop::{Stop, in_vain, stuck};
use crate::sandbox::process::tree::{Moment, Tree};

/// Pause between attempts to make a shell give up its command, and how many there are after the time of grace before the
/// shell itself is killed.
const PAUSE: Duration = Duration::from_millis(50);
const ATTEMPTS: u32 = 20;

/// A command.
#[derive(Debug)]
pub(crate) struct Command {
    pub(super) held: tokio::sync::Mutex<Held>,
    pub(super) run: Arc<Run>,
    pub(super) nonce: String,
    /// What began before is not of this command.
    pub(super) since: Moment,
    /// What its shell had used before.
    pub(super) used: Usage,
    pub(super) started: Instant,
    pub(super) timeout: Option<Duration>,
    pub(super) grace: Duration,
    pub(super) outputs: Mutex<Vec<Output>>,
    pub(super) stdin: Option<String>,
    pub(super) over: CancellationToken,
    /// The signal that was sent and that it is to end by.
    pub(super) sent: Mutex<Option<Signal>>,
    /// Woken when there is one.
    pub(super) pressed: Notify,
}

/// How the shell came to the end of the command.
#[derive(Debug)]
pub(super) enum Outcome {
    /// With this status.
    Done(i32),
    /// Its directory could not be entered.
    NoDirectory,
    /// The shell left, and with it its state.
    Left(Exit),
    /// The shell is gone.
    Died(Exit),
    /// It was gone before it began.
    Deaf(Exit),
    /// The shell was killed, and has not ended.
    Stuck,
}

impl Held {
    /// Waits until the command of that nonce is over. Cancel safe.
    pub(super) async fn outcome(&mut self, nonce: &str) -> Result<Outcome, Error> {
        let mut entered = true;
        loop {
            let Some(living) = &mut self.inner.living else { return Err(no_shell()) };
            match living.news().await? {
                News::Said(Report::Done { nonce: of, status, exit_trap }) if of == nonce => {
                    self.inner.busy = false;
                    if let Some(home) = &self.inner.home {
                        // It may hold a secret; and when the shell leaves later, it is not of this command.
                        home.command(b"").map_err(|error| unwritable(&error))?;
                    }
                    self.keep_trap(exit_trap)?;
                    return Ok(if entered { Outcome::Done(status) } else { Outcome::NoDirectory });
                }
                News::Said(Report::NoDirectory { nonce: of }) if of == nonce => entered = false,
                News::Said(Report::Left) => {
                    let exit = living.died().await?;
                    if living.is_deaf()
                        && let Some(follower) = &self.inner.follower
                    {
                        follower.missed();
                    }
                    return Ok(if self.left(&exit) { Outcome::Left(exit) } else { Outcome::Died(exit) });
                }
                News::Said(Report::Done { .. } | Report::NoDirectory { .. } | Report::Open { .. } | Report::Ready) => {}
                News::Died(exit) => {
                    let deaf = living.is_deaf();
                    self.lost(&exit);
                    return Ok(if deaf { Outcome::Deaf(exit) } else { Outcome::Died(exit) });
                }
            }
        }
    }

    /// Keeps the EXIT trap that a user has set, and sees to it that the session's own is set again.
    fn keep_trap(&mut self, code: Option<Vec<u8>>) -> Result<(), Error> {
        let inner = &mut *self.inner;
        let Some(home) = &inner.home else { return Ok(()) };
        if inner.living.as_ref().is_some_and(|living| living.dialect == Dialect::Posix) {
            return Ok(());
        }
        match code {
            Some(code) if script::is_own_trap(home.path(), &code) => {}
            code => {
                let mut code = code.unwrap_or_default();
                code.push(b'\n');
                home.write(home::TRAP, &code).map_err(|error| unwritable(&error))?;
                inner.rearm = true;
            }
        }
        Ok(())
    }
}

pub(super) fn no_shell() -> Error {
    Error::new(Code::SessionTerminated, "the session's shell has ended")
}

impl Command {
    /// The process id of the shell.
    pub(crate) fn pid(&self) -> u32 {
        self.run.pid()
    }

    /// Waits until the shell has opened standard input. `None` when it did not come to that.
    pub(super) async fn open_stdin(&self, pipe: OwnedFd, name: &str) -> Result<Option<Stdin>, Error> {
        let mut held = self.held.lock().await;
        loop {
            let Some(living) = &mut held.inner.living else { return Err(no_shell()) };
            match living.news().await? {
                News::Said(Report::Open { nonce }) if nonce == self.nonce => break,
                News::Said(Report::NoDirectory { nonce }) if nonce == self.nonce => {
                    held.outcome(&self.nonce).await?;
                    let text = "the working directory cannot be entered by the session's shell";
                    return Err(Error::new(Code::InvalidProcessCwd, text));
                }
                News::Said(_) => {}
                News::Died(exit) => {
                    held.lost(&exit);
                    return Err(no_shell());
                }
            }
        }
        let Some(home) = &held.inner.home else { return Err(no_shell()) };
        let writer = match home.open_pipe(name, OFlags::WRONLY) {
            Ok(writer) => writer,
            Err(error) if nobody_reads(&error) => return Ok(None),
            Err(error) => return Err(unwritable(&error)),
        };
        drop(pipe);
        Stdin::new(writer).map(Some).map_err(|error| unwritable(&error))
    }

    /// What the command has started.
    fn tree(&self) -> Tree {
        self.run.tree().since(self.since)
    }

    /// Sends a signal to what the command has started. One that ends programs ends the rest of the command too.
    ///
    /// # Errors
    /// As kill(2).
    pub(crate) async fn signal(&self, signal: Signal) -> Result<(), Error> {
        let ends = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGKILL].contains(&signal.number());
        if ends {
            *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = Some(signal);
            self.pressed.notify_one();
            return Ok(());
        }
        let sent = self.tree().signal(&[signal]).await;
        sent.map(drop).map_err(|error| Error::new(Code::Internal, format!("the signal could not be sent: {error}")))
    }

    /// Sends the signal that was asked for to all that the command has started, and to what the shell starts before it
    /// gives the command up. Never returns.
    async fn press(&self) -> Outcome {
        let mut reached = BTreeSet::new();
        let mut tree = self.tree();
        loop {
            self.pressed.notified().await;
            reached.clear();
            let Some(signal) = *self.sent.lock().unwrap_or_else(PoisonError::into_inner) else { continue };
            loop {
                self.abort().await;
                if let Err(error) = tree.reach(&[signal], &mut reached).await {
                    tracing::warn!(%error, "what a command of a session has started could not be listed");
                }
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    // Another signal, for all of them.
                    () = self.pressed.notified() => {
                        self.pressed.notify_one();
                        break;
                    }
                }
            }
        }
    }

    /// Makes the shell give up the command, as soon as what it waits for has ended.
    async fn abort(&self) {
        if let Ok(signal) = Signal::parse(&ABORT.to_string())
            && let Err(error) = self.run.signal(signal, Target::Leader).await
        {
            tracing::debug!(%error, "the shell of a session has ended by itself");
        }
    }

    /// Waits for the end: its own, or after the timeout, `stop` or the end of the session that of all that it started.
    /// From then on the outputs deliver what is there and end.
    ///
    /// # Errors
    /// `INVALID_PROCESS_CWD`; `TIMEOUT` when the shell was killed and does not end; `INTERNAL_ERROR` when it cannot be heard.
    pub(crate) async fn wait(&self, stop: &Stop) -> Result<Exit, Error> {
        let over = self.over.clone().drop_guard();
        let mut held = self.held.lock().await;
        let session = Arc::clone(&held.session);
        let closing = &session.closing;
        let timeout = Stop::new();
        let outcome = {
            let outcome = held.outcome(&self.nonce);
            tokio::pin!(outcome);
            let asked = tokio::select! {
                biased;
                outcome = &mut outcome => Some(outcome),
                never = self.press() => Some(Ok(never)),
                () = stop.requested() => None,
                () = closing.requested() => None,
                () = after(self.timeout) => {
                    timeout.request(self.grace);
                    None
                }
            };
            match asked {
                Some(outcome) => outcome?,
                None => self.end(outcome, [stop, &timeout, closing]).await?,
            }
        };
        if matches!(outcome, Outcome::Stuck) {
            held.lost(&Exit::default());
        }
        held.used(true);
        let used = held.inner.living.as_ref().map(Living::used);
        for output in self.outputs.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            output.over();
        }
        drop(over);
        let ended_by = || {
            let sent = *self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            let stops = [stop, &timeout, closing];
            let own = || {
                stops
                    .iter()
                    .any(|stop| stop.is_requested())
                    .then(|| if stops.iter().any(|stop| stop.is_overdue()) { Signal::KILL } else { Signal::TERM })
            };
            sent.or_else(own)
        };
        let exit = match outcome {
            Outcome::Done(status) => {
                let usage = self.beyond(used.unwrap_or(self.used));
                Exit { code: Some(status), usage, ..Exit::default() }
            }
            Outcome::NoDirectory => {
                return Err(Error::new(
                    Code::InvalidProcessCwd,
                    "the working directory cannot be entered by the session's shell",
                ));
            }
            Outcome::Left(exit) => match ended_by() {
                Some(signal) => {
                    let (signal, usage) = (Some(Signal::name(signal.number())), self.beyond(exit.usage));
                    Exit { signal, usage, ..Exit::default() }
                }
                None => Exit { usage: self.beyond(exit.usage), ..exit },
            },
            Outcome::Died(exit) => Exit { shell_ended: true, usage: self.beyond(exit.usage), ..exit },
            Outcome::Deaf(exit) => return Err(held.tell_end(&exit)),
            Outcome::Stuck => {
                let id = session.id.as_str();
                return Err(in_vain(&format!("the shell of the session {id:?}"), self.pid()).with("id", id));
            }
        };
        let duration_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(Exit { duration_us, timed_out: timeout.is_requested(), ..exit })
    }

    /// What of it the command has used.
    fn beyond(&self, all: Usage) -> Usage {
        let Usage { user_us, system_us, max_rss: _ } = self.used;
        // The largest of all processes that there ever were would say nothing of this command.
        Usage {
            user_us: all.user_us.saturating_sub(user_us),
            system_us: all.system_us.saturating_sub(system_us),
            max_rss: None,
        }
    }

    /// Ends what the command has started, and makes the shell give it up; kills the shell when it does not.
    async fn end(
        &self,
        mut outcome: Pin<&mut impl Future<Output = Result<Outcome, Error>>>,
        stops: [&Stop; 3],
    ) -> Result<Outcome, Error> {
        let is_overdue = || stops.iter().any(|stop| stop.is_overdue());
        let overdue = || async {
            let [first, second, third] = stops;
            tokio::select! {
                () = first.overdue() => {}
                () = second.overdue() => {}
                () = third.overdue() => {}
            }
        };
        let mut tree = self.tree();
        let insist = async {
            let (mut attempts, mut reached) = (0, BTreeSet::new());
            loop {
                self.abort().await;
                if is_overdue() {
                    let gone = self.terminate(&mut tree, false, overdue()).await;
                    // What is left then, the shell waits for in vain.
                    attempts = if gone { attempts + 1 } else { ATTEMPTS.max(attempts + 1) };
                } else if let Err(error) = tree.reach(&[Signal::TERM, Signal::CONT], &mut reached).await {
                    tracing::warn!(%error, "what a command of a session has started could not be listed");
                }
                if attempts >= ATTEMPTS {
                    tracing::warn!(
                        pid = self.pid(),
                        "the shell of a session did not give up its command; it is killed"
                    );
                    // It may have ended by itself.
                    let _gone = self.run.signal(Signal::KILL, Target::Leader).await;
                    stuck(self.pid()).await;
                    return Ok(Outcome::Stuck);
                }
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = overdue(), if !is_overdue() => {}
                }
            }
        };
        let outcome = tokio::select! {
            biased;
            outcome = &mut outcome => outcome,
            stuck = insist => stuck,
        }?;
        // What it left behind, as a job in the background.
        self.terminate(&mut self.tree(), !is_overdue(), overdue()).await;
        Ok(outcome)
    }

    /// Whether nothing of it is left, as far as that is known.
    async fn terminate(&self, tree: &mut Tree, gently: bool, overdue: impl Future<Output = ()>) -> bool {
        tree.terminate(gently, overdue).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what a command of a session has started could not be listed");
            true
        })
    }
}

async fn after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        let outputs = std::mem::take(self.outputs.get_mut().unwrap_or_else(PoisonError::into_inner));
        let held = self.held.get_mut();
        held.session.works(None);
        let sink = held.session.sink.clone();
        let inner = &mut *held.inner;
        let Some(home) = &inner.home else { return };
        for output in outputs {
            if let Some(rest) = inner.free.give_back(home, output) {
                sink.drain(rest);
            }
        }
        if let Some(stdin) = &self.stdin {
            inner.free.forget(home, stdin);
        }
    }
}
