//! A sandbox that runs: from its start, over its supervision, to an end after which nothing of it is left.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::fs::{FileType, Mode, OFlags};
use sandwire_protocol::kind::command::{Exit, Limits};
use serde::Serialize;
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use super::command::{self, Parts, SOCKET};
use super::folders::{Root, RunFolder};
use super::id::Id;
use super::isolation::Kept;
use super::refused::Refused;
use super::talk::Talk;
use crate::sandbox::machine::now_ms;
use crate::sandbox::process::pipe::Stdin;
use crate::sandbox::process::reap;
use crate::sandbox::process::run::{self, Host, Outputs, Run, Spec};
use crate::sandbox::process::signal::Signal;
use crate::sandbox::process::stop::Stop;

/// Time beyond the grace that a sandbox's server has for its farewells, before all of it is killed.
const FAREWELL: Duration = Duration::from_secs(8);

/// How all sandboxes of an engine are started.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) root: Root,
    pub(crate) host: Host,
    pub(crate) kept: Kept,
    /// This program.
    pub(crate) program: PathBuf,
    pub(crate) read_only: Vec<PathBuf>,
    /// Those that this machine can hold.
    pub(crate) limits: Limits,
    /// What host names of exposed ports end in, once it is known where the engine listens.
    pub(crate) preview_host: OnceLock<String>,
    pub(crate) start_timeout: Duration,
    pub(crate) grace: Duration,
}

/// How a sandbox ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Ended {
    /// The exit code of its server; 128 and the signal's number when a signal ended it, as shells say it.
    pub(crate) exit_code: Option<i32>,
    /// Whether the kernel killed something in it for want of memory.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) oom_killed: bool,
}

/// A sandbox that runs, or has ended just now.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) started_ms: u64,
    /// The socket as its server made it, before anything else ran there: whatever has its name later, this one is meant.
    socket: OwnedFd,
    /// Standard input of its server, which ends when this is dropped.
    lifeline: Mutex<Option<Stdin>>,
    stop: Arc<Stop>,
    grace: Duration,
    ended: watch::Receiver<Option<Ended>>,
    /// Whether somebody looks whether it idles.
    watched: AtomicBool,
    /// Ends what goes on with it.
    pub(crate) over: CancellationToken,
}

impl Running {
    /// Starts it, and waits until its server answers. The place is kept until nothing of it is left.
    ///
    /// # Errors
    /// 502, with what its server said last, or 500.
    pub(crate) async fn start(
        recipe: &Arc<Recipe>,
        id: &Id,
        env: BTreeMap<String, String>,
        place: OwnedSemaphorePermit,
    ) -> Result<Arc<Self>, Refused> {
        let started_ms = now_ms();
        let stop = Arc::new(Stop::new());
        let talk = Arc::new(Talk::new(id.clone()));
        let (run, outputs, stdin, folder) = launch(recipe, id, env).await?;
        let path = folder.path().join(SOCKET);
        let over = CancellationToken::new();
        let (end, ended) = watch::channel(None);
        let supervised = Supervised { run, folder, place, over: over.clone(), id: id.clone() };
        let told = supervised.watch(outputs, Arc::clone(&stop), Arc::clone(&talk));
        tokio::spawn(async move { end.send_replace(Some(told.await)) });
        let ready = async {
            talk.listens().await;
            let socket = pin(&path)?;
            let running = Self {
                started_ms,
                socket,
                lifeline: Mutex::new(stdin),
                stop: Arc::clone(&stop),
                grace: recipe.grace,
                ended: ended.clone(),
                watched: AtomicBool::new(false),
                over,
            };
            running.connect().await.map(|_| Arc::new(running))
        };
        let mut early = ended.clone();
        let why = tokio::select! {
            ready = tokio::time::timeout(recipe.start_timeout, ready) => match ready {
                Ok(Ok(running)) => return Ok(running),
                Ok(Err(error)) => format!("its server does not answer: {error}"),
                Err(_) => format!("it was not ready within {}", humantime::format_duration(recipe.start_timeout)),
            },
            // The sender lives until it has said it.
            Ok(ended) = early.wait_for(Option::is_some) => {
                format!("it ended at once, with exit code {:?}", ended.as_ref().and_then(|ended| ended.exit_code))
            }
        };
        stop.request(Duration::ZERO);
        let mut ended = ended;
        ended.wait_for(Option::is_some).await.map(drop).unwrap_or_default();
        let said = talk.last();
        let said = if said.is_empty() { String::new() } else { format!("; it said last: {said}") };
        tracing::warn!(sandbox = %id, "not started: {why}{said}");
        Err(Refused::not_started(format!("the sandbox {id} did not start: {why}{said}")))
    }

    /// Whether nobody has asked so before.
    pub(crate) fn is_new(&self) -> bool {
        !self.watched.swap(true, Ordering::Relaxed)
    }

    /// A connection to its server.
    ///
    /// # Errors
    /// As connect(2).
    pub(crate) async fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect(format!("/proc/self/fd/{}", self.socket.as_raw_fd())).await
    }

    /// How it ended, once nothing of it is left.
    pub(crate) fn end(&self) -> Option<Ended> {
        self.ended.borrow().clone()
    }

    /// Waits until nothing of it is left.
    pub(crate) async fn ended(&self) -> Ended {
        let mut ended = self.ended.clone();
        let none = Ended { exit_code: None, oom_killed: false };
        ended.wait_for(Option::is_some).await.map_or(none.clone(), |ended| ended.clone().unwrap_or(none))
    }

    /// Lets what runs in it end, for as long as the grace says, and waits until nothing is left.
    pub(crate) async fn drain(&self) -> Ended {
        drop(self.lifeline.lock().unwrap_or_else(PoisonError::into_inner).take());
        match tokio::time::timeout(self.grace + FAREWELL, self.ended()).await {
            Ok(ended) => ended,
            Err(_) => self.kill().await,
        }
    }

    /// Kills all of it, and waits until nothing is left.
    pub(crate) async fn kill(&self) -> Ended {
        self.stop.request(Duration::ZERO);
        self.ended().await
    }
}

/// Makes its directories and starts its server.
async fn launch(
    recipe: &Arc<Recipe>,
    id: &Id,
    env: BTreeMap<String, String>,
) -> Result<(Run, Outputs, Option<Stdin>, RunFolder), Refused> {
    let (recipe, id) = (Arc::clone(recipe), id.clone());
    let work = tokio::task::spawn_blocking(move || {
        let failed = |error: io::Error| Refused::failed(format!("the directories of {id} cannot be made: {error}"));
        let folders = recipe.root.of(&id);
        folders.prepare().map_err(failed)?;
        let folder = recipe.root.run_folder().map_err(failed)?;
        let launch = command::of(&Parts {
            id: &id,
            kept: &recipe.kept,
            program: &recipe.program,
            folders: &folders,
            run: folder.path(),
            read_only: &recipe.read_only,
            env: &env,
            limits: &recipe.limits,
            preview_host: recipe.preview_host.get().map_or("localhost", String::as_str),
            grace: recipe.grace,
        });
        Ok((launch, folder, recipe))
    });
    let (launch, folder, recipe) = work.await.map_err(|error| Refused::failed(error.to_string()))??;
    let spec = Spec { stdin: true, merge_stderr: false, timeout: None, grace: Duration::ZERO };
    // Here and not on a blocking thread: its child would end with the thread (prctl(2), PR_SET_PDEATHSIG).
    let started = run::start(&recipe.host, &launch, &spec).map_err(|error| Refused::not_started(error.message))?;
    Ok((started.run, started.outputs, started.stdin, folder))
}

/// The socket that is there now, under whatever name; a link to another one is none.
fn pin(path: &Path) -> io::Result<OwnedFd> {
    let socket = rustix::fs::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&socket)?.st_mode) != FileType::Socket {
        return Err(io::Error::other("what has its name is no socket"));
    }
    Ok(socket)
}

/// What is given back when nothing of a sandbox is left.
struct Supervised {
    run: Run,
    folder: RunFolder,
    place: OwnedSemaphorePermit,
    over: CancellationToken,
    id: Id,
}

impl Supervised {
    /// Waits for its end, and clears away what is left of it.
    async fn watch(self, mut outputs: Outputs, stop: Arc<Stop>, talk: Arc<Talk>) -> Ended {
        let read =
            async { while outputs.next_with(|output, bytes| talk.take(output, bytes)).await.is_ok_and(|more| more) {} };
        let (exit, ()) = tokio::join!(self.run.wait_long(&stop), read);
        self.over.cancel();
        if let Err(error) = reap::kill_orphans().await {
            tracing::warn!(sandbox = %self.id, %error, "what is left of a sandbox cannot be listed");
        }
        let Self { run, folder, place, over: _, id } = self;
        drop(run);
        drop(tokio::task::spawn_blocking(move || drop(folder)).await);
        let ended = exit.map_or_else(
            |error| {
                tracing::error!(sandbox = %id, %error, "how a sandbox ended is not known");
                Ended { exit_code: None, oom_killed: false }
            },
            |exit| Ended { exit_code: code(&exit), oom_killed: exit.oom_killed },
        );
        tracing::info!(sandbox = %id, exit_code = ended.exit_code, oom_killed = ended.oom_killed, "ended");
        drop(place);
        ended
    }
}

/// As shells say it.
fn code(exit: &Exit) -> Option<i32> {
    let by_signal = || Some(128 + Signal::parse(exit.signal.as_deref()?).ok()?.number());
    exit.code.or_else(by_signal)
}
