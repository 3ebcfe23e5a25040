//! One background process: its runs, its log, its standard input. One task supervises it; others reach it by handle.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use sandwire_protocol::kind::command::Output;
use sandwire_protocol::kind::command::{Exit, Launch, Target};
use sandwire_protocol::kind::process::{From, Info, Restart, RestartPolicy, Start, State, Stats};
use sandwire_protocol::{Code, Error};
use tokio::sync::watch;

use super::super::log::{Bounds, Log, Piece, Reader, now_ms};
use super::super::owner::Leader;
use super::super::pipe::Stdin;
use super::super::run::{self, Host, Run, Spec, Started};
use super::super::signal::Signal;
use super::super::stop::{Stop, in_vain, stuck};
use super::{Forgetter, within};

/// Default of `grace_ms`.
const GRACE: Duration = Duration::from_secs(5);

/// Default of `backoff_ms`.
const BACKOFF: Duration = Duration::from_millis(500);

/// Longest pause before a restart, and the time of a run after which the pause is short again.
const BACKOFF_MOST: Duration = Duration::from_secs(60);

/// A background process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(super) id: String,
    pub(super) number: u64,
    command: String,
    cwd: String,
    grace: Duration,
    takes_stdin: bool,
    auto_remove: bool,
    keep_alive: bool,
    log: Arc<Log>,
    stop: Stop,
    life: watch::Sender<Life>,
    /// The present or last run.
    run: Mutex<Arc<Run>>,
    /// One writer at a time; others wait for their turn.
    stdin: tokio::sync::Mutex<Option<Stdin>>,
    readers: AtomicUsize,
    forgetter: OnceLock<Forgetter>,
}

/// The part of [`Info`] that changes.
#[derive(Clone, Debug)]
struct Life {
    state: State,
    pid: u32,
    started_ms: u64,
    ended_ms: Option<u64>,
    /// The same by a clock that nobody sets.
    ended: Option<Instant>,
    exit: Option<Exit>,
    restarts: u32,
}

impl Process {
    /// Starts the first run. The future is the supervisor, to be polled to its end.
    ///
    /// # Errors
    /// Those of [`run::start`].
    pub(super) fn start(
        host: &Host,
        bounds: &Bounds,
        id: String,
        number: u64,
        params: Start,
    ) -> Result<(Arc<Process>, impl Future<Output = ()> + Send + 'static), Error> {
        let grace = params.grace_ms.map_or(GRACE, Duration::from_millis);
        let spec = Spec {
            stdin: params.stdin,
            merge_stderr: false,
            timeout: params.timeout_ms.map(Duration::from_millis),
            grace,
        };
        let started = run::start(host, &params.run, &spec)?;
        let run = Arc::new(started.run);
        let life = Life {
            state: State::Running,
            pid: run.pid(),
            started_ms: now_ms(),
            ended_ms: None,
            ended: None,
            exit: None,
            restarts: 0,
        };
        let process = Arc::new(Process {
            id,
            number,
            command: run.shown.clone(),
            cwd: run.cwd.clone(),
            grace,
            takes_stdin: params.stdin,
            auto_remove: params.auto_remove,
            keep_alive: params.keep_alive,
            log: Log::new(bounds.at_most(params.log_bytes)),
            stop: Stop::new(),
            life: watch::Sender::new(life),
            run: Mutex::new(run),
            stdin: tokio::sync::Mutex::new(started.stdin),
            readers: AtomicUsize::new(0),
            forgetter: OnceLock::new(),
        });
        let supervisor = Supervisor {
            process: Arc::clone(&process),
            host: host.clone(),
            spec,
            restart: params.restart.map(|restart| (params.run, restart)),
        };
        Ok((process, supervisor.run(started.outputs)))
    }

    /// Whom to tell that it may be forgotten.
    pub(super) fn forget_by(&self, forgetter: Forgetter) {
        let _first = self.forgetter.set(forgetter);
        self.forget_if_done();
    }

    fn forget_if_done(&self) {
        if self.auto_remove
            && self.life.borrow().state == State::Exited
            && self.readers.load(Ordering::SeqCst) == 0
            && let Some(table) = self.forgetter.get().and_then(Forgetter::upgrade)
        {
            table.forget(self);
        }
    }

    fn present(&self) -> MutexGuard<'_, Arc<Run>> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What its present or last run is known by.
    pub(super) fn leader(&self) -> Leader {
        self.present().leader()
    }

    /// What it is and how it fares.
    pub(crate) fn info(&self) -> Info {
        let life = self.life.borrow().clone();
        let (log_start, log_end) = self.log.range();
        Info {
            id: self.id.clone(),
            pid: life.pid,
            command: self.command.clone(),
            cwd: Some(self.cwd.clone()),
            state: life.state,
            started_ms: life.started_ms,
            ended_ms: life.ended_ms,
            exit: life.exit,
            restarts: life.restarts,
            keep_alive: self.keep_alive,
            log_start,
            log_end,
        }
    }

    /// Whether it is work that keeps the sandbox awake.
    pub(super) const fn keeps_awake(&self) -> bool {
        self.keep_alive
    }

    /// When it ended for good.
    pub(super) fn ended_at(&self) -> Option<Instant> {
        let life = self.life.borrow();
        (life.state == State::Exited).then_some(life.ended).flatten()
    }

    /// Waits for the end. After it, the log is complete.
    pub(crate) async fn ended(&self) -> Info {
        // The sender is `self`: the channel cannot close.
        let mut life = self.life.subscribe();
        let _reached = life.wait_for(|life| life.state == State::Exited).await.is_ok();
        self.info()
    }

    /// Waits for the end for at most so long.
    ///
    /// # Errors
    /// `TIMEOUT`.
    pub(crate) async fn wait(&self, timeout_ms: Option<u64>) -> Result<Info, Error> {
        within(timeout_ms, Code::Timeout, "the end of the process", async { Ok(self.ended().await) }).await
    }

    /// `PROCESS_EXITED`, or another code, with how it ended.
    pub(super) fn exited(&self, code: Code) -> Error {
        let mut error = Error::new(code, format!("the process {:?} has ended", self.id)).with("id", self.id.as_str());
        if let Some(exit) = &self.life.borrow().exit {
            if let Some(code) = exit.code {
                error = error.with("exit", code);
            }
            if let Some(signal) = &exit.signal {
                error = error.with("exit", signal.as_str());
            }
        }
        error
    }

    /// Sends a signal to the present run.
    ///
    /// # Errors
    /// `PROCESS_EXITED`, `PERMISSION_DENIED`.
    pub(crate) async fn signal(&self, signal: Signal, target: Target) -> Result<(), Error> {
        let run = Arc::clone(&self.present());
        match run.signal(signal, target).await {
            Err(error) if error.code == Code::ProcessExited => Err(self.exited(Code::ProcessExited)),
            other => other,
        }
    }

    /// What it and its tree use.
    ///
    /// # Errors
    /// `PROCESS_EXITED`.
    pub(super) async fn stats(&self) -> Result<Stats, Error> {
        let tree = Arc::clone(&self.present()).tree();
        let stats = tree
            .stats()
            .await
            .map_err(|error| Error::new(Code::Internal, format!("the processes could not be listed: {error}")))?;
        if stats.processes == 0 { Err(self.exited(Code::ProcessExited)) } else { Ok(stats) }
    }

    /// Asks for the end, without waiting: TERM, and KILL after `grace`, or after what the start said.
    pub(super) fn stop(&self, grace: Option<Duration>) {
        self.stop.request(grace.unwrap_or(self.grace));
    }

    /// Ends it and what is left of its tree, and waits for that. When this is dropped, the process ends all the same.
    ///
    /// # Errors
    /// `TIMEOUT` when it was killed and does not end.
    pub(crate) async fn kill(&self, grace: Option<Duration>) -> Result<Info, Error> {
        self.stop(grace);
        let info = tokio::select! {
            biased;
            info = self.ended() => info,
            pid = async {
                self.stop.overdue().await;
                let pid = self.present().pid();
                stuck(pid).await;
                pid
            } => {
                return Err(in_vain(&format!("the process {:?}", self.id), pid).with("id", self.id.as_str()));
            }
        };
        // A command that ended by itself may have left processes behind.
        let mut tree = Arc::clone(&self.present()).tree();
        if let Err(error) = tree.terminate(!self.stop.is_overdue(), self.stop.overdue()).await {
            tracing::warn!(%error, "what a process left behind could not be listed");
        }
        Ok(info)
    }

    /// Writes to standard input as fast as the process reads. One that has stopped reading takes everything and ignores
    /// it, as the end of a pipeline does.
    ///
    /// # Errors
    /// `STDIN_NOT_OPEN`, `PROCESS_EXITED`.
    pub(crate) async fn write_stdin(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut life = self.life.subscribe();
        // Between two runs there is nobody to write to.
        let ready = life.wait_for(|life| life.state != State::Restarting).await.map(|life| life.state);
        if !matches!(ready, Ok(State::Running)) {
            return Err(self.exited(Code::ProcessExited));
        }
        let write = async {
            let stdin = self.stdin.lock().await;
            match stdin.as_ref() {
                Some(stdin) => stdin.write(bytes).await.map(drop).map_err(|error| {
                    Error::new(Code::Internal, format!("standard input could not be written: {error}"))
                        .with("errno", error.raw_os_error().unwrap_or(0))
                }),
                None => Err(self.no_stdin()),
            }
        };
        tokio::select! {
            biased;
            // What a run did not read before its end is gone with its pipe.
            ended = life.wait_for(|life| life.state != State::Running) => match ended.map(|life| life.state) {
                Ok(State::Restarting | State::Running) => Ok(()),
                Ok(State::Exited) | Err(_) => Err(self.exited(Code::ProcessExited)),
            },
            written = write => written,
        }
    }

    /// Closes standard input of the present run.
    pub(crate) async fn close_stdin(&self) {
        drop(self.stdin.lock().await.take());
    }

    /// Whether [`Process::write_stdin`] makes sense.
    ///
    /// # Errors
    /// `STDIN_NOT_OPEN`.
    pub(crate) fn check_stdin(&self) -> Result<(), Error> {
        if self.takes_stdin { Ok(()) } else { Err(self.no_stdin()) }
    }

    fn no_stdin(&self) -> Error {
        let why = if self.takes_stdin { "its standard input is closed" } else { "it was started without `stdin`" };
        Error::new(Code::StdinNotOpen, format!("the process {:?} takes no input: {why}", self.id))
            .with("id", self.id.as_str())
    }

    /// Reads the log from some place.
    pub(crate) async fn read(self: &Arc<Self>, from: From, only: Option<Output>, times: bool) -> Reading {
        self.readers.fetch_add(1, Ordering::SeqCst);
        let counted = Counted(Arc::clone(self));
        Reading { reader: Reader::open(&self.log, from, only, times).await, _counted: counted }
    }
}

/// A reader of a process's log, for whom the process is not forgotten.
#[derive(Debug)]
pub(crate) struct Reading {
    reader: Reader,
    _counted: Counted,
}

impl Reading {
    /// Offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.reader.offset()
    }

    /// Whether nothing more will ever come.
    pub(crate) fn is_complete(&self) -> bool {
        self.reader.is_complete()
    }

    /// The next piece; with `follow`, waits for one until the log ends. Cancel safe.
    pub(crate) async fn next(&mut self, max: usize, follow: bool) -> Piece {
        if follow { self.reader.next(max).await } else { self.reader.try_next(max).await }
    }
}

#[derive(Debug)]
struct Counted(Arc<Process>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.readers.fetch_sub(1, Ordering::SeqCst);
        self.0.forget_if_done();
    }
}

/// The one task that runs a process.
struct Supervisor {
    process: Arc<Process>,
    host: Host,
    spec: Spec,
    /// What to start again, and when.
    restart: Option<(Launch, Restart)>,
}

impl Supervisor {
    async fn run(self, mut outputs: run::Outputs) {
        let first_pause =
            self.restart.as_ref().and_then(|(_, it)| it.backoff_ms).map_or(BACKOFF, Duration::from_millis);
        let mut pause = first_pause;
        loop {
            let began = Instant::now();
            let exit = self.one(&mut outputs).await;
            // Its last state, also when the kernel has lost the status: nothing is made up then.
            let exit = exit.inspect_err(|error| tracing::error!(%error, "a process ended unseen")).ok();
            if began.elapsed() >= BACKOFF_MOST {
                pause = first_pause;
            }
            let next = loop {
                let Some(launch) = self.restarts_after(exit.as_ref()) else {
                    self.process.log.end();
                    self.end(State::Exited, exit);
                    drop(self.process.stdin.lock().await.take());
                    self.process.forget_if_done();
                    return;
                };
                self.end(State::Restarting, exit.clone());
                // A writer that waits for the old run gives way now.
                drop(self.process.stdin.lock().await.take());
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.process.stop.requested() => continue,
                }
                pause = (pause * 2).min(BACKOFF_MOST);
                match run::start(&self.host, launch, &self.spec) {
                    Ok(started) => break started,
                    Err(error) => {
                        tracing::info!(id = self.process.id, code = %error.code, "a restart failed");
                        self.process.life.send_modify(|life| life.restarts += 1);
                    }
                }
            };
            outputs = self.restarted(next, exit.unwrap_or_default()).await;
        }
    }

    /// One run: its output to the log, its end.
    async fn one(&self, outputs: &mut run::Outputs) -> Result<Exit, Error> {
        let run = Arc::clone(&self.process.present());
        let log = &self.process.log;
        let read = async {
            let mut over = false;
            while outputs.next_with(|output, bytes| over = log.write(output, bytes)).await? {
                if over {
                    log.settle().await;
                }
            }
            Ok::<(), Error>(())
        };
        let (exit, read) = tokio::join!(run.wait_long(&self.process.stop), read);
        if let Err(error) = read {
            tracing::warn!(%error, "the output of a process was lost");
        }
        exit.map(|exit| Exit { output_dropped: outputs.dropped(), ..exit })
    }

    /// What to start again after that end, if it is to be.
    fn restarts_after(&self, exit: Option<&Exit>) -> Option<&Launch> {
        let (launch, restart) = self.restart.as_ref()?;
        let restarts = self.process.life.borrow().restarts;
        let wanted = match restart.policy {
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => exit.is_none_or(|exit| exit.code != Some(0)),
        };
        let goes_on = wanted && !self.process.stop.is_requested() && restart.max.is_none_or(|max| restarts < max);
        goes_on.then_some(launch)
    }

    fn end(&self, state: State, exit: Option<Exit>) {
        self.process.life.send_modify(|life| {
            // A restart that failed does not move the end of the last run.
            life.ended_ms = life.ended_ms.or_else(|| Some(now_ms()));
            life.ended = life.ended.or_else(|| Some(Instant::now()));
            (life.state, life.exit) = (state, exit);
        });
    }

    async fn restarted(&self, started: Started, exit: Exit) -> run::Outputs {
        let pid = started.run.pid();
        *self.process.present() = Arc::new(started.run);
        *self.process.stdin.lock().await = started.stdin;
        self.process.log.restarted(pid, exit);
        self.process.life.send_modify(|life| {
            life.state = State::Running;
            (life.pid, life.started_ms, life.ended_ms, life.exit) = (pid, now_ms(), None, None);
            life.ended = None;
            life.restarts += 1;
        });
        started.outputs
    }
}
