//! A session: what goes on while shells come and go, and one command at a time runs in it.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sandwire_protocol::kind::command::{Exit, Launch};
use sandwire_protocol::kind::session::{Create, Info, State};
use sandwire_protocol::{ByteString, Code, Error};
use tokio::sync::OwnedMutexGuard;

use super::home::{self, Home};
use super::living::{Living, ended};
use super::pipes::Free;
use super::script::Dialect;
use super::sink::Sink;
use crate::sandbox::buckets::Buckets;
use crate::sandbox::machine::now_ms;
use crate::sandbox::process::launch::default_shell;
use crate::sandbox::process::run::{Host, Run};
use crate::sandbox::process::stop::{Stop, stuck};
use crate::sandbox::process::tree::Moment;
use crate::sandbox::process::user::Credentials;
use crate::sandbox::queue::{Queue, Turn};
use crate::sandbox::variables::{Changes, Follower};

/// Shells that have ended and may have left jobs behind, which end with the session.
const PAST: usize = 16;

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    /// In the order of their making.
    pub(super) number: u64,
    pub(super) host: Host,
    pub(super) sink: Sink,
    /// How its shell is started.
    pub(super) launch: Launch,
    pub(super) timeout: Option<Duration>,
    renew: bool,
    pub(super) queue: Arc<Queue>,
    /// The session is being deleted: what runs is to end.
    pub(super) closing: Stop,
    created_ms: u64,
    seen: Mutex<Seen>,
    inner: Arc<tokio::sync::Mutex<Inner>>,
}

/// What can be seen of it at any time.
#[derive(Debug, Default)]
struct Seen {
    run: Option<Arc<Run>>,
    used_ms: u64,
    commands: u64,
    lost: u32,
    exit: Option<Exit>,
    /// When the command began that runs.
    begun: Option<Begun>,
}

/// When a command began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    pub(super) at: Instant,
    pub(super) moment: Moment,
}

/// What belongs to whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub(super) living: Option<Living>,
    pub(super) home: Option<Home>,
    pub(super) free: Free,
    /// A command was begun and its end was not seen.
    pub(super) busy: bool,
    /// Up to which change its shell has the variables of the sandbox; none when it has none of them.
    pub(super) follower: Option<Follower>,
    /// A user's EXIT trap has taken the place of the session's own.
    pub(super) rearm: bool,
    past: Vec<Arc<Run>>,
}

/// What is asked of a session beside what to run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) stdin: bool,
    pub(crate) merge_stderr: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) renew: bool,
}

/// A session in its turn.
#[derive(Debug)]
pub(crate) struct Held {
    pub(super) inner: OwnedMutexGuard<Inner>,
    pub(super) session: Arc<Session>,
    /// Given on last.
    _turn: Turn,
}

impl Session {
    /// A session without a shell yet.
    pub(super) fn new(id: String, number: u64, host: Host, sink: Sink, params: Create) -> Session {
        let shell = params.shell.unwrap_or_else(|| default_shell().into());
        let launch = Launch {
            argv: vec![shell],
            cwd: params.cwd,
            env: params.env,
            clear_env: params.clear_env,
            user: params.user,
            ..Launch::default()
        };
        let now = now_ms();
        Session {
            id,
            number,
            host,
            sink,
            launch,
            timeout: params.timeout_ms.map(Duration::from_millis),
            renew: params.renew,
            queue: Arc::default(),
            closing: Stop::new(),
            created_ms: now,
            seen: Mutex::new(Seen { used_ms: now, ..Seen::default() }),
            inner: Arc::default(),
        }
    }

    /// The shell, and since when it runs the command that it runs now.
    pub(super) fn at_work(&self) -> Option<(Arc<Run>, Begun)> {
        let seen = self.seen();
        Some((Arc::clone(seen.run.as_ref()?), seen.begun?))
    }

    /// A command begins or is over.
    pub(super) fn works(&self, begun: Option<Begun>) {
        self.seen().begun = begun;
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of it now.
    pub(crate) fn info(&self) -> Info {
        let (busy, queued) = self.queue.length();
        let seen = self.seen();
        let pid = seen.run.as_ref().map(|run| run.pid());
        let cwd = pid
            .and_then(|pid| directory(pid, &self.host.buckets))
            .or_else(|| Some(self.host.workspace.join(self.launch.cwd.clone()?)));
        Info {
            id: self.id.clone(),
            state: match (busy, pid, &seen.exit) {
                (true, ..) => State::Busy,
                (false, None, Some(_)) => State::Ended,
                (false, ..) => State::Idle,
            },
            shell: self.launch.argv.first().map(ToString::to_string).unwrap_or_default(),
            pid,
            cwd: Some(cwd.unwrap_or_else(|| self.host.workspace.to_path_buf()).to_string_lossy().into_owned()),
            created_ms: self.created_ms,
            used_ms: seen.used_ms,
            commands: seen.commands,
            queued: u32::try_from(queued).unwrap_or(u32::MAX),
            lost: seen.lost,
            exit: seen.exit.clone(),
        }
    }

    /// Takes it in its turn.
    pub(super) async fn hold(self: &Arc<Self>, turn: Turn) -> Held {
        let inner = Arc::clone(&self.inner).lock_owned().await;
        Held { inner, session: Arc::clone(self), _turn: turn }
    }

    /// Ends it: what runs in it, its shell, and what was left in the background. Whoever waits for it hears that it is
    /// no more.
    pub(super) async fn close(self: &Arc<Self>, grace: Duration) {
        self.queue.close();
        self.closing.request(grace);
        let Ok(turn) = self.queue.enter_last().turn().await else { return };
        let mut held = self.hold(turn).await;
        if let Some(living) = held.inner.living.take() {
            living.end(grace).await;
        }
        let stop = Stop::new();
        stop.request(grace);
        let past = std::mem::take(&mut held.inner.past);
        let ends = past.iter().map(|run| async {
            if let Err(error) = run.tree().terminate(!stop.is_overdue(), stop.overdue()).await {
                tracing::warn!(%error, "what a session left could not be listed");
            }
        });
        futures_util::future::join_all(ends).await;
        held.inner.home = None;
        held.inner.follower = None;
    }
}

impl Held {
    /// Sees to it that there is a shell that takes commands.
    ///
    /// # Errors
    /// `SESSION_TERMINATED`, once, when the last one ended and its state was lost, unless `renew`; those of a start.
    pub(crate) async fn shell(&mut self, renew: bool) -> Result<(), Error> {
        let busy = self.inner.busy;
        if let Some(living) = &mut self.inner.living {
            if busy {
                // Whoever began a command in it went away without waiting for its end.
                living.kill().await;
                let pid = living.run().pid();
                let exit = tokio::select! {
                    biased;
                    exit = living.died() => exit?,
                    // What no signal ends is not waited for.
                    () = stuck(pid) => Exit::default(),
                };
                self.lost(&exit);
            } else {
                match living.death() {
                    None => return Ok(()),
                    Some(exit) => {
                        self.left(&exit?);
                    }
                }
            }
        }
        let Held { inner, session, .. } = self;
        let untold = session.seen().exit.take();
        if let Some(exit) = untold.filter(|_| !renew && !session.renew) {
            return Err(self.tell_end(&exit));
        }
        if inner.home.is_none() {
            let owner = session.launch.user.as_deref().filter(|_| rustix::process::geteuid().is_root());
            let owner = owner.map(Credentials::find).transpose()?.map(|found| (found.uid, found.gid));
            inner.home = Some(Home::new(&session.host.marker(), owner).map_err(|error| {
                Error::new(Code::ProcessSpawnFailed, format!("no directory can be made for the session: {error}"))
                    .with("errno", error.raw_os_error().unwrap_or(0))
            })?);
        }
        let Some(home) = &inner.home else { return Err(Error::new(Code::Internal, "the session has no directory")) };
        let restore = home.has_state();
        let launch = if restore { restoring(&session.launch) } else { session.launch.clone() };
        let follower = (!restore && !session.launch.clear_env).then(|| session.host.variables.follow());
        let started = Living::start(&session.host, &launch, home, restore).await;
        // Whatever became of it: it must not be taken over twice. The EXIT trap was run by the shell that left it.
        for file in [home::STATE, home::OPTIONS, home::TRAP, home::VARIABLES] {
            home.write(file, b"").map_err(|error| unwritable(&error))?;
        }
        let living = match started {
            Ok(living) => living,
            Err(error) if restore => {
                session.seen().lost += 1;
                inner.follower = None;
                let text =
                    format!("the state of the session {:?} could not be taken over: {}", session.id, error.message);
                return Err(Error::new(Code::SessionTerminated, text).with("id", session.id.as_str()));
            }
            Err(error) => return Err(error),
        };
        session.seen().run = Some(Arc::clone(living.run()));
        inner.living = Some(living);
        if !restore {
            inner.follower = follower;
        }
        inner.busy = false;
        inner.rearm = false;
        Ok(())
    }

    /// Says once that the last shell has ended so.
    pub(super) fn tell_end(&self, exit: &Exit) -> Error {
        let id = &self.session.id;
        self.session.seen().exit = None;
        let unknown = exit.code.is_none() && exit.signal.is_none();
        let how = if unknown { "was killed and has not ended" } else { "has ended" };
        let text = format!(
            "the shell of the session {id:?} {how}, and what it knew is lost; the next command gets a fresh one"
        );
        ended(Error::new(Code::SessionTerminated, text).with("id", id.as_str()), exit)
    }

    /// The shell has ended by itself. Says whether it has left its state.
    pub(super) fn left(&mut self, exit: &Exit) -> bool {
        let kept = self.inner.home.as_ref().is_some_and(Home::has_state);
        if kept {
            self.gone();
        } else {
            self.lost(exit);
        }
        kept
    }

    /// The shell has ended, and its state is lost.
    pub(super) fn lost(&mut self, exit: &Exit) {
        self.gone();
        if let Some(home) = &self.inner.home {
            // What it may have begun to write is no state.
            if let Err(error) = home.write(home::STATE, b"") {
                tracing::debug!(%error, "the files of a session");
            }
        }
        self.inner.follower = None;
        let mut seen = self.session.seen();
        seen.lost += 1;
        seen.exit = Some(exit.clone());
    }

    fn gone(&mut self) {
        self.inner.busy = false;
        if let Some(living) = self.inner.living.take() {
            if self.inner.past.len() == PAST {
                self.inner.past.remove(0);
            }
            self.inner.past.push(Arc::clone(living.run()));
        }
        self.session.seen().run = None;
    }

    /// A command begins or ends.
    pub(super) fn used(&self, ended: bool) {
        let mut seen = self.session.seen();
        seen.used_ms = now_ms();
        seen.commands += u64::from(ended);
    }

    /// What has changed of the sandbox's variables, but for those that the session was made with.
    pub(super) fn changes(&mut self) -> Changes {
        let Held { inner, session, .. } = self;
        let Some(follower) = &mut inner.follower else { return Changes::default() };
        let mut changes = session.host.variables.changes(follower);
        changes.retain(|(name, _)| !session.launch.env.contains_key(&ByteString::from(name)));
        changes
    }

    /// The shell's directory.
    pub(super) fn directory(&self) -> PathBuf {
        let pid = self.inner.living.as_ref().map(|living| living.run().pid());
        pid.and_then(|pid| directory(pid, &self.session.host.buckets))
            .unwrap_or_else(|| self.session.host.workspace.to_path_buf())
    }

    /// What its shell understands.
    pub(super) fn dialect(&self) -> Dialect {
        self.inner.living.as_ref().map_or(Dialect::Bash, |living| living.dialect)
    }
}

/// How a shell is started that takes over what another has left: with no variable that the other may have removed.
fn restoring(launch: &Launch) -> Launch {
    let mut env = launch.env.clone();
    let path = ByteString::from("PATH");
    let kept =
        env.remove(&path).unwrap_or_else(|| std::env::var_os("PATH").map(|path| ByteString::new(path.into_vec())));
    Launch { env: [(path, kept)].into(), clear_env: true, cwd: Some("/".into()), ..launch.clone() }
}

pub(super) fn unwritable(error: &std::io::Error) -> Error {
    Error::new(Code::Internal, format!("the files of the session cannot be written: {error}"))
        .with("errno", error.raw_os_error().unwrap_or(0))
}

/// The working directory of a process; where it was, when it was removed.
pub(super) fn directory(pid: u32, buckets: &Buckets) -> Option<PathBuf> {
    let path = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    match path.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
        Some(before) if buckets.lead(&path) || !path.exists() => Some(Path::new(OsStr::from_bytes(before)).to_owned()),
        Some(_) | None => Some(path),
    }
}
