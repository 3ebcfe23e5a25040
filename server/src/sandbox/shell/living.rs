//! One shell that lives: rung for commands, heard when it reports, watched until it dies.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::OFlags;
use sandwire_protocol::kind::command::{Exit, Launch, Usage};
use sandwire_protocol::{Code, Error};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

use super::home::{self, Home};
use super::posix;
use super::report::{Report, Reports};
use super::script::{self, Dialect};
use crate::sandbox::process::list;
use crate::sandbox::process::run::{self, Host, Run};
use crate::sandbox::process::signal::Signal;
use crate::sandbox::process::spawn::watch as watch_fd;
use crate::sandbox::process::stop::Stop;

/// Time that a shell has to start, files of its user's that it reads included.
const START: Duration = Duration::from_secs(30);

/// A shell. Dropped, it is killed, with everything that descends from it.
#[derive(Debug)]
pub(super) struct Living {
    run: Arc<Run>,
    stop: Arc<Stop>,
    death: watch::Receiver<Option<Result<Exit, Error>>>,
    /// The server's end of the bell. When the server is gone, the shell reads its end.
    bell: Option<OwnedFd>,
    reports: AsyncFd<OwnedFd>,
    heard: Reports,
    /// Its line in `/proc`, kept open because it is read for each command.
    stat: Option<File>,
    pub(super) dialect: Dialect,
}

/// What a shell lets know.
#[derive(Debug)]
pub(super) enum News {
    Said(Report),
    /// It has ended so.
    Died(Exit),
}

impl Living {
    /// Starts a shell and waits until it takes commands. With `restore` it takes over what another has left.
    ///
    /// # Errors
    /// Those of starting a command; `PROCESS_SPAWN_FAILED` when it is no shell that can do this.
    pub(super) async fn start(host: &Host, launch: &Launch, home: &Home, restore: bool) -> Result<Living, Error> {
        let shell = launch.argv.first().map(ToString::to_string).unwrap_or_default();
        let dialect = if shell.rsplit('/').next() == Some("bash") { Dialect::Bash } else { Dialect::Posix };
        let failed = |error: io::Error| {
            Error::new(Code::ProcessSpawnFailed, format!("the directory of the session cannot be used: {error}"))
                .with("errno", error.raw_os_error().unwrap_or(0))
        };
        if restore && dialect == Dialect::Posix {
            let left = home.take(home::STATE, home::LARGEST_STATE).map_err(failed)?;
            let state = posix::state(home.path(), &left)
                .ok_or_else(|| Error::new(Code::SessionTerminated, "what its shell has left is not whole"))?;
            home.write(home::STATE, &state).map_err(failed)?;
        }
        home.write(home::BOOT, script::boot(dialect, home.path(), restore).as_bytes()).map_err(failed)?;
        home.write(home::EXIT, script::exit(dialect, home.path()).as_bytes()).map_err(failed)?;
        let bell = home.open_pipe(home::BELL, OFlags::RDWR).map_err(failed)?;
        let reports = home.open_pipe(home::REPORTS, OFlags::RDWR).map_err(failed)?;
        // What a shell before this one may have left in the pipes.
        for pipe in [&bell, &reports] {
            while matches!(rustix::io::read(pipe, &mut [0_u8; 4096]), Ok(1..)) {}
        }
        let reports = watch_fd(reports, Interest::READABLE).map_err(failed)?;
        let boot = home.open(home::BOOT).map_err(failed)?;
        let run = Arc::new(run::start_shell(host, launch, boot.into())?);
        let stat = File::open(format!("/proc/{}/stat", run.pid())).ok();
        let stop = Arc::new(Stop::new());
        let (died, death) = watch::channel(None);
        let (watched, stopped) = (Arc::clone(&run), Arc::clone(&stop));
        tokio::spawn(async move {
            let exit = watched.wait(&stopped).await;
            died.send_replace(Some(exit));
        });
        let mut living =
            Living { run, stop, death, bell: Some(bell), reports, heard: Reports::default(), stat, dialect };
        match tokio::time::timeout(START, living.ready()).await {
            Ok(Ok(())) => Ok(living),
            Ok(Err(error)) => Err(error),
            Err(_late) => Err(Error::new(
                Code::ProcessSpawnFailed,
                format!("the shell {shell:?} was not ready within {} s", START.as_secs()),
            )),
        }
    }

    async fn ready(&mut self) -> Result<(), Error> {
        loop {
            match self.news().await? {
                News::Said(Report::Ready) => return Ok(()),
                News::Said(_) => {}
                News::Died(exit) => {
                    let shown = &self.run.shown;
                    let text = format!("{shown:?} ended at once: a session needs bash from 4.4 on, or a POSIX shell");
                    return Err(ended(Error::new(Code::ProcessSpawnFailed, text), &exit));
                }
            }
        }
    }

    /// Rings for the command that the home holds.
    ///
    /// # Errors
    /// As write(2).
    pub(super) fn ring(&self) -> io::Result<()> {
        let bell = self.bell.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        rustix::io::write(bell, b"\n")?;
        Ok(())
    }

    /// Whether it has not heard the bell.
    pub(super) fn is_deaf(&self) -> bool {
        self.bell.as_ref().is_some_and(|bell| rustix::io::ioctl_fionread(bell).is_ok_and(|unread| unread > 0))
    }

    /// What it lets know next. Cancel safe.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` when it cannot be heard, or its exit status is lost.
    pub(super) async fn news(&mut self) -> Result<News, Error> {
        loop {
            if let Some(report) = self.heard.next() {
                return Ok(News::Said(report));
            }
            let died = tokio::select! {
                biased;
                ready = self.reports.readable() => {
                    let mut ready = ready.map_err(|error| unheard(&error))?;
                    match ready.try_io(|pipe| hear(pipe.get_ref(), &mut self.heard)) {
                        Ok(heard) => heard.map_err(|error| unheard(&error))?,
                        Err(_would_block) => {}
                    }
                    false
                }
                _ = self.death.wait_for(Option::is_some) => true,
            };
            if died {
                // What it said last.
                while matches!(hear(self.reports.get_ref(), &mut self.heard), Ok(())) {}
                if let Some(report) = self.heard.next() {
                    return Ok(News::Said(report));
                }
                return self.death().unwrap_or_else(|| Ok(Exit::default())).map(News::Died);
            }
        }
    }

    /// How it ended, if it has.
    pub(super) fn death(&self) -> Option<Result<Exit, Error>> {
        self.death.borrow().clone()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` when its exit status is lost.
    pub(super) async fn died(&mut self) -> Result<Exit, Error> {
        let died = self.death.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone());
        died.unwrap_or_else(|| Err(Error::new(Code::Internal, "the exit status of a shell is lost")))
    }

    /// CPU time that it and what it has waited for have used, as far as it is known.
    pub(super) fn used(&self) -> Usage {
        let (user_us, system_us) = self.stat.as_ref().and_then(list::cpu_time).unwrap_or_default();
        Usage { user_us, system_us, max_rss: None }
    }

    /// Itself, to be signalled and its tree to be looked at.
    pub(super) fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// Kills it, without what it has started.
    pub(super) async fn kill(&self) {
        // It may have ended by itself.
        let _gone = self.run.signal(Signal::KILL, sandwire_protocol::kind::command::Target::Leader).await;
    }

    /// Ends it and everything that descends from it: by its own will, with its EXIT trap, when it does so within `grace`.
    pub(super) async fn end(mut self, grace: Duration) {
        self.bell = None;
        if tokio::time::timeout(grace, self.died()).await.is_err() {
            self.stop.request(Duration::ZERO);
        }
        if let Err(error) = self.died().await {
            tracing::warn!(%error, "the shell of a session");
        }
        // Itself ended by its own will before: what it left in the background.
        let stop = Stop::new();
        stop.request(grace);
        if let Err(error) = self.run.tree().terminate(!stop.is_overdue(), stop.overdue()).await {
            tracing::warn!(%error, "what a session left could not be listed");
        }
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.stop.request(Duration::ZERO);
    }
}

fn hear(pipe: &OwnedFd, heard: &mut Reports) -> io::Result<()> {
    let mut buffer = [0_u8; 4096];
    let length = rustix::io::read(pipe, &mut buffer)?;
    heard.push(buffer.get(..length).unwrap_or_default());
    Ok(())
}

fn unheard(error: &io::Error) -> Error {
    Error::new(Code::Internal, format!("the session's shell cannot be heard: {error}"))
}

/// The error with how the shell ended.
pub(super) fn ended(error: Error, exit: &Exit) -> Error {
    match (&exit.code, &exit.signal) {
        (Some(code), _) => error.with("exit_code", *code),
        (None, Some(signal)) => error.with("signal", signal.as_str()),
        (None, None) => error,
    }
}
