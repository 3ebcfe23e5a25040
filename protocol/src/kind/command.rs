//! What `exec`, `process.start` and `pty.open` share: what to run, how it may run, how it ended.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::byte_string::ByteString;

/// What to run, where and as whom. Exactly one of `argv` and `command` must be given, except in `pty.open`, where
/// neither means the user's login shell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Launch {
    /// Program and arguments, run without a shell. The program is looked up in the command's own PATH when it has no
    /// slash.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<ByteString>,
    /// A line for the shell: `shell -c command`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<ByteString>,
    /// The shell for `command`. Default: `/bin/bash` when it exists, else `/bin/sh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<ByteString>,
    /// Working directory. Default: the server's workspace. A relative path is taken from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<ByteString>,
    /// Variables over the sandbox's (`env.set`) and the server's; null removes one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "variables")]
    pub env: BTreeMap<ByteString, Option<ByteString>>,
    /// Start from an empty environment instead of the sandbox's and the server's. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub clear_env: bool,
    /// Run as this user: a name or a number, with `:group` when it is not the user's own. The server must be root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Bounds of what the command may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// Bounds of a command and everything that it starts. A bound that this machine cannot hold is refused with
/// `NOT_SUPPORTED`, never ignored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Memory of the whole tree, in bytes (a cgroup); `oom_killed` tells when it was the cause of the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// CPU of the whole tree, in thousandths of a core (a cgroup).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u32>,
    /// CPU time of each process, in seconds (RLIMIT_CPU).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<u64>,
    /// Number of processes and threads in the tree (a cgroup).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
    /// Open files of each process (RLIMIT_NOFILE).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Largest file that a process may write, in bytes (RLIMIT_FSIZE).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<u64>,
    /// Output that is delivered, stdout and stderr together, in bytes. What comes after it is read and thrown away,
    /// and counted in `Exit::output_dropped`; the command goes on. `pty.open` refuses it with `NOT_SUPPORTED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
}

/// How a command ended. `code` or `signal` is there, never both, and neither is ever made up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exit {
    /// The code that the command itself gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The signal that ended it, as `SIGTERM`; a real-time signal as `SIGRTMIN+1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// Whether it left a core dump.
    #[serde(skip_serializing_if = "is_false")]
    pub core_dumped: bool,
    /// Whether the server ended it because its time was over.
    #[serde(skip_serializing_if = "is_false")]
    pub timed_out: bool,
    /// Whether the kernel killed something of it for want of memory.
    #[serde(skip_serializing_if = "is_false")]
    pub oom_killed: bool,
    /// From start to end, in microseconds.
    pub duration_us: u64,
    /// What it used, as the kernel counted it when it was reaped.
    pub usage: Usage,
    /// Bytes of output beyond `output_bytes`, which were not delivered.
    #[serde(skip_serializing_if = "is_zero")]
    pub output_dropped: u64,
    /// Whether the shell of its session ended with it, and the session's state was lost.
    #[serde(skip_serializing_if = "is_false")]
    pub shell_ended: bool,
}

impl Exit {
    /// Whether it ended by itself with code 0.
    pub fn success(&self) -> bool {
        self.code == Some(0) && !self.timed_out
    }
}

/// Resources used by a command and those of its children that it waited for (getrusage(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// CPU time in user mode, in microseconds.
    pub user_us: u64,
    /// CPU time in the kernel, in microseconds.
    pub system_us: u64,
    /// Largest resident set of any one process, in bytes; absent when it is not known. On Linux a process that was just
    /// started counts with its parent's memory: only what is more than the server ever had is the command's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rss: Option<u64>,
}

/// Which of the two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// Standard output, stream 1.
    Stdout,
    /// Standard error, stream 2.
    Stderr,
}

/// Whom a signal is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The command's process group, as a terminal's Ctrl-C would.
    #[default]
    Group,
    /// The command's first process alone.
    Leader,
    /// Every process that descends from the command, also those that left its group or session.
    Tree,
}

/// Reads variables. An error does not show them: they may hold secrets.
pub(crate) fn variables<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<ByteString, Option<ByteString>>, D::Error> {
    let read = BTreeMap::deserialize(deserializer);
    read.map_err(|_hidden| D::Error::custom("`env` is no map of names to values, each a string, bytes or null"))
}

pub(crate) fn is_false(value: &bool) -> bool {
    !*value
}

pub(crate) fn is_zero(value: &u64) -> bool {
    *value == 0
}
