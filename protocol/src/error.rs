//! What can go wrong, by how far the damage reaches: [`WireError`] ends the connection, [`LaneError`] the lane,
//! [`Error`] one channel.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $remedy:literal;)+) => {
        /// The stable code of an [`Error`]. Names are those of the Cloudflare Sandbox SDK where the meaning is the same.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Code] = &[$(Code::$variant),+];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Code::$variant => $name),+ }
            }

            /// What the code means, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Code::$variant => concat!($($doc),+)),+ }
            }

            /// What to do about it.
            pub const fn remedy(self) -> &'static str {
                match self { $(Code::$variant => $remedy),+ }
            }

            /// The code of that name. A name that is not in the table, from a newer peer, is [`Code::Unknown`].
            pub fn from_name(name: &str) -> Code {
                match name { $($name => Code::$variant,)+ _ => Code::Unknown }
            }
        }
    };
}

codes! {
    /// A parameter is missing, malformed or out of range.
    ValidationFailed = "VALIDATION_FAILED", "Correct the parameter that the message names.";
    /// The server does not know this kind of channel.
    UnknownKind = "UNKNOWN_KIND", "Use a kind that `sandbox.info` lists, or a newer server.";
    /// The token's scopes do not allow this.
    PermissionDenied = "PERMISSION_DENIED", "Use a token with the scope that the message names, or another path or user.";
    /// A bound of the server is reached.
    LimitExceeded = "LIMIT_EXCEEDED", "End something first, or raise the setting that the message names.";
    /// The opener gave up.
    Cancelled = "CANCELLED", "Nothing: the work was stopped as asked.";
    /// The lane was lost, and with it what this channel would have said.
    OperationInterrupted = "OPERATION_INTERRUPTED", "See `admitted`: false is safe to repeat; otherwise look at what the operation left.";
    /// The peer is draining and takes no new work.
    Draining = "DRAINING", "Connect again: another server, or this one once it is back.";
    /// A wait ended before its condition was met.
    Timeout = "TIMEOUT", "Wait longer, or look at why the condition is not met.";
    /// A defect of the server.
    Internal = "INTERNAL_ERROR", "Report it, with the server's log.";
    /// The feature is not available on this machine.
    NotSupported = "NOT_SUPPORTED", "See the message for what is missing.";

    /// The program does not exist.
    CommandNotFound = "COMMAND_NOT_FOUND", "Check the name, and PATH in the command's environment.";
    /// The program exists and may not be executed.
    CommandPermissionDenied = "COMMAND_PERMISSION_DENIED", "Make the file executable, or run as another user.";
    /// The working directory does not exist, is not a directory, or may not be entered.
    InvalidProcessCwd = "INVALID_PROCESS_CWD", "Create the directory, or give another `cwd`.";
    /// The command could not be started.
    ProcessSpawnFailed = "PROCESS_SPAWN_FAILED", "See `errno` for what the kernel lacked.";
    /// No user of that name.
    UserNotFound = "USER_NOT_FOUND", "Use a user that /etc/passwd has, or a number.";
    /// No process with that id is known.
    ProcessNotFound = "PROCESS_NOT_FOUND", "List the processes; ended ones are kept only for a time.";
    /// A process with that id exists already.
    ProcessExists = "PROCESS_EXISTS", "Choose another id, or remove the old process first.";
    /// The process has ended already.
    ProcessExited = "PROCESS_EXITED", "See `exit` for how it ended.";
    /// The process ended before the awaited condition was met.
    ProcessExitedBeforeReady = "PROCESS_EXITED_BEFORE_READY", "See `exit` and the process's log.";
    /// The awaited condition was not met in time.
    ProcessReadyTimeout = "PROCESS_READY_TIMEOUT", "Wait longer, or see the process's log.";
    /// The process takes no standard input.
    StdinNotOpen = "STDIN_NOT_OPEN", "Start the process with `stdin`.";

    /// No terminal with that id is known.
    TerminalNotFound = "TERMINAL_NOT_FOUND", "List the terminals.";
    /// A terminal with that id exists already.
    TerminalExists = "TERMINAL_EXISTS", "Attach to it, or choose another id.";

    /// No session with that id is known.
    SessionNotFound = "SESSION_NOT_FOUND", "List the sessions, or create it.";
    /// A session with that id exists already.
    SessionExists = "SESSION_ALREADY_EXISTS", "Use it, say `reuse`, or choose another id.";
    /// The session's shell ended, and with it directory, variables and functions of the session.
    SessionTerminated = "SESSION_TERMINATED", "Say it again: the next command gets a fresh shell. `renew` does so at once.";

    /// No code context with that id is known.
    KernelNotFound = "KERNEL_NOT_FOUND", "List the contexts, or create it.";
    /// A code context with that id exists already.
    KernelExists = "KERNEL_EXISTS", "Use it, say `reuse`, or choose another id.";
    /// No kernel of that name or language is installed.
    KernelSpecNotFound = "KERNEL_SPEC_NOT_FOUND", "Install the package that the message names.";
    /// The kernel ended, and with it all that cells have made in it.
    KernelDied = "KERNEL_DIED", "See `exit_code` or `signal`. `kernel.restart`, or the cell after the next, gives a fresh kernel.";
    /// The kernel could not be started.
    KernelStartFailed = "KERNEL_START_FAILED", "See the message for what the kernel said.";

    /// The file or directory does not exist.
    FileNotFound = "FILE_NOT_FOUND", "Check the path.";
    /// The target exists already.
    FileExists = "FILE_EXISTS", "Remove it first, or allow replacing.";
    /// The path is a directory, and the operation is for files.
    IsDirectory = "IS_DIRECTORY", "Give a file, or say `recursive` where the operation has it.";
    /// The path, or a part of it, is not a directory.
    NotDirectory = "NOT_DIRECTORY", "Check the path.";
    /// The directory is not empty.
    DirectoryNotEmpty = "DIRECTORY_NOT_EMPTY", "Say `recursive` to remove its content too.";
    /// The file is a device, a FIFO or a socket.
    SpecialFile = "SPECIAL_FILE", "Use a command for devices, FIFOs and sockets.";
    /// The file changed since the entity tag was taken.
    PreconditionFailed = "PRECONDITION_FAILED", "Read it again and repeat.";
    /// A path or a name in it is too long.
    NameTooLong = "NAME_TOO_LONG", "Shorten the path.";
    /// The file system is full, or a quota is reached.
    NoSpace = "NO_SPACE", "Free space on the device.";
    /// The file system is mounted read-only.
    ReadOnly = "READ_ONLY", "Write elsewhere.";
    /// Too many open files.
    TooManyFiles = "TOO_MANY_FILES", "Close some, or raise the limit of descriptors.";
    /// Too many symbolic links on the path.
    TooManyLinks = "TOO_MANY_LINKS", "Check the path for a loop of links.";
    /// The file system answered with another error.
    Filesystem = "FILESYSTEM_ERROR", "See `errno` and the message.";
    /// The watch could not be started or has ended.
    WatchFailed = "WATCH_START_ERROR", "See the message; inotify's limits may have to be raised.";

    /// The archive is damaged or cut off, no archive of `backup.create`, or another than the one that was named.
    BackupDamaged = "BACKUP_DAMAGED", "Take another copy of the archive; nothing has changed.";

    /// Nothing could be connected to at that address.
    ConnectFailed = "CONNECT_FAILED", "Check that something listens on the port.";
    /// The port is not valid.
    InvalidPort = "INVALID_PORT", "Give a port from 1 to 65535.";

    /// The URL is none that git may be given.
    InvalidGitUrl = "INVALID_GIT_URL", "Give a URL of http, https, ssh, git or file, or an absolute path.";
    /// The repository does not exist, or is hidden from who asks.
    GitRepositoryNotFound = "GIT_REPOSITORY_NOT_FOUND", "Check the URL, and whether it needs credentials.";
    /// The git server does not let in who asks.
    GitAuthFailed = "GIT_AUTH_FAILED", "Give `username` and `password`, or a key for ssh, that may read the repository.";
    /// The repository has no branch or tag of that name.
    GitBranchNotFound = "GIT_BRANCH_NOT_FOUND", "Check `branch`.";
    /// The git server could not be reached, or went away.
    GitNetworkError = "GIT_NETWORK_ERROR", "Check the URL's host and port, and the sandbox's network; then try again.";
    /// The repository could not be cloned for another reason.
    GitCloneFailed = "GIT_CLONE_FAILED", "See the message, which ends with what git said.";
    /// The repository was fetched and its files could not be written.
    GitCheckoutFailed = "GIT_CHECKOUT_FAILED", "See the message, which ends with what git said.";
    /// There is no git in the sandbox.
    GitNotInstalled = "GIT_NOT_INSTALLED", "Install git in the sandbox's image: `apt-get install git`.";

    /// A mount without keys.
    MissingCredentials = "MISSING_CREDENTIALS", "Give `access_key_id` and `secret_access_key` that may use the bucket.";
    /// The parameters of a mount do not go together, or may not be.
    InvalidMountConfig = "INVALID_MOUNT_CONFIG", "Correct the parameter that the message names.";
    /// s3fs could not mount: the store does not know the keys or the bucket, or does not answer; or there is no s3fs.
    S3fsMount = "S3FS_MOUNT_ERROR", "See `reason` (`credentials`, `bucket`, `unreachable`, `timeout`, `not_installed` …) and the message.";
    /// The directory cannot take a mount, or this machine can mount nothing.
    BucketMount = "BUCKET_MOUNT_ERROR", "See the message for what is in the way.";
    /// A mount could not be ended.
    BucketUnmount = "BUCKET_UNMOUNT_ERROR", "See the message; end what uses it, and try again.";
    /// Nothing is mounted there by `mount.create`.
    MountNotFound = "MOUNT_NOT_FOUND", "List the mounts.";

    /// A code that this version does not know.
    Unknown = "UNKNOWN_ERROR", "See the message.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Code::from_name(&String::deserialize(deserializer)?))
    }
}

/// A value in an error's context.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
}

impl Serialize for Detail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Detail::Bool(value) => serializer.serialize_bool(*value),
            Detail::Int(value) => serializer.serialize_i64(*value),
            Detail::Text(value) => serializer.serialize_str(value),
        }
    }
}

impl<'de> Deserialize<'de> for Detail {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Detail;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a boolean, a whole number or a string")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Detail, E> {
                Ok(Detail::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Detail, E> {
                Ok(Detail::Int(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Detail, E> {
                Ok(Detail::Int(i64::try_from(value).unwrap_or(i64::MAX)))
            }
            fn visit_str<E>(self, value: &str) -> Result<Detail, E> {
                Ok(Detail::Text(value.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl From<bool> for Detail {
    fn from(value: bool) -> Self {
        Detail::Bool(value)
    }
}
impl From<i64> for Detail {
    fn from(value: i64) -> Self {
        Detail::Int(value)
    }
}
impl From<i32> for Detail {
    fn from(value: i32) -> Self {
        Detail::Int(value.into())
    }
}
impl From<u64> for Detail {
    fn from(value: u64) -> Self {
        Detail::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}
impl From<usize> for Detail {
    fn from(value: usize) -> Self {
        Detail::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}
impl From<u32> for Detail {
    fn from(value: u32) -> Self {
        Detail::Int(value.into())
    }
}
impl From<&str> for Detail {
    fn from(value: &str) -> Self {
        Detail::Text(value.to_owned())
    }
}
impl From<String> for Detail {
    fn from(value: String) -> Self {
        Detail::Text(value)
    }
}

/// How a channel failed. It ends that channel and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("[{code}] {message}")]
pub struct Error {
    /// The stable code.
    pub code: Code,
    /// What happened and what to do, for a person. Never holds a secret or a payload.
    pub message: String,
    /// Context fields by name, for example `path`, `errno`, `limit`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, Detail>,
}

impl Error {
    /// An error without context fields.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: BTreeMap::new() }
    }

    /// Adds a context field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Detail>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// The same with at most 8 KiB of message and 4 KiB of each text beside it: an error that repeats what was asked
    /// for must fit in a frame, however long that was.
    #[must_use]
    pub fn shortened(mut self) -> Self {
        shorten(&mut self.message, MAX_MESSAGE);
        for detail in self.details.values_mut() {
            if let Detail::Text(text) = detail {
                shorten(text, MAX_TEXT);
            }
        }
        self
    }
}

/// Longest message of an error on the wire, in bytes.
const MAX_MESSAGE: usize = 8 << 10;

/// Longest text beside it, in bytes: a path as long as it can be.
const MAX_TEXT: usize = 4 << 10;

/// Cuts a text at a character, and says so.
fn shorten(text: &mut String, most: usize) {
    const CUT: &str = "…";
    if text.len() > most {
        let end = (0..=most - CUT.len()).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push_str(CUT);
    }
}

/// A malformed or forbidden frame. It ends the connection, whose close reason begins with [`WireError::name`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes are not a frame of this protocol.
    #[error("malformed frame: {0}")]
    Malformed(&'static str),
    /// The frame is larger than [`MAX_FRAME`](crate::limits::MAX_FRAME).
    #[error("the frame has {0} bytes, more than the limit")]
    TooLarge(usize),
    /// The frame's kind is not in the table.
    #[error("unknown frame kind {0}")]
    UnknownFrame(u8),
    /// The frame is not allowed here: wrong direction, or before HELLO.
    #[error("unexpected frame: {0}")]
    Unexpected(&'static str),
    /// No common version.
    #[error("protocol version {0} is not supported")]
    Version(u32),
    /// HELLO did not come in time.
    #[error("no HELLO in time")]
    HelloTimeout,
    /// Nothing was heard for too long.
    #[error("the peer is silent")]
    Silent,
    /// The connection tries to carry more lanes than it may.
    #[error("too many lanes on one connection")]
    TooManyLanes,
}

impl WireError {
    /// The stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            WireError::Malformed(_) => "MALFORMED_FRAME",
            WireError::TooLarge(_) => "FRAME_TOO_LARGE",
            WireError::UnknownFrame(_) => "UNKNOWN_FRAME",
            WireError::Unexpected(_) => "UNEXPECTED_FRAME",
            WireError::Version(_) => "UNSUPPORTED_VERSION",
            WireError::HelloTimeout => "HELLO_TIMEOUT",
            WireError::Silent => "PEER_SILENT",
            WireError::TooManyLanes => "TOO_MANY_LANES",
        }
    }

    /// The WebSocket close code (RFC 6455, section 7.4.1).
    pub const fn close_code(&self) -> u16 {
        match self {
            WireError::TooLarge(_) => 1009,
            WireError::TooManyLanes | WireError::HelloTimeout => 1008,
            WireError::Malformed(_)
            | WireError::UnknownFrame(_)
            | WireError::Unexpected(_)
            | WireError::Version(_)
            | WireError::Silent => 1002,
        }
    }
}

/// A peer that broke a lane's rules. It ends that lane; other lanes of the connection go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LaneError {
    /// A channel sent more than its credit.
    #[error("channel {0} sent more than its window")]
    WindowExceeded(u32),
    /// More credit than a window can hold.
    #[error("channel {0} was given more credit than a window may hold")]
    CreditOverflow(u32),
    /// A channel id of the wrong parity, or not above the last one.
    #[error("channel id {0} may not be opened")]
    BadChannelId(u32),
    /// A frame for a channel that was never opened.
    #[error("channel {0} was never opened")]
    NoSuchChannel(u32),
    /// A frame that the channel's state does not allow.
    #[error("channel {0}: {1}")]
    WrongState(u32, &'static str),
    /// An acknowledgement of frames that were never sent, or that goes back.
    #[error("acknowledged {acked}, sent {sent}")]
    BadAck {
        /// What the peer says it has received.
        acked: u64,
        /// What was sent.
        sent: u64,
    },
    /// More open channels than the hard limit allows; a polite limit is answered with [`Code::LimitExceeded`].
    #[error("too many channels")]
    TooManyChannels,
    /// The lane was ended while a connection was about to go on with it.
    #[error("the lane is gone")]
    Gone,
    /// What came in this lane would end a connection, which carries other lanes as well.
    #[error("{0}")]
    Wire(WireError),
}

impl LaneError {
    /// The stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            LaneError::WindowExceeded(_) => "WINDOW_EXCEEDED",
            LaneError::CreditOverflow(_) => "CREDIT_OVERFLOW",
            LaneError::BadChannelId(_) => "BAD_CHANNEL_ID",
            LaneError::NoSuchChannel(_) => "NO_SUCH_CHANNEL",
            LaneError::WrongState(..) => "WRONG_STATE",
            LaneError::BadAck { .. } => "BAD_ACK",
            LaneError::TooManyChannels => "TOO_MANY_CHANNELS",
            LaneError::Gone => "LANE_GONE",
            LaneError::Wire(error) => error.name(),
        }
    }
}
