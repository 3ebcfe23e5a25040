//! `session.*`: shell contexts that commands share. A session belongs to the sandbox, not to a connection.
//!
//! `exec` with `session` runs its command in the session's own shell: directory, variables, functions, aliases, options and
//! umask last from one command to the next. Commands of one session run one at a time, in the order in which they were
//! opened; sessions do not wait for each other. The session `default` is made by itself when it is first named.
//!
//! `exit`, and a line that fails under `set -e`, end the command with their code and leave the session as it was. When
//! the shell itself is gone (killed, or replaced by `exec other`), its command ends with the shell's own exit and
//! `shell_ended`; the next use says `SESSION_TERMINATED`, once, and the one after it gets a fresh shell with the directory
//! and the variables that the session was made with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::command::{Exit, is_false, variables};
use crate::byte_string::ByteString;

/// The session that is made by itself when it is first named.
pub const DEFAULT: &str = "default";

/// Parameters of `session.create`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Create {
    /// The id: 1 to 128 characters of `A-Z a-z 0-9 . _ -`. Default: one is generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The shell. Default: `/bin/bash` when it exists, else `/bin/sh`. Of another shell than bash (4.4 or newer), functions
    /// and what is not exported are lost after `exit`, and after one under an EXIT trap all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<ByteString>,
    /// Its first working directory. Default: the server's workspace. A relative path is taken from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<ByteString>,
    /// Variables over the sandbox's (`env.set`) and the server's; null removes one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "variables")]
    pub env: BTreeMap<ByteString, Option<ByteString>>,
    /// Start from an empty environment instead of the sandbox's and the server's, and take no change of the sandbox's over.
    /// Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub clear_env: bool,
    /// Run as this user: a name or a number, with `:group` when it is not the user's own. The server must be root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Timeout of a command that names none. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// When a session of that id is there already, answer with it as it is instead of failing. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub reuse: bool,
    /// When its shell has ended, give the next command a fresh one instead of failing once with `SESSION_TERMINATED`.
    /// Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub renew: bool,
}

/// Result of `session.create`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// Whether it is new; false only with `reuse`.
    pub created: bool,
    /// The session.
    pub session: Info,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// Its id.
    pub id: String,
    /// Where it is in its life.
    pub state: State,
    /// The shell's program.
    pub shell: String,
    /// Process id of the shell; absent when there is none now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The shell's working directory now; where the next shell begins, when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// When a command last began or ended in it, in milliseconds since 1970.
    pub used_ms: u64,
    /// Commands that have ended in it.
    pub commands: u64,
    /// Commands that wait for their turn.
    pub queued: u32,
    /// How often a shell of it has ended and its state was lost.
    pub lost: u32,
    /// How its shell ended, when that has not been answered with `SESSION_TERMINATED` yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
}

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits for a command.
    Idle,
    /// A command runs in it.
    Busy,
    /// It has no shell now; the next command gets one, or hears of the end of the last.
    Ended,
}

/// Parameters of `session.get`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Get {
    /// The session.
    pub id: String,
}

/// Parameters of `session.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct List {}

/// Result of `session.list`, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// The sessions.
    pub sessions: Vec<Info>,
}

/// Parameters of `session.delete`. A command that runs in the session is ended, those that wait fail with
/// `SESSION_NOT_FOUND`, and what they left in the background is ended too. Processes that were started by `process.start`
/// go on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delete {
    /// The session.
    pub id: String,
    /// Time between TERM and KILL. Default: 2000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u64>,
}
