//! The real server as a process of its own, with its own workspace, ended with all that it started.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};
use tempfile::TempDir;

use crate::proc;
use crate::wait::{DEADLINE, block_until};

/// Bytes of the server's output that are kept for the message of a failed test.
const LOG: usize = 64 << 10;

/// Begins the line by which the server says where it listens.
const LISTENING: &str = "listening on ";

/// A variable that marks what a server started, also what lost its parent. Not `SANDWIRE_…`: those the server keeps
/// from its commands.
const MARK: &str = "TEST_SERVER_MARK";

/// Where an engine keeps its sandboxes, if not in a folder of its own.
#[derive(Debug)]
struct Root(Option<PathBuf>);

/// How to start a server. Made by [`Server::builder`].
#[derive(Debug)]
pub struct Builder {
    program: PathBuf,
    host: Option<Root>,
    listen: String,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    config: Option<String>,
    prefix: Vec<OsString>,
}

impl Builder {
    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// One more variable. Those of the test run that begin with `SANDWIRE_` are not passed on.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The text of a configuration file, passed as `--config FILE`. Default: none.
    #[must_use]
    pub fn config(mut self, toml: impl Into<String>) -> Self {
        self.config = Some(toml.into());
        self
    }

    /// Where to listen. Default: `127.0.0.1:0`.
    #[must_use]
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = address.into();
        self
    }

    /// For an engine: where it keeps its sandboxes. Default: a folder that goes with it.
    #[must_use]
    pub fn root(mut self, root: impl Into<PathBuf>) -> Self {
        self.host = Some(Root(Some(root.into())));
        self
    }

    /// Starts the server through another program that becomes it, as `prlimit --nofile=64`.
    #[must_use]
    pub fn through<A: AsRef<OsStr>>(mut self, prefix: impl IntoIterator<Item = A>) -> Self {
        self.prefix = prefix.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        self
    }

    /// Starts it and waits until it listens.
    ///
    /// # Panics
    /// When it does not: with what it said.
    #[must_use]
    pub fn start(self) -> Server {
        match self.launch() {
            Ok(server) => server,
            Err((why, log)) => panic!("the server does not start: {why}\n{log}"),
        }
    }

    /// Starts it and expects that it refuses: how it ended, and what it said.
    ///
    /// # Panics
    /// When it listens, or neither listens nor ends.
    #[must_use]
    pub fn refused(self) -> (ExitStatus, String) {
        let (mut child, log, listening, _home) = self.spawn();
        match listening.recv_timeout(DEADLINE) {
            Ok(address) => {
                end(&mut child, None);
                panic!("the server listens on {address}, though it should refuse")
            }
            Err(RecvTimeoutError::Timeout) => {
                end(&mut child, None);
                panic!("the server neither listens nor ends:\n{}", log.text())
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = child.wait().unwrap();
                log.wait_whole();
                (status, log.text())
            }
        }
    }

    fn launch(self) -> Result<Server, (String, String)> {
        let (mut child, log, listening, home) = self.spawn();
        match listening.recv_timeout(DEADLINE) {
            Ok(address) => Ok(Server { child, address, log, home }),
            Err(why) => {
                end(&mut child, None);
                log.wait_whole();
                let status = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                Err((format!("{why}; {status}"), log.text()))
            }
        }
    }

    fn spawn(self) -> (Child, Log, mpsc::Receiver<SocketAddr>, Home) {
        let home = Home::new();
        let mut line = self.prefix;
        line.push(self.program.into());
        if let Some(root) = self.host {
            line.extend(["host".into(), "--root".into(), root.0.unwrap_or_else(|| home.root()).into()]);
        }
        line.extend(["--listen".into(), self.listen.into()]);
        if let Some(config) = self.config {
            let file = home.folder.path().join("sandwire.toml");
            std::fs::write(&file, config).unwrap();
            line.extend(["--config".into(), file.into()]);
        }
        line.extend(self.args);
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).current_dir(home.workspace()).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SANDWIRE_")) {
            command.env_remove(name);
        }
        // What this user's own shells do when they begin is no part of a test.
        command.env("HOME", home.user()).env(MARK, home.mark()).envs(self.env);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", line[0].to_string_lossy()));
        let log = Log::default();
        let (found, listening) = mpsc::sync_channel(1);
        log.keep(child.stderr.take().unwrap(), None);
        log.keep(child.stdout.take().unwrap(), Some(found));
        (child, log, listening, home)
    }
}

/// A running server. Dropping it kills it and everything that it started.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    log: Log,
    home: Home,
}

impl Server {
    /// A server with no settings but a free port of loopback.
    #[must_use]
    pub fn builder() -> Builder {
        Self::builder_of(binary("sandwire-server"))
    }

    /// Another program in the server's place, that takes `--listen` and says where it listens.
    #[must_use]
    pub fn builder_of(program: impl Into<PathBuf>) -> Builder {
        Builder {
            program: program.into(),
            host: None,
            listen: "127.0.0.1:0".to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            config: None,
            prefix: Vec::new(),
        }
    }

    /// The engine that keeps many sandboxes, with a root of its own. What it starts is found again by
    /// [`Server::started`] when it was given the variable of [`Server::mark`].
    #[must_use]
    pub fn host() -> Builder {
        Builder { host: Some(Root(None)), ..Self::builder() }
    }

    /// Starts [`Server::builder`] as it is.
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Where clients connect: `ws://127.0.0.1:PORT/v1/connect`.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.address)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder that its commands start in.
    #[must_use]
    pub fn workspace(&self) -> PathBuf {
        self.home.workspace()
    }

    /// The folder in which an engine keeps its sandboxes.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.home.root()
    }

    /// The variable, and its value, by which is found what it started.
    #[must_use]
    pub fn mark(&self) -> (&'static str, String) {
        (MARK, self.home.mark())
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Memory now, bytes.
    #[must_use]
    pub fn rss(&self) -> u64 {
        proc::rss(self.pid()).unwrap()
    }

    /// The most memory that it ever had, bytes.
    #[must_use]
    pub fn peak_rss(&self) -> u64 {
        proc::peak_rss(self.pid()).unwrap()
    }

    /// Open descriptors.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        proc::descriptors(self.pid()).unwrap()
    }

    /// Threads.
    #[must_use]
    pub fn threads(&self) -> u64 {
        proc::threads(self.pid()).unwrap()
    }

    /// Its children that have ended and that it has not waited for.
    #[must_use]
    pub fn zombies(&self) -> usize {
        proc::descendants(self.pid()).unwrap().iter().filter(|child| child.state == 'Z').count()
    }

    /// Pids of everything that it started and that still runs, also of what lost its parent.
    #[must_use]
    pub fn started(&self) -> Vec<i32> {
        started(self.pid(), &self.home.mark())
    }

    /// Sends a signal to the server alone.
    pub fn signal(&self, signal: Signal) {
        kill_process(pid(self.pid()), signal).unwrap();
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it does not, with what it said.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let (child, log) = (&mut self.child, &self.log);
        block_until("the server to end", || child.try_wait().unwrap().ok_or_else(|| log.text()))
    }

    /// The last of what it wrote to stdout and stderr.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child, Some(&self.home.mark()));
        proc::unmount_below(self.home.folder.path());
        if std::thread::panicking() {
            eprintln!("--- the server said:\n{}---", self.log.text());
        }
    }
}

/// The address of the WebSocket of a server, or of a proxy before it.
#[must_use]
pub fn url(address: SocketAddr) -> String {
    format!("ws://{address}/v1/connect")
}

/// The path of a program of this workspace: from the variable `NAME` in capitals with `_`, as `SANDWIRE_SERVER`,
/// beside the program that asks, or, for an example in the documentation, where Cargo built this library.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let variable = name.to_uppercase().replace('-', "_");
    if let Some(path) = std::env::var_os(&variable) {
        return path.into();
    }
    let this = std::env::current_exe().unwrap();
    // An example in the documentation is compiled to a temporary folder; Cargo names its own to all that it runs.
    let libraries = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let folders = this.parent().map(PathBuf::from).into_iter().chain(std::env::split_paths(&libraries));
    // Tests are in deps/, programs and examples/ beside it.
    let folders = folders.map(|folder| if folder.ends_with("deps") { folder.join("..") } else { folder });
    let folders: Vec<PathBuf> = folders.collect();
    let Some(path) = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file()) else {
        let flag = if cfg!(debug_assertions) { "" } else { " --release" };
        panic!("{name} is in none of {folders:?}: run `cargo build --workspace{flag}`, or set {variable}");
    };
    path.canonicalize().unwrap()
}

/// The server's folder, away when it is.
#[derive(Debug)]
struct Home {
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("sandwire-test-").tempdir().unwrap();
        let home = Self { folder };
        std::fs::create_dir(home.workspace()).unwrap();
        std::fs::create_dir(home.user()).unwrap();
        home
    }

    fn workspace(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    fn user(&self) -> PathBuf {
        self.folder.path().join("user")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Different for each server.
    fn mark(&self) -> String {
        self.folder.path().file_name().map(OsStr::to_string_lossy).unwrap().into_owned()
    }
}

/// The last bytes of an output.
#[derive(Clone, Debug, Default)]
struct Log {
    bytes: Arc<Mutex<VecDeque<u8>>>,
}

impl Log {
    /// Keeps the last of `from` until it ends, and tells the first address in it.
    fn keep(&self, from: impl Read + Send + 'static, mut found: Option<mpsc::SyncSender<SocketAddr>>) {
        let log = self.clone();
        std::thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = Vec::new();
            // A line without an end is taken in pieces.
            while (&mut from).take(LOG as u64).read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                let address = String::from_utf8_lossy(&line);
                // `http://ADDRESS`, or `https://ADDRESS`.
                let address = address.trim_end().strip_prefix(LISTENING).and_then(|url| url.split_once("://"));
                let address = address.and_then(|(_, address)| address.parse().ok());
                if let (Some(address), Some(found)) = (address, found.take_if(|_| address.is_some())) {
                    // Nobody waits any more when the start took too long.
                    found.send(address).ok();
                }
                let mut bytes = log.bytes();
                bytes.extend(line.drain(..));
                let excess = bytes.len().saturating_sub(LOG);
                bytes.drain(..excess);
            }
        });
    }

    /// Waits until both outputs have ended.
    fn wait_whole(&self) {
        let readers = || Arc::strong_count(&self.bytes) - 1;
        block_until("the end of the server's output", || if readers() == 0 { Ok(()) } else { Err("still open") });
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes().make_contiguous()).into_owned()
    }

    fn bytes(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Kills a server, its group, and what it started.
fn end(child: &mut Child, mark: Option<&str>) {
    if let Ok(None) = child.try_wait() {
        // Stopped first: from now on it starts nothing that the search could miss.
        kill_process(pid(child.id()), Signal::STOP).ok();
        let started = mark.map_or_else(Vec::new, |mark| started(child.id(), mark));
        kill_process_group(pid(child.id()), Signal::KILL).ok();
        kill_all(&started);
        drop(child.wait());
    }
    // It has been waited for, so its pid may be another's by now: only the mark counts.
    if let Some(mark) = mark {
        kill_all(&marked(mark).map(|process| process.pid).collect::<Vec<_>>());
    }
}

fn kill_all(pids: &[i32]) {
    for process in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        // It may have ended by itself.
        kill_process(process, Signal::KILL).ok();
    }
}

/// All that a running server started.
fn started(server: u32, mark: &str) -> Vec<i32> {
    let below = proc::descendants(server).unwrap_or_default().into_iter().filter(|process| process.state != 'Z');
    let pids: BTreeSet<i32> = below.chain(marked(mark)).map(|process| process.pid).collect();
    pids.into_iter().filter(|pid| *pid != server.cast_signed()).collect()
}

/// All that runs and has the mark, the server too.
fn marked(mark: &str) -> impl Iterator<Item = procfs::process::Stat> {
    proc::marked(MARK, mark).unwrap_or_default().into_iter().filter(|process| process.state != 'Z')
}

fn pid(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed()).unwrap()
}

#[cfg(test)]
mod tests;
