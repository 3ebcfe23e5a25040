//! The kinds of channel: one table, and a file per family with its parameters, events and results.
//!
//! Parameters, events and results are MessagePack maps. A field that is absent has its default; an unknown field is
//! ignored; an event is a map with one entry, `{name: fields}`. A new kind is a row in `kinds!` and its types.

pub mod backup;
pub mod command;
pub mod env;
pub mod exec;
pub mod file;
pub mod git;
pub mod kernel;
pub mod mount;
pub mod port;
pub mod process;
pub mod pty;
pub mod sandbox;
pub mod session;
pub mod tcp;

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};
use crate::limits::{MAX_DEPTH, MAX_PAYLOAD};
use crate::schedule::Class;

/// What a token must allow before a channel of a kind may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Run commands.
    Exec,
    /// Start, signal, write to, and remove background processes.
    Process,
    /// See background processes and their logs.
    ProcessRead,
    /// Open, type into, resize and close terminals.
    Pty,
    /// Look at terminals.
    PtyRead,
    /// Read, list, search and watch files.
    FileRead,
    /// Change files.
    FileWrite,
    /// Connect to ports in the sandbox.
    Tcp,
    /// Let everybody who knows a URL reach a port in the sandbox.
    Port,
    /// See who listens on which port, and which are exposed.
    PortRead,
    /// See what the sandbox is and how it fares.
    Info,
}

impl Scope {
    /// Every scope.
    pub const ALL: &[Scope] = &[
        Scope::Exec,
        Scope::Process,
        Scope::ProcessRead,
        Scope::Pty,
        Scope::PtyRead,
        Scope::FileRead,
        Scope::FileWrite,
        Scope::Tcp,
        Scope::Port,
        Scope::PortRead,
        Scope::Info,
    ];

    /// The name in tokens and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Exec => "exec",
            Scope::Process => "process",
            Scope::ProcessRead => "process-read",
            Scope::Pty => "pty",
            Scope::PtyRead => "pty-read",
            Scope::FileRead => "file-read",
            Scope::FileWrite => "file-write",
            Scope::Tcp => "tcp",
            Scope::Port => "port",
            Scope::PortRead => "port-read",
            Scope::Info => "info",
        }
    }
}

/// A kind of channel: what opens it, what may be said on it, how it ends.
pub trait Kind: Debug + Send + Sync + 'static {
    /// The name in OPEN.
    const NAME: &'static str;
    /// The scheduling class that OPEN gets when it names none.
    const CLASS: Class;
    /// What the token must allow.
    const SCOPE: Scope;
    /// The parameters in OPEN.
    type Params: Serialize + DeserializeOwned + Debug + Clone + Send + Sync + 'static;
    /// Events from the opener.
    type Up: Serialize + DeserializeOwned + Debug + Clone + Send + Sync + 'static;
    /// Events to the opener.
    type Down: Serialize + DeserializeOwned + Debug + Clone + Send + Sync + 'static;
    /// The result in CLOSE.
    type Result: Serialize + DeserializeOwned + Debug + Clone + Send + Sync + 'static;
}

/// The event type of a direction that has no events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoEvent {}

/// The result of a kind that has nothing to say but "done".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

/// Writes parameters, an event or a result as MessagePack with named fields.
///
/// # Errors
/// `VALIDATION_FAILED` when the value does not fit in one frame.
pub fn encode<T: Serialize>(value: &T) -> Result<bytes::Bytes, Error> {
    let bytes = rmp_serde::to_vec_named(value)
        .map_err(|error| Error::new(Code::ValidationFailed, format!("the value cannot be encoded: {error}")))?;
    if bytes.len() > MAX_PAYLOAD {
        return Err(Error::new(
            Code::ValidationFailed,
            format!("the value has {} bytes; a frame carries {MAX_PAYLOAD}", bytes.len()),
        ));
    }
    Ok(bytes.into())
}

/// Reads parameters, an event or a result.
///
/// # Errors
/// `VALIDATION_FAILED`, with the field that is missing or wrong.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    read(bytes).map_err(|error| Error::new(Code::ValidationFailed, format!("the value cannot be read: {error}")))
}

/// Reads an event. One whose name is not known comes from a newer peer and is nothing.
///
/// # Errors
/// `VALIDATION_FAILED`, with the field that is missing or wrong.
pub fn decode_event<T: DeserializeOwned>(bytes: &[u8]) -> Result<Option<T>, Error> {
    match read(bytes) {
        Ok(event) => Ok(Some(event)),
        Err(rmp_serde::decode::Error::Syntax(message)) if message.starts_with("unknown variant") => Ok(None),
        Err(error) => Err(Error::new(Code::ValidationFailed, format!("the event cannot be read: {error}"))),
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
    let mut reader = rmp_serde::Deserializer::new(bytes);
    reader.set_max_depth(MAX_DEPTH);
    let value = T::deserialize(&mut reader)?;
    if reader.get_ref().is_empty() {
        Ok(value)
    } else {
        Err(rmp_serde::decode::Error::Syntax("bytes after the end of the value".to_owned()))
    }
}

/// A row of the table, for documents and tests.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The name in OPEN.
    pub name: &'static str,
    /// The default class.
    pub class: Class,
    /// What the token must allow.
    pub scope: Scope,
    /// One sentence.
    pub doc: &'static str,
}

/// The default class of a kind, if its name is known.
pub fn class_of(name: &str) -> Option<Class> {
    TABLE.iter().find(|row| row.name == name).map(|row| row.class)
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $class:ident, $scope:ident,
        $params:ty, up $up:ty, down $down:ty => $result:ty;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug)]
            pub struct $variant;

            impl Kind for $variant {
                const NAME: &'static str = $name;
                const CLASS: Class = Class::$class;
                const SCOPE: Scope = Scope::$scope;
                type Params = $params;
                type Up = $up;
                type Down = $down;
                type Result = $result;
            }
        )+

        /// What an OPEN asks for, decoded.
        #[derive(Clone, Debug)]
        pub enum Open {
            $($(#[doc = $doc])+ $variant($params),)+
        }

        impl Open {
            /// Reads the parameters of an OPEN.
            ///
            /// # Errors
            /// `UNKNOWN_KIND` or `VALIDATION_FAILED`.
            pub fn decode(name: &str, params: &[u8]) -> Result<Open, Error> {
                match name {
                    $($name => Ok(Open::$variant(decode::<$params>(params)?)),)+
                    other => Err(Error::new(Code::UnknownKind, format!("no channel kind is named {other:?}"))
                        .with("kind", other)),
                }
            }

            /// What the token must allow.
            pub const fn scope(&self) -> Scope {
                match self { $(Open::$variant(_) => Scope::$scope,)+ }
            }

            /// The name in OPEN.
            pub const fn name(&self) -> &'static str {
                match self { $(Open::$variant(_) => $name,)+ }
            }
        }

        /// The table.
        pub const TABLE: &[Row] = &[
            $(Row { name: $name, class: Class::$class, scope: Scope::$scope, doc: concat!($($doc),+) },)+
        ];
    };
}

kinds! {
    /// A command, to its end.
    Exec = "exec", Bulk, Exec, exec::Params, up exec::Up, down exec::Down => command::Exit;

    /// Starts a background process, which outlives every connection.
    ProcessStart = "process.start", Interactive, Process, process::Start, up NoEvent, down NoEvent => process::Info;
    /// Lists the processes, ended ones that are still kept included.
    ProcessList = "process.list", Interactive, ProcessRead, process::List, up NoEvent, down NoEvent => process::Listing;
    /// One process.
    ProcessGet = "process.get", Interactive, ProcessRead, process::Get, up NoEvent, down NoEvent => process::Info;
    /// Sends a signal.
    ProcessSignal = "process.signal", Interactive, Process, process::Signal, up NoEvent, down NoEvent => Done;
    /// Ends a process and its tree: TERM, a time of grace, KILL. The result comes when it has ended.
    ProcessKill = "process.kill", Interactive, Process, process::Kill, up NoEvent, down NoEvent => process::Info;
    /// Waits for the end.
    ProcessWait = "process.wait", Interactive, ProcessRead, process::Wait, up NoEvent, down NoEvent => process::Info;
    /// Follows the output from any place and writes to standard input.
    ProcessAttach = "process.attach", Bulk, Process, process::Attach, up process::AttachUp, down process::LogEvent => process::Info;
    /// Reads the log: from an offset, a time or the last lines; follows it when asked.
    ProcessLogs = "process.logs", Bulk, ProcessRead, process::Logs, up NoEvent, down process::LogEvent => process::LogEnd;
    /// Waits until a line of the log matches a regular expression.
    ProcessWaitLog = "process.wait_log", Interactive, ProcessRead, process::WaitLog, up NoEvent, down NoEvent => process::LogMatch;
    /// Waits until a port accepts connections, or answers HTTP with an expected status.
    ProcessWaitPort = "process.wait_port", Interactive, ProcessRead, process::WaitPort, up NoEvent, down NoEvent => process::PortReady;
    /// CPU and memory of a process and its tree.
    ProcessStats = "process.stats", Interactive, ProcessRead, process::Get, up NoEvent, down NoEvent => process::Stats;
    /// Forgets an ended process and its log; with `force` ends it first.
    ProcessRemove = "process.remove", Interactive, Process, process::Remove, up NoEvent, down NoEvent => Done;

    /// Opens a terminal and attaches to it. The terminal outlives the channel.
    PtyOpen = "pty.open", Interactive, Pty, pty::Open, up pty::Up, down pty::Down => pty::Ended;
    /// Attaches one more viewer: the screen as it is now, then what follows.
    PtyAttach = "pty.attach", Interactive, PtyRead, pty::Attach, up pty::Up, down pty::Down => pty::Ended;
    /// Lists the terminals.
    PtyList = "pty.list", Interactive, PtyRead, pty::List, up NoEvent, down NoEvent => pty::Listing;
    /// The screen as text or as escape sequences.
    PtySnapshot = "pty.snapshot", Interactive, PtyRead, pty::Snapshot, up NoEvent, down NoEvent => pty::Screen;
    /// Resizes a terminal.
    PtyResize = "pty.resize", Interactive, Pty, pty::ResizeParams, up NoEvent, down NoEvent => Done;
    /// Ends a terminal: HUP, a time of grace, KILL.
    PtyClose = "pty.close", Interactive, Pty, pty::Close, up NoEvent, down NoEvent => pty::Info;

    /// Reads a file or a range of it.
    FileRead = "file.read", Bulk, FileRead, file::Read, up NoEvent, down file::ReadDown => file::ReadEnd;
    /// Writes a file; by default it is replaced atomically.
    FileWrite = "file.write", Bulk, FileWrite, file::Write, up NoEvent, down NoEvent => file::Written;
    /// What a path is.
    FileStat = "file.stat", Interactive, FileRead, file::Stat, up NoEvent, down NoEvent => file::Info;
    /// Lists a directory, page by page.
    FileList = "file.list", Interactive, FileRead, file::List, up NoEvent, down NoEvent => file::Listing;
    /// Makes a directory.
    FileMkdir = "file.mkdir", Interactive, FileWrite, file::Mkdir, up NoEvent, down NoEvent => Done;
    /// Removes a file or a directory.
    FileRemove = "file.remove", Interactive, FileWrite, file::Remove, up NoEvent, down NoEvent => file::Removed;
    /// Renames within one file system.
    FileRename = "file.rename", Interactive, FileWrite, file::Rename, up NoEvent, down NoEvent => Done;
    /// Moves, across file systems too.
    FileMove = "file.move", Interactive, FileWrite, file::Rename, up NoEvent, down NoEvent => Done;
    /// Copies a file or a tree.
    FileCopy = "file.copy", Interactive, FileWrite, file::Copy, up NoEvent, down NoEvent => file::Copied;
    /// Changes permissions.
    FileChmod = "file.chmod", Interactive, FileWrite, file::Chmod, up NoEvent, down NoEvent => Done;
    /// Makes a symbolic link.
    FileSymlink = "file.symlink", Interactive, FileWrite, file::Symlink, up NoEvent, down NoEvent => Done;
    /// Finds files by name and by content.
    FileSearch = "file.search", Bulk, FileRead, file::Search, up NoEvent, down file::SearchDown => file::SearchEnd;
    /// Reports changes below a path until it is cancelled.
    FileWatch = "file.watch", Bulk, FileRead, file::Watch, up NoEvent, down file::WatchDown => Done;
    /// A directory tree as a tar stream.
    TreeRead = "file.tree_read", Bulk, FileRead, file::TreeRead, up NoEvent, down NoEvent => file::TreeEnd;
    /// Unpacks a tar stream below a directory.
    TreeWrite = "file.tree_write", Bulk, FileWrite, file::TreeWrite, up NoEvent, down NoEvent => file::TreeEnd;

    /// A directory as one compressed archive that proves itself.
    BackupCreate = "backup.create", Bulk, FileRead, backup::Create, up NoEvent, down backup::Down => backup::Created;
    /// Makes a directory what such an archive says, whole or not at all.
    BackupRestore = "backup.restore", Bulk, FileWrite, backup::Restore, up NoEvent, down backup::Down => backup::Restored;

    /// Makes a session: a shell whose state lasts from one `exec` to the next.
    SessionCreate = "session.create", Interactive, Exec, session::Create, up NoEvent, down NoEvent => session::Created;
    /// Lists the sessions.
    SessionList = "session.list", Interactive, Exec, session::List, up NoEvent, down NoEvent => session::Listing;
    /// One session.
    SessionGet = "session.get", Interactive, Exec, session::Get, up NoEvent, down NoEvent => session::Info;
    /// Ends a session, its shell and what its commands left behind.
    SessionDelete = "session.delete", Interactive, Exec, session::Delete, up NoEvent, down NoEvent => Done;

    /// Sets and unsets variables of the sandbox.
    EnvSet = "env.set", Interactive, Exec, env::Set, up NoEvent, down NoEvent => Done;
    /// The variables of the sandbox.
    EnvList = "env.list", Interactive, Exec, env::List, up NoEvent, down NoEvent => env::Listing;

    /// Lists the kernels that are installed.
    KernelSpecs = "kernel.specs", Interactive, Exec, kernel::Specs, up NoEvent, down NoEvent => kernel::SpecListing;
    /// Makes a code context: a Jupyter kernel that keeps what its cells have made.
    KernelCreate = "kernel.create", Interactive, Exec, kernel::Create, up NoEvent, down NoEvent => kernel::Info;
    /// Lists the code contexts.
    KernelList = "kernel.list", Interactive, Exec, kernel::List, up NoEvent, down NoEvent => kernel::Listing;
    /// One code context.
    KernelGet = "kernel.get", Interactive, Exec, kernel::Get, up NoEvent, down NoEvent => kernel::Info;
    /// Ends a code context, its kernel and what that started.
    KernelDelete = "kernel.delete", Interactive, Exec, kernel::Delete, up NoEvent, down NoEvent => Done;
    /// Gives a code context a fresh kernel.
    KernelRestart = "kernel.restart", Interactive, Exec, kernel::Restart, up NoEvent, down NoEvent => kernel::Info;
    /// Interrupts the cell that runs in a code context.
    KernelInterrupt = "kernel.interrupt", Interactive, Exec, kernel::Interrupt, up NoEvent, down NoEvent => Done;
    /// A cell of code, to its end.
    KernelRun = "kernel.run", Bulk, Exec, kernel::Run, up kernel::Up, down kernel::Down => kernel::Ran;

    /// A byte stream to a port in the sandbox.
    TcpConnect = "tcp.connect", Bulk, Tcp, tcp::Connect, up NoEvent, down tcp::Down => tcp::Ended;

    /// Lists who listens on which TCP port, and which ports are exposed.
    PortList = "port.list", Interactive, PortRead, port::List, up NoEvent, down NoEvent => port::Listing;
    /// The same, and what changes, until it is cancelled.
    PortWatch = "port.watch", Bulk, PortRead, port::Watch, up NoEvent, down port::WatchDown => Done;
    /// Exposes a port: whoever knows its URL can use what listens there.
    PortExpose = "port.expose", Interactive, Port, port::Expose, up NoEvent, down NoEvent => port::Exposed;
    /// Ends that, for connections that stand too.
    PortUnexpose = "port.unexpose", Interactive, Port, port::Unexpose, up NoEvent, down NoEvent => port::Unexposed;

    /// Clones a repository and checks it out.
    GitCheckout = "git.checkout", Interactive, Exec, git::Checkout, up NoEvent, down git::CheckoutDown => git::CheckedOut;

    /// Mounts a bucket. It outlives the channel.
    MountCreate = "mount.create", Interactive, Exec, mount::Create, up NoEvent, down NoEvent => mount::Info;
    /// Lists the mounts.
    MountList = "mount.list", Interactive, Exec, mount::List, up NoEvent, down NoEvent => mount::Listing;
    /// Ends a mount.
    MountRemove = "mount.remove", Interactive, Exec, mount::Remove, up NoEvent, down NoEvent => Done;

    /// What the sandbox and its server are.
    SandboxInfo = "sandbox.info", Interactive, Info, sandbox::InfoParams, up NoEvent, down NoEvent => sandbox::Info;
    /// CPU, memory, disk and the server's own figures; again and again when `interval_ms` is given.
    SandboxMetrics = "sandbox.metrics", Interactive, Info, sandbox::MetricsParams, up NoEvent, down sandbox::MetricsDown => sandbox::Metrics;
    /// Whether there is work that sleep would end: at once, and whenever that changes, until it is cancelled.
    SandboxActivity = "sandbox.activity", Interactive, Info, sandbox::ActivityParams, up NoEvent, down sandbox::ActivityDown => Done;
}
