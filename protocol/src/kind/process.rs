//! `process.*`: background processes. They belong to the sandbox, not to a connection, and never wait for a reader:
//! their output goes to a bounded log in which every byte has an offset.

use serde::{Deserialize, Serialize};

use super::command::{Exit, Launch, Output, Target, is_false};

/// Parameters of `process.start`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Start {
    /// The id: 1 to 128 characters of `A-Z a-z 0-9 . _ -`. Default: one is generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What to run.
    pub run: Launch,
    /// Whether standard input is a stream that `process.attach` can write. Default: false, it is empty.
    #[serde(skip_serializing_if = "is_false")]
    pub stdin: bool,
    /// Time after which each run is ended. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Time between TERM and KILL whenever the server ends it. Default: 5000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u64>,
    /// Whether to start it again after its end. Default: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
    /// Forget it and its log as soon as it has ended and nobody reads. Default: false, it is kept as the settings say.
    #[serde(skip_serializing_if = "is_false")]
    pub auto_remove: bool,
    /// It is work that keeps the sandbox awake until it has ended, restarts included: see `sandbox.activity`. Default:
    /// false.
    #[serde(skip_serializing_if = "is_false")]
    pub keep_alive: bool,
    /// Largest log, memory and spool file together, in bytes. Default and upper bound: the server's setting. Less than
    /// 16 KiB is taken for 16 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<u64>,
    /// Start with the working directory, the exported variables and the user of this session, as they are when its commands
    /// before this have ended. A command there that runs for longer than a second is not waited for: then it is as what that
    /// runs has them. `run` says what differs. The process is no part of the session. Needs the scope `exec` too.
    /// Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// When and how a process is started again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restart {
    /// When.
    pub policy: RestartPolicy,
    /// At most this many restarts. Default: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Pause before the first restart; doubled for each further one up to a minute, and back to this after a run of a
    /// minute. Default: 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_ms: Option<u64>,
}

/// When a process is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// After a code other than 0, or a signal.
    OnFailure,
    /// After every end that was not asked for.
    Always,
}

/// A process, running or ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// Its id.
    pub id: String,
    /// Process id of the present or last run.
    pub pid: u32,
    /// What runs, for people: the shell line, or the arguments. Never the environment.
    pub command: String,
    /// Its working directory at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Where it is in its life.
    pub state: State,
    /// Start of the present or last run, in milliseconds since 1970.
    pub started_ms: u64,
    /// End of the last run, when `state` is not `running`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<u64>,
    /// How the last run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// How often it was started again.
    #[serde(default)]
    pub restarts: u32,
    /// Whether it keeps the sandbox awake until it has ended.
    #[serde(default, skip_serializing_if = "is_false")]
    pub keep_alive: bool,
    /// Offset of the oldest byte that the log still has.
    pub log_start: u64,
    /// Offset after the newest byte.
    pub log_end: u64,
}

/// Where a process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It runs.
    Running,
    /// It ended and will be started again after a pause.
    Restarting,
    /// It has ended.
    Exited,
}

/// Parameters of `process.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct List {
    /// Only those that have not ended. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub running: bool,
    /// Go on after the page before: its `cursor`. Default: from the oldest on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u64>,
}

/// Result of `process.list`, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// The processes.
    pub processes: Vec<Info>,
    /// There are more than fit in one answer: ask again with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u64>,
}

/// Parameters of `process.get` and `process.stats`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Get {
    /// The process.
    pub id: String,
}

/// Parameters of `process.signal`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// The process.
    pub id: String,
    /// Name (`SIGINT`, `INT`) or number.
    pub signal: String,
    /// Whom it is for. Default: the process group.
    #[serde(default)]
    pub target: Target,
}

/// Parameters of `process.kill`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kill {
    /// The process. One that has ended is no error.
    pub id: String,
    /// Time between TERM and KILL; 0 is KILL at once. Default: what `process.start` said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u64>,
}

/// Parameters of `process.wait`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// The process.
    pub id: String,
    /// After this time the channel fails with `TIMEOUT`; the process goes on. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// Where in a log to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// The oldest byte that is kept.
    #[default]
    Start,
    /// After the newest byte: only what comes.
    End,
    /// This offset. One that the log no longer has gives a `gap` event first.
    Offset(u64),
    /// The last so many lines.
    Lines(u64),
    /// Chunks from this time on, in milliseconds since 1970.
    Time(u64),
}

/// Parameters of `process.attach`. The channel follows the output to the end of the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attach {
    /// The process.
    pub id: String,
    /// Where to begin. Default: the oldest byte.
    #[serde(default)]
    pub from: From,
    /// Whether stream 0 is written to standard input, and END closes it. Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub stdin: bool,
    /// Whether each chunk is preceded by an `at` event. Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub timestamps: bool,
}

/// Events from who attached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachUp {
    /// Sends a signal.
    Signal {
        /// Name (`SIGINT`, `INT`) or number.
        signal: String,
        /// Whom it is for. Default: the process group.
        #[serde(default)]
        target: Target,
    },
}

/// Parameters of `process.logs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    /// The process.
    pub id: String,
    /// Where to begin. Default: the oldest byte.
    #[serde(default)]
    pub from: From,
    /// Go on until the process ends. Default: false, end at the newest byte.
    #[serde(default, skip_serializing_if = "is_false")]
    pub follow: bool,
    /// Only this stream. Default: both, in the order in which they were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
    /// Whether each chunk is preceded by an `at` event. Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub timestamps: bool,
}

/// Events of `process.logs` and `process.attach`. Output itself is DATA: stream 1 standard output, 2 standard error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogEvent {
    /// The offset of the next byte, said first of all and after each gap. From it a reader that comes back can count:
    /// each byte of DATA is one offset (with `output`, see `at`).
    Begin {
        /// The offset.
        offset: u64,
    },
    /// Bytes that the log no longer had: it overran this reader, or they were gone before it came.
    Gap {
        /// Offset of the first missing byte.
        from: u64,
        /// Offset after the last missing byte.
        to: u64,
    },
    /// Where and when the following chunk was read (with `timestamps`).
    At {
        /// Offset of its first byte.
        offset: u64,
        /// Milliseconds since 1970.
        time_ms: u64,
    },
    /// The process was started again.
    Restarted {
        /// Its new process id.
        pid: u32,
        /// How the run before it ended.
        exit: Exit,
    },
}

/// Result of `process.logs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogEnd {
    /// Offset after the last byte that was delivered: where to go on.
    pub offset: u64,
    /// Whether the process has ended, so that nothing more will come.
    pub ended: bool,
}

/// Parameters of `process.wait_log`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitLog {
    /// The process.
    pub id: String,
    /// A regular expression in the syntax of Rust's `regex`, tried on each line, and on the last unfinished one.
    pub pattern: String,
    /// Only this stream. Default: both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
    /// Where to begin. Default: the oldest byte.
    #[serde(default)]
    pub from: From,
    /// After this time the channel fails with `PROCESS_READY_TIMEOUT`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// Result of `process.wait_log`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogMatch {
    /// The line, without its newline; invalid UTF-8 is replaced.
    pub line: String,
    /// The whole match and the groups; null for a group that took no part.
    pub groups: Vec<Option<String>>,
    /// Which stream it was.
    pub output: Output,
    /// Offset after the chunk in which the match was complete.
    pub offset: u64,
}

/// Parameters of `process.wait_port`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WaitPort {
    /// Fail with `PROCESS_EXITED_BEFORE_READY` when this process ends first. Default: wait for the port alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The port.
    pub port: u16,
    /// The host. Default: `localhost`. Others need the scope `tcp` and the server's `tcp_hosts` setting, as for
    /// `tcp.connect`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Ask by HTTP and look at the status. Default: a TCP connection is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpProbe>,
    /// After this time the channel fails with `PROCESS_READY_TIMEOUT`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// What counts as an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpProbe {
    /// Path of the request. Default: `/`.
    pub path: String,
    /// Least status. Default: 200.
    pub min_status: u16,
    /// Greatest status. Default: 399.
    pub max_status: u16,
}

impl Default for HttpProbe {
    fn default() -> Self {
        Self { path: "/".to_owned(), min_status: 200, max_status: 399 }
    }
}

/// Result of `process.wait_port`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PortReady {
    /// The status, when HTTP was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub waited_ms: u64,
}

/// Result of `process.stats`: the process and everything that descends from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Processes in the tree.
    pub processes: u32,
    /// Threads in the tree.
    pub threads: u32,
    /// Resident memory, in bytes.
    pub memory_bytes: u64,
    /// CPU time of the processes that are alive now, in microseconds. Two readings give a rate.
    pub cpu_us: u64,
}

/// Parameters of `process.remove`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remove {
    /// The process.
    pub id: String,
    /// End it first when it runs. Default: false, a running process is refused with `VALIDATION_FAILED`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub force: bool,
}
