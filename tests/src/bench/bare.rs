//! The limit as a contender.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::logger::Lines;
use super::pattern::{self, Check};
use super::subject::{Beside, Contender, ECHO, ECHO_READY, Echo, Failure, Held, KEY_PAUSE, Outcome, Resumed, Subject};
use crate::limit::{Connection, Terminal};
use crate::proxy::Proxy;
use crate::server::{Server, binary};

const NO_CHANNELS: Failure = Failure::NotOffered("a connection is all it has");

/// The bare server.
#[derive(Debug)]
pub(super) struct Bare;

impl Contender for Bare {
    fn name(&self) -> &'static str {
        "limit"
    }

    fn binary(&self) -> PathBuf {
        binary("sandwire-limit")
    }

    fn start(&self) -> Outcome<Box<dyn Subject>> {
        let server = Server::builder_of(self.binary()).start();
        Ok(Box::new(Client { address: server.address(), pid: server.pid(), _server: Some(server) }))
    }
}

struct Client {
    address: SocketAddr,
    pid: u32,
    _server: Option<Server>,
}

impl Client {
    fn connect(&self) -> io::Result<Connection> {
        Connection::connect(self.address)
    }
}

impl Subject for Client {
    fn pid(&self) -> u32 {
        self.pid
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn via(&self, address: SocketAddr) -> Outcome<Box<dyn Subject>> {
        Ok(Box::new(Self { address, pid: self.pid, _server: None }))
    }

    fn first_answer(&self) -> Outcome<()> {
        Ok(self.connect()?.ping()?)
    }

    fn round_trips(&self, count: usize) -> Outcome<Vec<Duration>> {
        let mut connection = self.connect()?;
        timed(count, || Ok(connection.ping()?))
    }

    fn exec(&self, count: usize) -> Outcome<Vec<Duration>> {
        let mut connection = self.connect()?;
        timed(count, || echo_hi(&mut connection))
    }

    fn exec_at_once(&self, at_once: usize, total: usize) -> Outcome<Duration> {
        let connections = (0..at_once).map(|_| self.connect()).collect::<io::Result<Vec<_>>>()?;
        let start = Instant::now();
        in_threads(connections, |mut connection| (0..total / at_once).try_for_each(|_| echo_hi(&mut connection)))?;
        Ok(start.elapsed())
    }

    fn builtin(&self, count: usize) -> Outcome<Vec<Duration>> {
        // Nothing is less than a round trip.
        self.round_trips(count)
    }

    fn stream(&self, command: &str, check: &mut Check) -> Outcome<Duration> {
        let mut connection = self.connect()?;
        let start = Instant::now();
        ended(connection.stream(command, |bytes| check.feed(bytes))?)?;
        Ok(start.elapsed())
    }

    fn terminal_output(&self, command: &str, check: &mut Check) -> Outcome<Duration> {
        let start = Instant::now();
        let mut terminal = self.connect()?.terminal(command)?;
        loop {
            if let Some(exit) = terminal.read(|bytes| check.feed(bytes))? {
                ended(exit)?;
                return Ok(start.elapsed());
            }
        }
    }

    fn terminal_echo(&self, keys: usize, beside: Beside<'_>) -> Outcome<Echo> {
        let came = AtomicU64::new(0);
        let count = |bytes: &[u8]| {
            came.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            Ok(())
        };
        let mut flood = self.connect()?;
        let end = flood.ender()?;
        std::thread::scope(|scope| {
            match beside {
                Beside::Nothing => {}
                Beside::Exec(command) => drop(scope.spawn(move || flood.stream(command, count))),
                Beside::Terminal(command) => {
                    let mut terminal = flood.terminal(command)?;
                    scope.spawn(move || while matches!(terminal.read(count), Ok(None)) {});
                }
            }
            let echo = self.connect().map_err(Failure::from).and_then(|connection| type_keys(connection, keys, &came));
            end();
            echo
        })
    }

    fn stopped_reader(&self, command: &str, neighbours: usize, check: &mut Check) -> Outcome<Vec<Duration>> {
        let mut stopped = self.connect()?;
        stopped.start_stream(command)?;
        let times = self.exec(neighbours)?;
        ended(stopped.finish_stream(|bytes| check.feed(bytes))?)?;
        Ok(times)
    }

    fn logs(&self, commands: &[String]) -> Outcome<Vec<Lines>> {
        let logs = commands.iter().map(|command| Ok((self.connect()?, command))).collect::<io::Result<Vec<_>>>()?;
        in_threads(logs, |(mut connection, command)| {
            let mut lines = Lines::default();
            let fed = |bytes: &[u8]| lines.feed(bytes).map_err(|failure| io::Error::other(failure.to_string()));
            ended(connection.stream(command, fed)?)?;
            Ok(lines)
        })
    }

    fn write_small(&self, path: &Path, content: &[u8], count: usize) -> Outcome<Vec<Duration>> {
        let mut connection = self.connect()?;
        timed(count, || Ok(connection.write(text(path)?, content.len(), |offset| &content[offset..])?))
    }

    fn read_small(&self, path: &Path, content: &[u8], count: usize) -> Outcome<Vec<Duration>> {
        let mut connection = self.connect()?;
        let mut read = Vec::new();
        timed(count, || {
            read.clear();
            connection.read(text(path)?, |bytes| {
                read.extend_from_slice(bytes);
                Ok(())
            })?;
            if read == content { Ok(()) } else { Err(Failure::Broken("wrong content".to_owned())) }
        })
    }

    fn write_large(&self, path: &Path, size: usize) -> Outcome<Duration> {
        let mut connection = self.connect()?;
        let start = Instant::now();
        connection.write(text(path)?, size, pattern::at)?;
        Ok(start.elapsed())
    }

    fn read_large(&self, path: &Path, check: &mut Check) -> Outcome<Duration> {
        let mut connection = self.connect()?;
        let start = Instant::now();
        connection.read(text(path)?, |bytes| check.feed(bytes))?;
        Ok(start.elapsed())
    }

    fn resume(&self, _proxy: &Proxy) -> Outcome<Resumed> {
        Err(Failure::NotOffered("what is cut is lost"))
    }

    fn connections(&self, count: usize) -> Outcome<Held> {
        // One after the other, since the kernel lets only some wait for being accepted.
        let connect = |_| {
            let mut connection = self.connect()?;
            connection.ping()?;
            Ok(connection)
        };
        Ok(Box::new((0..count).map(connect).collect::<io::Result<Vec<_>>>()?))
    }

    fn channels(&self, _count: usize) -> Outcome<Held> {
        Err(NO_CHANNELS)
    }

    fn lanes(&self, _count: usize) -> Outcome<Held> {
        Err(NO_CHANNELS)
    }
}

fn timed(count: usize, mut work: impl FnMut() -> Outcome<()>) -> Outcome<Vec<Duration>> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed());
    }
    Ok(times)
}

fn echo_hi(connection: &mut Connection) -> Outcome<()> {
    match connection.exec("echo hi")? {
        (0, output) if output == b"hi\n" => Ok(()),
        other => Err(Failure::Broken(format!("echo hi gave {other:?}"))),
    }
}

fn ended(exit: i32) -> Outcome<()> {
    if exit == 0 { Ok(()) } else { Err(Failure::Broken(format!("the command ended with {exit}"))) }
}

fn text(path: &Path) -> Outcome<&str> {
    path.to_str().ok_or_else(|| Failure::Broken("a path that is no text".to_owned()))
}

/// Does the work for each item in a thread of its own.
fn in_threads<I: Send, T: Send>(items: Vec<I>, work: impl Fn(I) -> Outcome<T> + Sync) -> Outcome<Vec<T>> {
    std::thread::scope(|scope| {
        let mut threads = Vec::with_capacity(items.len());
        let work = &work;
        for item in items {
            let thread = std::thread::Builder::new().stack_size(256 << 10);
            threads.push(thread.spawn_scoped(scope, move || work(item))?);
        }
        let join = |thread: std::thread::ScopedJoinHandle<'_, Outcome<T>>| {
            thread.join().unwrap_or_else(|_| Err(Failure::Broken("a thread of the client panicked".to_owned())))
        };
        threads.into_iter().map(join).collect()
    })
}

fn type_keys(connection: Connection, keys: usize, beside: &AtomicU64) -> Outcome<Echo> {
    let mut terminal = connection.terminal(ECHO)?;
    let end = terminal.ender()?;
    let shown = show(&mut terminal, ECHO_READY.len())?;
    if shown != ECHO_READY {
        return Err(Failure::Broken(format!("the terminal shows {:?}", String::from_utf8_lossy(&shown))));
    }
    let (before, start) = (beside.load(Ordering::Relaxed), Instant::now());
    let mut times = Vec::with_capacity(keys);
    for _ in 0..keys {
        std::thread::sleep(KEY_PAUSE);
        let pressed = Instant::now();
        terminal.write(b"x")?;
        if show(&mut terminal, 1)? != b"x" {
            return Err(Failure::Broken("the echo is not the key".to_owned()));
        }
        times.push(pressed.elapsed());
    }
    let echo = Echo { keys: times, beside: beside.load(Ordering::Relaxed) - before, time: start.elapsed() };
    end();
    Ok(echo)
}

/// So many bytes of what the terminal shows, and no more.
fn show(terminal: &mut Terminal, count: usize) -> Outcome<Vec<u8>> {
    let mut shown = Vec::new();
    while shown.len() < count {
        let exit = terminal.read(|bytes| {
            shown.extend_from_slice(bytes);
            Ok(())
        })?;
        if let Some(exit) = exit {
            return Err(Failure::Broken(format!("the terminal ended with {exit}")));
        }
    }
    Ok(shown)
}
