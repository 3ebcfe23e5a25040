//! `git.*`: repositories, by the `git` program of the sandbox.
//!
//! Only `http`, `https`, `ssh`, `git` and `file` are spoken: a URL that would run a program (`ext::…`) is refused. User and
//! password, given as fields or within the URL, are in no argument, environment, configuration, message or log: git asks
//! for them through a pipe when the server that the URL names wants them, and nobody else is asked. What git itself says in
//! `progress` and in errors is passed on without them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::command::is_false;
use crate::byte_string::ByteString;
use crate::secret::Secret;

/// Parameters of `git.checkout`. CANCEL, a timeout and a failure leave nothing behind: what was made is removed. Text in
/// `progress` is for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checkout {
    /// Where the repository is: `https://…`, `http://…`, `ssh://…`, `git://…`, `file://…`, `user@host:path`, or an absolute path
    /// in the sandbox.
    pub url: Secret,
    /// Where it goes: a directory that does not exist yet, or is empty. Default: the last part of the URL without `.git`, as
    /// git has it. A relative path is taken from `cwd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<ByteString>,
    /// Where a relative `directory` is taken from. Default: the session's working directory, else the server's workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<ByteString>,
    /// Take working directory, variables and user of this session, as they are when its commands before this have ended.
    /// Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The branch or tag to check out. Default: the repository's own choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// So many commits of that branch alone. Default: all of all branches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
    /// Variables for git, over those of the sandbox or session; null removes one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<ByteString, Option<ByteString>>,
    /// Who signs in, by HTTP. Default: what the URL says; with a `password` alone, `git`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<Secret>,
    /// Password or access token, by HTTP. Default: what the URL says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Submodules too. Default: false. The credentials are for those on the same host.
    #[serde(skip_serializing_if = "is_false")]
    pub recurse_submodules: bool,
    /// Leave objects out until they are needed: `blob:none`, `blob:limit=1m`, `tree:0`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Time after which git and what it started are ended. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// Events to the opener of `git.checkout`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckoutDown {
    /// How far git is. A slow reader misses some; the last one of each phase is told.
    Progress(Progress),
}

/// How far a phase of git is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// What git does: `Counting objects`, `Receiving objects`, `Resolving deltas`, `Updating files` …
    pub phase: String,
    /// From 0 to 100, when git knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u32>,
    /// So many are done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<u64>,
    /// Of so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// git's own line.
    pub text: String,
}

/// Result of `git.checkout`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckedOut {
    /// The URL without user and password.
    pub url: String,
    /// The directory, absolute.
    pub directory: ByteString,
    /// The branch that is checked out; absent when HEAD is a tag or a commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit that is checked out; absent when the repository has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// From start to end, in milliseconds.
    pub duration_ms: u64,
}
