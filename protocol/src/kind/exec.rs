//! `exec`: a command to its end.
//!
//! Streams: 0 up is standard input (only with `stdin`), 1 down standard output, 2 down standard error. CLOSE comes after
//! the last byte of output and is the only proof of the end. CANCEL, and the loss of the lane, end the whole tree.

use serde::{Deserialize, Serialize};

use super::command::{Launch, Target, is_false};

/// Parameters of `exec`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Params {
    /// What to run.
    pub run: Launch,
    /// Whether standard input is a stream, which END closes. Default: false, it is empty.
    #[serde(skip_serializing_if = "is_false")]
    pub stdin: bool,
    /// Whether standard error goes where standard output goes, in the exact order of the writes. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub merge_stderr: bool,
    /// Time after which the tree is ended (TERM, `grace_ms`, KILL) and the result says `timed_out`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Time between TERM and KILL. Default: 2000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u64>,
    /// Whether to say `started`. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub report_start: bool,
    /// Run in the shell of this session; `default` is made when it is not there. `env` and `cwd` then hold for this
    /// command only, a relative `cwd` is taken from the session's, `argv` is run as quoted words, `usage` has no
    /// `max_rss` and counts in ticks of the clock (10 ms),
    /// and `shell`, `clear_env`, `user` and all `limits` but `output_bytes` are refused. `started` names the shell. A
    /// timeout, CANCEL and the signals HUP, INT, QUIT, TERM and KILL end the command and what it started, and leave the
    /// session as it is then. Default: none, the command has a process of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// When the session's shell has ended, run in a fresh one instead of failing with `SESSION_TERMINATED`. Default: what
    /// `session.create` said.
    #[serde(skip_serializing_if = "is_false")]
    pub renew: bool,
}

/// Events from the opener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Up {
    /// Sends a signal.
    Signal {
        /// Name (`SIGINT`, `INT`) or number.
        signal: String,
        /// Whom it is for. Default: the process group.
        #[serde(default)]
        target: Target,
    },
}

/// Events to the opener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Down {
    /// The command runs.
    Started {
        /// Its process id.
        pid: u32,
    },
}
