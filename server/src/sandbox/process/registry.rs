//! The background processes of a sandbox, by id.

mod process;
pub(crate) mod ready;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use sandwire_protocol::kind::command::{Launch, Target};
use sandwire_protocol::kind::process::{Info, Start, State, Stats};
use sandwire_protocol::{Code, Error};
use tokio::sync::Semaphore;

pub(crate) use self::process::{Process, Reading};
use super::log::Bounds;
use super::owner::Leader;
use super::run::Host;
use super::signal::Signal;
use crate::sandbox::activity::Work;
use crate::sandbox::id::check_id;

/// Longest launch that is kept to be started again, in bytes.
pub(crate) const MAX_RESTARTED: usize = 32 << 10;

/// Bytes of one answer that lists processes.
const PAGE: usize = 512 << 10;

/// Bytes of a process in it beside its id, command and directory.
const INFO_BYTES: usize = 512;

/// Bounds of the registry.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Most processes that have not ended.
    pub(crate) max: usize,
    /// Most ended processes that are kept.
    pub(crate) keep: usize,
    /// Time for which an ended process is kept.
    pub(crate) keep_for: Duration,
    /// Bounds of each log.
    pub(crate) log: Bounds,
}

impl Default for Settings {
    /// 1024 processes; 64 ended ones for an hour; for each log 256 KiB of memory and 16 MiB of disk.
    fn default() -> Settings {
        Settings {
            max: 1024,
            keep: 64,
            keep_for: Duration::from_secs(3600),
            log: Bounds::new(256 << 10, 16 << 20, Some(&std::env::temp_dir())),
        }
    }
}

/// All background processes.
#[derive(Debug)]
pub(crate) struct Registry {
    host: Host,
    settings: Settings,
    table: Arc<Table>,
    /// Those that keep the sandbox awake.
    kept: Work,
    /// Places for waits for a line, each with a compiled pattern.
    waits: Semaphore,
}

/// What the registry and the supervisors share.
#[derive(Debug, Default)]
struct Table {
    /// `None` is one that is just being started.
    processes: Mutex<BTreeMap<String, Option<Arc<Process>>>>,
    /// Number of the next process: the order of their starts.
    next: AtomicU64,
    draining: AtomicBool,
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Option<Arc<Process>>>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets this very process, not a later one of the same id.
    fn forget(&self, process: &Process) {
        let mut processes = self.lock();
        let same = |kept: &Option<Arc<Process>>| kept.as_ref().is_some_and(|kept| kept.number == process.number);
        if processes.get(&process.id).is_some_and(same) {
            processes.remove(&process.id);
        }
    }
}

impl Registry {
    /// An empty registry. Processes that keep the sandbox awake are counted as this work.
    pub(crate) fn new(host: Host, settings: Settings, kept: Work) -> Registry {
        Registry { host, settings, table: Arc::default(), kept, waits: Semaphore::new(ready::MAX_WAITS) }
    }

    /// Starts a process.
    ///
    /// # Errors
    /// `VALIDATION_FAILED` for a bad id, `PROCESS_EXISTS`, `LIMIT_EXCEEDED`, `DRAINING`, and those of a start.
    pub(crate) fn start(&self, params: Start) -> Result<Info, Error> {
        if self.table.draining.load(Ordering::SeqCst) {
            return Err(Error::new(Code::Draining, "the server is going down and starts no process"));
        }
        if let Some(id) = &params.id {
            check_id(id)?;
        }
        if params.restart.is_some() && size_of(&params.run) > MAX_RESTARTED {
            let text =
                format!("`argv` and `env` of a process that is started again have at most {MAX_RESTARTED} bytes");
            return Err(Error::new(Code::ValidationFailed, text).with("limit", MAX_RESTARTED));
        }
        self.prune();
        let number = self.table.next.fetch_add(1, Ordering::Relaxed);
        let id = self.reserve(params.id.clone(), number)?;
        let started = Process::start(&self.host, &self.settings.log, id.clone(), number, params);
        let mut processes = self.table.lock();
        match started {
            Ok((process, supervisor)) => {
                processes.insert(id, Some(Arc::clone(&process)));
                drop(processes);
                let working = process.keeps_awake().then(|| self.kept.begin());
                tokio::spawn(async move {
                    supervisor.await;
                    drop(working);
                });
                process.forget_by(Arc::downgrade(&self.table));
                // A drain that began during the start has not seen it.
                if self.table.draining.load(Ordering::SeqCst) {
                    process.stop(Some(Duration::ZERO));
                }
                Ok(process.info())
            }
            Err(error) => {
                processes.remove(&id);
                Err(error)
            }
        }
    }

    /// Takes the id and one of the places.
    fn reserve(&self, wanted: Option<String>, number: u64) -> Result<String, Error> {
        let mut processes = self.table.lock();
        let id = match wanted {
            Some(id) => id,
            // Ids of another boot stay apart from these.
            None => (0..)
                .map(|turn: u64| format!("{}-{}", self.host.boot.get(..6).unwrap_or_default(), number + turn))
                .find(|id| !processes.contains_key(id))
                .unwrap_or_default(),
        };
        if processes.contains_key(&id) {
            return Err(Error::new(Code::ProcessExists, format!("a process with the id {id:?} exists")).with("id", id));
        }
        if running(&processes) >= self.settings.max {
            let message = format!("the server's limit `max_processes` ({}) is reached", self.settings.max);
            return Err(Error::new(Code::LimitExceeded, message).with("limit", "max_processes"));
        }
        processes.insert(id.clone(), None);
        Ok(id)
    }

    /// Forgets ended processes beyond what is kept.
    fn prune(&self) {
        let mut processes = self.table.lock();
        let mut ended: Vec<(Instant, String)> = processes
            .values()
            .flatten()
            .filter_map(|process| Some((process.ended_at()?, process.id.clone())))
            .collect();
        ended.sort_unstable();
        let beyond = ended.len().saturating_sub(self.settings.keep);
        for (index, (at, id)) in ended.iter().enumerate() {
            if index < beyond || at.elapsed() > self.settings.keep_for {
                processes.remove(id);
            }
        }
    }

    /// The processes, oldest first, behind `cursor`; as many as fit in one answer, and the cursor when there are more.
    pub(crate) fn page(&self, only_running: bool, cursor: Option<u64>) -> (Vec<Info>, Option<u64>) {
        self.prune();
        let mut all: Vec<Arc<Process>> = self.table.lock().values().flatten().map(Arc::clone).collect();
        all.sort_unstable_by_key(|process| process.number);
        let mut page = Vec::new();
        let (mut bytes, mut last) = (0, None);
        for process in all.iter().filter(|process| cursor.is_none_or(|cursor| process.number > cursor)) {
            let info = process.info();
            if only_running && info.state == State::Exited {
                continue;
            }
            bytes += INFO_BYTES + info.id.len() + info.command.len() + info.cwd.as_ref().map_or(0, String::len);
            if bytes > PAGE && last.is_some() {
                return (page, last);
            }
            page.push(info);
            last = Some(process.number);
        }
        (page, None)
    }

    /// The process with that id.
    ///
    /// # Errors
    /// `PROCESS_NOT_FOUND`.
    pub(crate) fn process(&self, id: &str) -> Result<Arc<Process>, Error> {
        self.prune();
        self.table.lock().get(id).cloned().flatten().ok_or_else(|| {
            Error::new(Code::ProcessNotFound, format!("there is no process with the id {id:?}")).with("id", id)
        })
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// `PROCESS_NOT_FOUND`, `VALIDATION_FAILED`, `PROCESS_EXITED`.
    pub(crate) async fn signal(&self, id: &str, signal: &str, target: Target) -> Result<(), Error> {
        self.process(id)?.signal(Signal::parse(signal)?, target).await
    }

    /// What a process and its tree use.
    ///
    /// # Errors
    /// `PROCESS_NOT_FOUND`, `PROCESS_EXITED`.
    pub(crate) async fn stats(&self, id: &str) -> Result<Stats, Error> {
        self.process(id)?.stats().await
    }

    /// Forgets a process; with `force` it is ended first.
    ///
    /// # Errors
    /// `PROCESS_NOT_FOUND`, `VALIDATION_FAILED` when it runs and `force` is not given.
    pub(crate) async fn remove(&self, id: &str, force: bool) -> Result<(), Error> {
        let process = self.process(id)?;
        if process.ended_at().is_none() {
            if !force {
                return Err(Error::new(
                    Code::ValidationFailed,
                    format!("the process {id:?} has not ended; end it first, or give `force`"),
                )
                .with("id", id));
            }
            process.kill(None).await?;
        }
        self.table.forget(&process);
        Ok(())
    }

    /// All by their ids, and what their trees are known by.
    pub(crate) fn leaders(&self) -> Vec<(String, Leader)> {
        let processes = self.table.lock();
        processes.values().flatten().map(|process| (process.id.clone(), process.leader())).collect()
    }

    /// Processes that have not ended.
    pub(crate) fn running(&self) -> usize {
        running(&self.table.lock())
    }

    /// Ends every process and takes no new one. Returns when all have ended.
    pub(crate) async fn shutdown(&self, grace: Duration) {
        self.table.draining.store(true, Ordering::SeqCst);
        let all: Vec<Arc<Process>> = self.table.lock().values().flatten().map(Arc::clone).collect();
        for process in &all {
            process.stop(Some(grace));
        }
        for process in &all {
            process.ended().await;
        }
    }
}

fn running(processes: &BTreeMap<String, Option<Arc<Process>>>) -> usize {
    processes.values().filter(|process| process.as_ref().is_none_or(|it| it.ended_at().is_none())).count()
}

/// What keeping a launch takes at least, in bytes.
fn size_of(launch: &Launch) -> usize {
    const EACH: usize = 32;
    let strings = launch.argv.iter().chain(launch.env.keys()).chain(launch.env.values().flatten());
    let all = strings.chain(&launch.command).chain(&launch.cwd).chain(&launch.shell);
    all.map(|string| string.as_bytes().len() + EACH).sum()
}

/// Who can be asked to forget a process.
type Forgetter = Weak<Table>;

/// `work`, or the error when it takes longer.
///
/// # Errors
/// `code`.
async fn within<T>(
    time_ms: Option<u64>,
    code: Code,
    what: &str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let Some(time_ms) = time_ms else { return work.await };
    tokio::time::timeout(Duration::from_millis(time_ms), work).await.unwrap_or_else(|_late| {
        Err(Error::new(code, format!("{what} did not happen within {time_ms} ms")).with("timeout_ms", time_ms))
    })
}

#[cfg(test)]
mod tests;
