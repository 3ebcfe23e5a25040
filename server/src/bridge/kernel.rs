//! The kernel itself: a child of the bridge, and the file that tells it where to listen.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use sandwire_protocol::ByteString;
use sandwire_protocol::kind::command::Launch;
use serde_json::json;
use tokio::net::unix::pipe;

use crate::sandbox::buckets::Buckets;
use crate::sandbox::kernel::wire::Start;
use crate::sandbox::process::launch::{MARKER, Prepared};
use crate::sandbox::process::reap::{Child, Reaper};
use crate::sandbox::process::signal::Signal;
use crate::sandbox::process::spawn::{self, Confinement, Stdio};
use crate::sandbox::variables::Variables;

/// What kernels write themselves when nobody told them not to take over their own output: what a cell's subprocess
/// writes would then come late, and mostly after the end of the cell.
const CAPTURE: &str = "--IPKernelApp.capture_fd_output=False";

/// The kernel's connections, by the names of the connection file.
const CHANNELS: [&str; 5] = ["shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"];

/// Where the kernel listens.
#[derive(Debug)]
pub(super) struct Connection {
    /// The private directory, which goes with this.
    folder: PathBuf,
    /// Held for as long as it is used, so that it can be told from what a killed server left.
    _lock: File,
    /// Absent when it listens on sockets in the directory.
    ports: Option<[u16; 5]>,
    /// What messages are signed with.
    pub(super) key: String,
}

/// The kernel.
#[derive(Debug)]
pub(super) struct Kernel {
    pub(super) child: Child,
    pub(super) stdout: pipe::Receiver,
    pub(super) stderr: pipe::Receiver,
}

impl Connection {
    /// Makes the private directory, a key, and the file that says both.
    ///
    /// # Errors
    /// As mkdir(2), open(2), bind(2).
    pub(super) fn new(folder: &Path, tcp: bool) -> io::Result<Connection> {
        DirBuilder::new().mode(0o700).create(folder)?;
        let lock = File::open(folder)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let key: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let ports = if tcp { Some(free_ports()?) } else { None };
        let connection = Connection { folder: folder.to_owned(), _lock: lock, ports, key };
        let mut said = json!({
            "transport": if tcp { "tcp" } else { "ipc" },
            "ip": if tcp { "127.0.0.1".to_owned() } else { folder.join("k").to_string_lossy().into_owned() },
            "key": connection.key,
            "signature_scheme": "hmac-sha256",
        });
        for (number, name) in (1_u16..).zip(CHANNELS) {
            said[name] = ports.map_or(number, |ports| ports[usize::from(number) - 1]).into();
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(connection.file())?;
        file.write_all(said.to_string().as_bytes())?;
        Ok(connection)
    }

    fn file(&self) -> PathBuf {
        self.folder.join("connection.json")
    }

    /// Where the channel of that number (0 is shell, 1 iopub, 2 stdin, 3 control) is to be reached.
    pub(super) fn endpoint(&self, channel: usize) -> String {
        match self.ports {
            Some(ports) => format!("tcp://127.0.0.1:{}", ports.get(channel).copied().unwrap_or_default()),
            None => format!("ipc://{}-{}", self.folder.join("k").display(), channel + 1),
        }
    }

    /// Whether there may be somebody to connect to.
    pub(super) fn is_there(&self, channel: usize) -> bool {
        self.ports.is_some() || self.folder.join(format!("k-{}", channel + 1)).exists()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The server removes it, too, when this could not.
        let _gone = fs::remove_dir_all(&self.folder);
    }
}

/// Ports of loopback that nobody listens on now.
fn free_ports() -> io::Result<[u16; 5]> {
    let mut held = Vec::new();
    let mut ports = [0; 5];
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

impl Kernel {
    /// Starts it, in the bridge's own environment and directory.
    ///
    /// # Errors
    /// Why it cannot be started, for people.
    pub(super) fn start(reaper: Reaper, start: &Start, connection: &Connection) -> Result<Kernel, String> {
        let file = ByteString::from(connection.file());
        let mut argv: Vec<ByteString> = start.argv.iter().map(|argument| fill(argument, &file)).collect();
        if argv
            .iter()
            .any(|argument| argument.as_bytes() == b"ipykernel_launcher" || argument.as_bytes() == b"ipykernel")
        {
            argv.push(CAPTURE.into());
        }
        let failed = |error: io::Error| format!("the kernel could not be started: {error}");
        let marker = std::env::var(MARKER).unwrap_or_default();
        let cwd = std::env::current_dir().map_err(failed)?;
        let launch = Launch { argv, ..Launch::default() };
        let prepared = Prepared::new(&launch, &cwd, &Variables::default(), &Buckets::default(), marker)
            .map_err(|error| error.message)?;
        let (stdout, stdout_child) = tokio_pipe().map_err(failed)?;
        let (stderr, stderr_child) = tokio_pipe().map_err(failed)?;
        let stdio =
            Stdio::Pipes { stdin: None, stdout: stdout_child.as_fd(), stderr: stderr_child.as_fd(), handed: None };
        // It dies with the bridge, also when that is killed.
        let confinement = Confinement { dies_with_parent: true, ..Confinement::default() };
        let child = reaper.spawn_with(|| spawn::spawn(&prepared, stdio, &confinement)).map_err(|failure| {
            let cause = io::Error::from_raw_os_error(failure.errno);
            format!("the kernel's program {:?} could not be started: {cause}", prepared.program)
        })?;
        Ok(Kernel { child, stdout, stderr })
    }

    /// Interrupts what it does, as Ctrl-C would.
    pub(super) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Kills it, with what is in its group.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // It may have ended meanwhile.
        let _gone = self.child.signal_group(signal);
    }
}

fn tokio_pipe() -> io::Result<(pipe::Receiver, std::os::fd::OwnedFd)> {
    let (reader, writer) = crate::sandbox::process::pipe::pipe()?;
    Ok((pipe::Receiver::from_owned_fd(reader)?, writer))
}

/// An argument with the connection file in its place.
fn fill(argument: &ByteString, file: &ByteString) -> ByteString {
    const PLACE: &[u8] = b"{connection_file}";
    let bytes = argument.as_bytes();
    match memchr::memmem::find(bytes, PLACE) {
        Some(at) => {
            let (before, after) = bytes.split_at(at);
            ByteString::new([before, file.as_bytes(), after.get(PLACE.len()..).unwrap_or_default()].concat())
        }
        None => argument.clone(),
    }
}
