//! One run of a command, from its start to its one true exit.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sandwire_protocol::kind::command::{Exit, Launch, Limits, Output, Target};
use sandwire_protocol::{Code, Error};
use tokio_util::sync::CancellationToken;

use super::enter::{self, Told};
use super::failure::{explain, spawn_failed};
use super::launch::Prepared;
use super::limits::{Group, Machine};
use super::owner::Leader;
use super::pipe::{Look, Pipes, READ, Stdin, pipe};
use super::reap::{Child, Reaper};
use super::signal::Signal;
use super::spawn::{self, Confinement, Stdio};
use super::stop::{Stop, in_vain, stuck};
use super::tree::Tree;
use crate::sandbox::buckets::Buckets;
use crate::sandbox::variables::Variables;

/// Reads in a row before others may run: about a tenth of a millisecond of full pipes.
const BURST: u32 = 8;

/// What commands of this server share.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) reaper: Reaper,
    pub(crate) machine: Machine,
    /// Where relative paths begin.
    pub(crate) workspace: Arc<Path>,
    /// What they are given over the server's own environment.
    pub(crate) variables: Arc<Variables>,
    /// Where buckets are mounted.
    pub(crate) buckets: Arc<Buckets>,
    /// First part of every marker: differs between servers.
    pub(crate) boot: Arc<str>,
    next: Arc<AtomicU64>,
}

impl Host {
    /// Makes the server a subreaper and looks at what the machine can hold.
    ///
    /// # Errors
    /// When the kernel lacks what is needed.
    pub(crate) fn new(workspace: &Path) -> io::Result<Host> {
        spawn::seal_descriptors()?;
        if let Err(error) = spawn::raise_descriptor_limit() {
            tracing::warn!(%error, "the limit of open files (RLIMIT_NOFILE) stays as it is");
        }
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        Ok(Host {
            reaper: Reaper::new()?,
            machine: Machine::detect(),
            workspace: workspace.into(),
            variables: Arc::default(),
            buckets: Arc::default(),
            boot: format!("{:016x}", u64::from_ne_bytes(random)).into(),
            next: Arc::default(),
        })
    }

    /// Checks and completes a launch.
    ///
    /// # Errors
    /// Those of [`Prepared::new`].
    pub(crate) fn prepare(&self, launch: &Launch, marker: String) -> Result<Prepared, Error> {
        Prepared::new(launch, &self.workspace, &self.variables, &self.buckets, marker)
    }

    /// A marker that no other command has.
    pub(crate) fn marker(&self) -> String {
        format!("{}-{}", self.boot, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// How to start and end a command.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) stdin: bool,
    pub(crate) merge_stderr: bool,
    pub(crate) timeout: Option<Duration>,
    /// Time between TERM and KILL after a timeout.
    pub(crate) grace: Duration,
}

/// A command that was started, without its pipes: whom to wait for and to signal.
#[derive(Debug)]
pub(crate) struct Run {
    child: Arc<Child>,
    marker: Arc<str>,
    /// Taken at the end.
    group: Mutex<Option<Group>>,
    /// Where its failure is told when it is started by way of [`enter`].
    told: Option<Told>,
    timeout: Option<Duration>,
    grace: Duration,
    /// Cancelled when the leader has ended, and what was to be ended with it.
    over: CancellationToken,
    /// What runs, for people.
    pub(crate) shown: String,
    /// Where it was started.
    pub(crate) cwd: String,
}

/// What a command writes, with its bound.
#[derive(Debug)]
pub(crate) struct Outputs {
    pipes: Pipes,
    over: CancellationToken,
    /// Bytes that may still be delivered.
    left: u64,
    dropped: u64,
    /// Reads since others could run.
    burst: u32,
}

/// A command just started.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) run: Run,
    pub(crate) outputs: Outputs,
    pub(crate) stdin: Option<Stdin>,
}

/// Starts a command.
///
/// # Errors
/// Those of [`Prepared::new`] and [`Machine::confine`], `PROCESS_SPAWN_FAILED`.
pub(crate) fn start(host: &Host, launch: &Launch, spec: &Spec) -> Result<Started, Error> {
    start_handing(host, launch, spec, None)
}

/// Starts a command that has this as its descriptor 3.
///
/// # Errors
/// As [`start`].
pub(crate) fn start_handing(
    host: &Host,
    launch: &Launch,
    spec: &Spec,
    handed: Option<BorrowedFd<'_>>,
) -> Result<Started, Error> {
    let prepared = host.prepare(launch, host.marker())?;
    let lacking = |error: io::Error| spawn_failed(&prepared.program, error.raw_os_error().unwrap_or(0));
    let (stdout, stdout_child) = pipe().map_err(lacking)?;
    let (stderr, stderr_child) = if spec.merge_stderr { None } else { Some(pipe().map_err(lacking)?) }.unzip();
    let (stdin_child, stdin) = if spec.stdin { Some(pipe().map_err(lacking)?) } else { None }.unzip();
    // Before the start, so that no command is left running when it fails.
    let pipes = Pipes::new(stdout, stderr).map_err(lacking)?;
    let stdin = stdin.map(Stdin::new).transpose().map_err(lacking)?;
    let stdio = Stdio::Pipes {
        stdin: stdin_child.as_ref().map(AsFd::as_fd),
        stdout: stdout_child.as_fd(),
        stderr: stderr_child.as_ref().unwrap_or(&stdout_child).as_fd(),
        handed,
    };
    let left = prepared.limits.output_bytes.unwrap_or(u64::MAX);
    let run = spawn_run(host, prepared, stdio, spec)?;
    let over = run.over.clone();
    Ok(Started { run, outputs: Outputs::new(pipes, over, left), stdin })
}

/// Starts a command on a terminal, which is at this path.
///
/// # Errors
/// As [`start`].
pub(crate) fn start_on_terminal(host: &Host, launch: &Launch, terminal: &CStr, spec: &Spec) -> Result<Run, Error> {
    let prepared = host.prepare(launch, host.marker())?;
    if let Some(user) = &prepared.credentials {
        rustix::fs::chown(terminal, Some(rustix::fs::Uid::from_raw(user.uid)), None)
            .map_err(|errno| spawn_failed(&prepared.program, errno.raw_os_error()))?;
    }
    spawn_run(host, prepared, Stdio::Terminal(terminal), spec)
}

/// Starts a shell that reads its first lines from there and has no output of its own.
///
/// # Errors
/// As [`start`].
pub(crate) fn start_shell(host: &Host, launch: &Launch, stdin: OwnedFd) -> Result<Run, Error> {
    let prepared = host.prepare(launch, host.marker())?;
    let nowhere = std::fs::File::options().write(true).open("/dev/null");
    let nowhere = nowhere.map_err(|error| spawn_failed(&prepared.program, error.raw_os_error().unwrap_or(0)))?;
    let stdio =
        Stdio::Pipes { stdin: Some(stdin.as_fd()), stdout: nowhere.as_fd(), stderr: nowhere.as_fd(), handed: None };
    let spec = Spec { stdin: false, merge_stderr: false, timeout: None, grace: Duration::ZERO };
    spawn_run(host, prepared, stdio, &spec)
}

fn spawn_run(host: &Host, mut prepared: Prepared, stdio: Stdio<'_>, spec: &Spec) -> Result<Run, Error> {
    let (mut confinement, group) = if prepared.limits == Limits::default() {
        (Confinement::default(), None)
    } else {
        host.machine.confine(&prepared.limits, &prepared.marker).map(|(rules, group)| (rules, Some(group)))?
    };
    let cwd = prepared.cwd.to_string_lossy().into_owned();
    let mut told = None;
    if prepared.in_bucket {
        let program = prepared.program.clone();
        let failed = |error: io::Error| spawn_failed(&program, error.raw_os_error().unwrap_or(0));
        let (waiting, tell) = enter::through(&mut prepared).map_err(failed)?;
        told = Some(waiting);
        confinement.inherited = Some(tell);
    }
    let child = host
        .reaper
        .spawn_with(|| spawn::spawn(&prepared, stdio, &confinement))
        .map_err(|failure| explain(&prepared.program, &prepared.cwd, failure))?;
    Ok(Run {
        child: Arc::new(child),
        marker: prepared.marker.into(),
        group: Mutex::new(group),
        told,
        timeout: spec.timeout,
        grace: spec.grace,
        over: CancellationToken::new(),
        shown: prepared.shown,
        cwd,
    })
}

impl Run {
    /// The process id of the leader.
    pub(crate) fn pid(&self) -> u32 {
        u32::try_from(self.child.pid()).unwrap_or(0)
    }

    /// What its descendants are known by.
    pub(crate) fn leader(&self) -> Leader {
        let pid = (!self.child.is_reaped()).then(|| self.child.pid());
        Leader { pid, marker: Arc::clone(&self.marker) }
    }

    /// Everything that descends from it. Stays usable after the end, for what it left behind.
    pub(crate) fn tree(&self) -> Tree {
        Tree::new(Arc::clone(&self.child), Arc::clone(&self.marker))
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// `PROCESS_EXITED`; `PERMISSION_DENIED` and others as kill(2).
    pub(crate) async fn signal(&self, signal: Signal, target: Target) -> Result<(), Error> {
        signal_child(&self.child, &mut self.tree(), signal, target).await
    }

    /// Waits for the end: its own, or after the timeout or `stop` the end of the whole tree. From then on the outputs
    /// deliver what is there and end. What no signal ends is not waited for.
    ///
    /// # Errors
    /// `TIMEOUT` when it was killed and does not end; `INTERNAL_ERROR` when the kernel does not give the status: none is
    /// made up.
    pub(crate) async fn wait(&self, stop: &Stop) -> Result<Exit, Error> {
        // The timeout is of this run alone: what asks for `stop` may want no further run either.
        let timeout = Stop::new();
        let in_vain_killed = async {
            tokio::select! {
                () = stop.overdue() => {}
                () = timeout.overdue() => {}
            }
            stuck(self.pid()).await;
            // Its number may be another's by now.
            if self.child.is_reaped() {
                std::future::pending().await
            }
        };
        tokio::select! {
            biased;
            exit = self.end(stop, &timeout) => exit,
            () = in_vain_killed => Err(in_vain(&format!("the command {:?}", self.shown), self.pid())),
        }
    }

    /// As [`Run::wait`], for as long as it takes.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` when the kernel does not give the status.
    pub(crate) async fn wait_long(&self, stop: &Stop) -> Result<Exit, Error> {
        self.end(stop, &Stop::new()).await
    }

    async fn end(&self, stop: &Stop, timeout: &Stop) -> Result<Exit, Error> {
        let over = self.over.clone().drop_guard();
        let status = self.child.wait();
        tokio::pin!(status);
        let ended = tokio::select! {
            status = &mut status => Some(status),
            () = stop.requested() => None,
            () = after(self.timeout) => {
                timeout.request(self.grace);
                None
            }
        };
        let status = match ended {
            Some(status) => status,
            None => tokio::join!(status, self.end_tree(stop, timeout)).0,
        };
        let status = status.map_err(|error| {
            Error::new(Code::Internal, format!("the exit status of process {} is lost: {error}", self.pid()))
        })?;
        drop(over);
        if let Some(error) = self.told.as_ref().and_then(Told::failure) {
            return Err(error);
        }
        let group = self.group.lock().unwrap_or_else(PoisonError::into_inner).take();
        let oom_killed = group.is_some_and(|group| group.oom_killed());
        Ok(Exit { timed_out: timeout.is_requested(), oom_killed, ..status.exit() })
    }

    async fn end_tree(&self, stop: &Stop, timeout: &Stop) {
        let gently = !stop.is_overdue() && !timeout.is_overdue();
        let overdue = async {
            tokio::select! {
                () = stop.overdue() => {}
                () = timeout.overdue() => {}
            }
        };
        if let Err(error) = self.tree().terminate(gently, overdue).await {
            tracing::warn!(%error, "the tree of a command could not be listed; its group is killed");
            if let Err(error) = self.child.signal_group(Signal::KILL) {
                tracing::warn!(%error, "the group of a command could not be killed");
            }
        }
    }
}

/// A command whose supervisor is gone before its end must not go on unseen.
impl Drop for Run {
    fn drop(&mut self) {
        if !self.child.is_reaped()
            && let Err(error) = self.child.signal_group(Signal::KILL)
        {
            tracing::debug!(%error, "an abandoned command could not be killed");
        }
    }
}

async fn after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Sends a signal to a command that has not ended.
///
/// # Errors
/// `PROCESS_EXITED`; `PERMISSION_DENIED` and others as kill(2).
pub(crate) async fn signal_child(child: &Child, tree: &mut Tree, signal: Signal, target: Target) -> Result<(), Error> {
    let sent = match target {
        Target::Group => child.signal_group(signal),
        Target::Leader => child.signal(signal),
        Target::Tree => tree.signal(&[signal]).await.map(|count| count > 0),
    };
    match sent {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::new(Code::ProcessExited, "the process has ended")),
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(0);
            let code = if errno == libc::EPERM { Code::PermissionDenied } else { Code::Internal };
            Err(Error::new(code, format!("the signal could not be sent: {error}")).with("errno", errno))
        }
    }
}

impl Outputs {
    /// What is written to these pipes; `over` says that the command has ended, and of the output so many bytes are
    /// delivered.
    pub(crate) fn new(pipes: Pipes, over: CancellationToken, left: u64) -> Outputs {
        Outputs { pipes, over, left, dropped: 0, burst: 0 }
    }

    /// The next piece of output, of at most `max` bytes, in the order in which the pipes have something. `None` is the
    /// end: both pipes are closed and the command has ended, or it has ended and what it wrote before was delivered,
    /// even if something that it started keeps a pipe open. Cancel safe.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` when a pipe cannot be read.
    pub(crate) async fn next(&mut self, max: usize) -> Result<Option<(Output, Bytes)>, Error> {
        loop {
            self.give_way().await;
            let max = if self.left == 0 { READ } else { max };
            match self.look(|pipes| pipes.read(max))? {
                Look::Data(output, mut bytes) => {
                    let delivered = self.count(bytes.len());
                    if delivered > 0 {
                        bytes.truncate(delivered);
                        return Ok(Some((output, bytes)));
                    }
                }
                Look::Empty => self.ready().await?,
                Look::Closed => {
                    self.over.cancelled().await;
                    return Ok(None);
                }
            }
        }
    }

    /// Shows the next piece to `take` where it is. False is the end, as for [`Outputs::next`]. Cancel safe.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` when a pipe cannot be read.
    pub(crate) async fn next_with(&mut self, mut take: impl FnMut(Output, &[u8])) -> Result<bool, Error> {
        loop {
            self.give_way().await;
            let left = usize::try_from(self.left).unwrap_or(usize::MAX);
            let shown = self.look(|pipes| {
                pipes.read_with(|output, bytes| {
                    let delivered = bytes.get(..left).unwrap_or(bytes);
                    if !delivered.is_empty() {
                        take(output, delivered);
                    }
                    bytes.len()
                })
            })?;
            match shown {
                Look::Data(_, length) => {
                    let delivered = self.count(length);
                    if delivered > 0 {
                        return Ok(true);
                    }
                }
                Look::Empty => self.ready().await?,
                Look::Closed => {
                    self.over.cancelled().await;
                    return Ok(false);
                }
            }
        }
    }

    /// How much of a piece is within the bound.
    fn count(&mut self, length: usize) -> usize {
        let delivered = (length as u64).min(self.left);
        self.left -= delivered;
        self.dropped += length as u64 - delivered;
        usize::try_from(delivered).unwrap_or(length)
    }

    /// Lets others run now and then, while nothing is in hand that a cancellation would lose: a pipe that always has something never makes this task wait.
    async fn give_way(&mut self) {
        self.burst += 1;
        if self.burst == BURST {
            self.burst = 0;
            tokio::task::yield_now().await;
        }
    }

    /// Bytes that were not delivered because of `output_bytes`.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn look<T>(&mut self, read: impl FnOnce(&mut Pipes) -> io::Result<Look<T>>) -> Result<Look<T>, Error> {
        let unreadable = |error: io::Error| {
            Error::new(Code::Internal, format!("the output could not be read: {error}"))
                .with("errno", error.raw_os_error().unwrap_or(0))
        };
        // What was written before the end is in the pipes by now; what comes later has no bound.
        let over = self.over.is_cancelled();
        if over {
            self.pipes.limit_to_present().map_err(unreadable)?;
        }
        let look = read(&mut self.pipes).map_err(unreadable)?;
        Ok(if over && matches!(look, Look::Empty) { Look::Closed } else { look })
    }

    async fn ready(&mut self) -> Result<(), Error> {
        tokio::select! {
            ready = self.pipes.readable() => {
                ready.map_err(|error| Error::new(Code::Internal, format!("the output cannot be awaited: {error}")))
            }
            () = self.over.cancelled() => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
