//! Background processes: they belong to the sandbox and outlive every connection.

mod log;
mod start;

use std::time::Duration;

use sandwire_protocol::kind::command::Target;
pub use sandwire_protocol::kind::process::{
    From, HttpProbe, Info, LogEnd, LogEvent, LogMatch, PortReady, Restart, RestartPolicy, State, Stats, WaitPort,
};
use sandwire_protocol::kind::process::{Get, Kill, List, Remove, Signal, Wait, WaitLog};
use sandwire_protocol::kind::{
    ProcessGet, ProcessKill, ProcessList, ProcessRemove, ProcessSignal, ProcessStats, ProcessWait, ProcessWaitLog,
    ProcessWaitPort,
};

pub use log::{Attachment, Log, LogItem, LogQuery};
pub use start::Start;

use super::exec::millis;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// The background processes.
    pub fn processes(&self) -> Processes {
        Processes { client: self.clone() }
    }
}

/// The background processes of a sandbox. Made by [`Client::processes`].
///
/// ```
/// use std::time::Duration;
/// use sandwire::Code;
/// use sandwire::kinds::process::State;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// let processes = client.processes();
/// let worker = processes.start("echo ready; exec sleep 1000").id("worker").spawn().await?;
/// worker.wait_for_log("^ready$", Duration::from_secs(30)).await?;
/// assert_eq!(processes.running().await?.len(), 1);
///
/// // From anywhere, at any time, also after this client has gone.
/// let worker = processes.process("worker");
/// assert_eq!(worker.info().await?.state, State::Running);
/// assert!(worker.stats().await?.memory_bytes > 0);
/// let info = worker.kill(None).await?;
/// assert_eq!(info.exit.and_then(|exit| exit.signal).as_deref(), Some("SIGTERM"));
/// worker.remove(false).await?;
/// assert_eq!(worker.info().await.unwrap_err().code(), Some(Code::ProcessNotFound));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Processes {
    client: Client,
}

impl Processes {
    /// All that are known, oldest first. Ended ones are kept for as long as the server's settings say.
    ///
    /// # Errors
    /// Those of the connection and of the server.
    pub async fn list(&self) -> Result<Vec<Info>, Error> {
        self.pages(false).await
    }

    /// Those that have not ended, oldest first.
    ///
    /// # Errors
    /// Those of the connection and of the server.
    pub async fn running(&self) -> Result<Vec<Info>, Error> {
        self.pages(true).await
    }

    async fn pages(&self, running: bool) -> Result<Vec<Info>, Error> {
        let mut all = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.client.call::<ProcessList>(&List { running, cursor }).await?;
            all.extend(page.processes);
            match page.cursor {
                // Only forward, whatever the server says.
                Some(next) if cursor.is_none_or(|last| next > last) => cursor = Some(next),
                Some(_) | None => return Ok(all),
            }
        }
    }

    /// A handle of the process with this id. Nothing is asked: whether it exists shows when the handle is used.
    pub fn process(&self, id: impl Into<String>) -> Process {
        Process { client: self.client.clone(), id: id.into() }
    }

    /// Waits until a port accepts connections, or answers HTTP, as `wait` says.
    ///
    /// # Errors
    /// `PROCESS_READY_TIMEOUT`; `PROCESS_EXITED_BEFORE_READY` when it names a process that ends first.
    pub async fn wait_for_port(&self, wait: &WaitPort) -> Result<PortReady, Error> {
        self.client.call::<ProcessWaitPort>(wait).await
    }
}

/// A background process, by its id. Dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct Process {
    client: Client,
    id: String,
}

impl Process {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What and how it is.
    ///
    /// # Errors
    /// `PROCESS_NOT_FOUND`.
    pub async fn info(&self) -> Result<Info, Error> {
        self.client.call::<ProcessGet>(&Get { id: self.id.clone() }).await
    }

    /// CPU and memory of it and its children.
    ///
    /// # Errors
    /// `PROCESS_NOT_FOUND`, `PROCESS_EXITED`.
    pub async fn stats(&self) -> Result<Stats, Error> {
        self.client.call::<ProcessStats>(&Get { id: self.id.clone() }).await
    }

    /// Sends a signal by name (`SIGINT`, `INT`) or number.
    ///
    /// # Errors
    /// `PROCESS_NOT_FOUND`, `PROCESS_EXITED`, `VALIDATION_FAILED`.
    pub async fn signal(&self, signal: impl Into<String>, target: Target) -> Result<(), Error> {
        let signal = Signal { id: self.id.clone(), signal: signal.into(), target };
        self.client.call::<ProcessSignal>(&signal).await.map(drop)
    }

    /// Ends it and everything that it started: TERM, a time of grace (default: what it was started with), KILL.
    ///
    /// # Errors
    /// `PROCESS_NOT_FOUND`. One that has ended is no error.
    pub async fn kill(&self, grace: impl Into<Option<Duration>>) -> Result<Info, Error> {
        let grace_ms = grace.into().map(millis);
        self.client.call::<ProcessKill>(&Kill { id: self.id.clone(), grace_ms }).await
    }

    /// Waits for its end, for `timeout` at most; `None` waits for ever.
    ///
    /// # Errors
    /// `PROCESS_NOT_FOUND`; `TIMEOUT` when it runs on.
    pub async fn wait(&self, timeout: impl Into<Option<Duration>>) -> Result<Info, Error> {
        let timeout_ms = timeout.into().map(millis);
        self.client.call::<ProcessWait>(&Wait { id: self.id.clone(), timeout_ms }).await
    }

    /// Waits until a line of its log matches a regular expression, for `timeout` at most (`None`: for ever). Looks
    /// from the oldest line that is kept on.
    ///
    /// # Errors
    /// `PROCESS_READY_TIMEOUT`, `PROCESS_EXITED_BEFORE_READY`, `VALIDATION_FAILED` for a bad expression.
    pub async fn wait_for_log(
        &self,
        pattern: impl Into<String>,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<LogMatch, Error> {
        let wait = WaitLog {
            id: self.id.clone(),
            pattern: pattern.into(),
            output: None,
            from: From::Start,
            timeout_ms: timeout.into().map(millis),
        };
        self.client.call::<ProcessWaitLog>(&wait).await
    }

    /// Waits until a port on the sandbox's localhost accepts connections, for `timeout` at most (`None`: for ever).
    ///
    /// # Errors
    /// `PROCESS_READY_TIMEOUT`; `PROCESS_EXITED_BEFORE_READY` when the process ends first.
    pub async fn wait_for_port(&self, port: u16, timeout: impl Into<Option<Duration>>) -> Result<PortReady, Error> {
        let timeout_ms = timeout.into().map(millis);
        let wait = WaitPort { id: Some(self.id.clone()), port, timeout_ms, ..WaitPort::default() };
        self.client.call::<ProcessWaitPort>(&wait).await
    }

    /// Forgets it and its log; with `force` ends it first.
    ///
    /// # Errors
    /// `PROCESS_NOT_FOUND`; `VALIDATION_FAILED` when it runs and `force` is false.
    pub async fn remove(&self, force: bool) -> Result<(), Error> {
        self.client.call::<ProcessRemove>(&Remove { id: self.id.clone(), force }).await.map(drop)
    }

    /// Its log.
    pub fn logs(&self) -> LogQuery {
        LogQuery::new(self.client.clone(), self.id.clone())
    }
}
