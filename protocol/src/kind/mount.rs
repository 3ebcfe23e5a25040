//! `mount.*`: buckets of object stores that speak S3, as directories of the sandbox.
//!
//! The file system is s3fs, a process of its own. It is part of the sandbox, not of a connection: it stays until it is
//! removed, or the server ends. Keys are in no argument, file, message or log, and in no environment but, with a session's
//! token, that of s3fs, which takes such a token in no other way.
//!
//! A bucket whose store is gone keeps those waiting who use it, and nobody else. So a command whose directory or program is in
//! one is started without waiting for the store: `process.start` and `pty.open` are answered first then, and
//! `INVALID_PROCESS_CWD` or `COMMAND_NOT_FOUND` is how the command ends.
//!
//! No signal ends what waits for such a store. Who asks for its end is answered all the same, some seconds after KILL: an `exec`
//! whose time is over, `process.kill` and `pty.close` end with `TIMEOUT`, and the process and the terminal stay listed until
//! they have ended. A session gives up a shell that waits so, and what it knew is lost. All of it ends when the store answers,
//! with `mount.remove`, or with the server. Of searches, trees, backups and watches only a part may be in buckets at once: more
//! wait there, or get `LIMIT_EXCEEDED`, and there are places for those elsewhere.

use serde::{Deserialize, Serialize};

use super::command::{Exit, is_false};
use crate::byte_string::ByteString;
use crate::secret::Secret;

/// Parameters of `mount.create`. It is answered when the bucket could be listed. Keys that are not given are taken from
/// the environment of the sandbox: for R2 `R2_ACCESS_KEY_ID` and `R2_SECRET_ACCESS_KEY`, then for all `AWS_ACCESS_KEY_ID`,
/// `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Create {
    /// The bucket's name; what stands behind a `:` is the `prefix`.
    pub bucket: String,
    /// The directory where it appears. It is made when it is not there, else it must be empty. A relative path is taken from
    /// the server's workspace.
    pub path: ByteString,
    /// The store's address: `https://host` or `http://host:port`, without user and password. Default: that of AWS in `region`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Whose store it is. Default: read off the endpoint's host, else `other`; without an endpoint `s3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// The region that requests are signed for. Default: `auto` for R2 and GCS, else what the endpoint of AWS says, else `us-east-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The id of the access key. It is given with `secret_access_key`, or not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<Secret>,
    /// The access key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_access_key: Option<Secret>,
    /// The session's token, of keys that last for a time only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_token: Option<Secret>,
    /// Nothing can be written. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// Only what is below this part of the bucket, which need not exist: `data/images`. Default: the whole bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Options of s3fs, each `name` or `name=value`: what concerns names, caches in memory, transfers, permissions. An option
    /// that would name a file, a program or a key is refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// Whose store it is: which options s3fs needs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Cloudflare R2.
    R2,
    /// Amazon S3.
    S3,
    /// Google Cloud Storage, by its interface for S3 (HMAC keys).
    Gcs,
    /// Another store that speaks S3.
    Other,
}

/// A bucket that is mounted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// The directory, absolute.
    pub path: ByteString,
    /// The bucket.
    pub bucket: String,
    /// The store's address.
    pub endpoint: String,
    /// Whose store it is.
    pub provider: Provider,
    /// Whether nothing can be written.
    pub read_only: bool,
    /// The part of the bucket that is there; absent when it is the whole bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Where the mount is in its life.
    pub state: State,
    /// When it was mounted, in milliseconds since 1970.
    pub created_ms: u64,
    /// How s3fs ended, in the state `ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
}

/// Where a mount is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// s3fs serves it. Whether the store answers is seen by who uses it: its calls fail with EIO when it does not.
    Mounted,
    /// s3fs has ended, and every use of the directory fails until the mount is removed: nothing is written beside it.
    Ended,
}

/// Parameters of `mount.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct List {}

/// Result of `mount.list`, by path.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Listing {
    /// The mounts.
    pub mounts: Vec<Info>,
}

/// Parameters of `mount.remove`. Who still has files open there has 5 s to close them; what was not written by then is lost.
/// The directory is removed when it was made for the mount.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remove {
    /// The directory.
    pub path: ByteString,
}
