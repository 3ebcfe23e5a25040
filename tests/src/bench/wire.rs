//! sandwire as a contender: its server, and the Rust client on one connection.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sandwire::protocol::Error;
use sandwire::protocol::kind::command::Launch;
use sandwire::protocol::kind::{
    Exec, FileRead, FileWrite, Kind, ProcessList, ProcessLogs, ProcessStart, PtyOpen, SandboxMetrics, exec, file,
    process, pty, sandbox, session,
};
use sandwire::{Call, Client, Reply, State};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::lanes::Trunk;
use super::logger::Lines;
use super::pattern::{self, Check};
use super::subject::{Beside, Contender, ECHO, ECHO_READY, Echo, Failure, Held, KEY_PAUSE, Outcome, Resumed, Subject};
use crate::proxy::{Cut, Proxy};
use crate::server::{Server, binary, url};

/// The settings that let every row run; all others are the defaults.
const ROOM: [&str; 12] = [
    "--max-channels",
    "20000",
    "--max-channels-per-lane",
    "20000",
    "--max-connections",
    "4096",
    "--max-lanes",
    "4096",
    "--max-lanes-per-connection",
    "4096",
    "--max-processes",
    "2048",
];

/// sandwire.
#[derive(Debug)]
pub(super) struct Wire;

impl Contender for Wire {
    fn name(&self) -> &'static str {
        "sandwire"
    }

    fn binary(&self) -> PathBuf {
        binary("sandwire-server")
    }

    fn start(&self) -> Outcome<Box<dyn Subject>> {
        let server = Server::builder().args(ROOM).args(["--retained-bytes", "2GiB", "--log", "warn"]).start();
        let (address, pid) = (server.address(), server.pid());
        Ok(Box::new(Wired { runtime: runtime()?, address, pid, _server: Some(server) }))
    }
}

struct Wired {
    runtime: Runtime,
    address: SocketAddr,
    pid: u32,
    _server: Option<Server>,
}

/// One thread, as the bare client has: no figure is then about how fast threads wake each other.
fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

impl From<sandwire::Error> for Failure {
    fn from(error: sandwire::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Broken(error.to_string())
    }
}

fn shell(command: &str) -> Launch {
    Launch { command: Some(command.into()), shell: Some("/bin/sh".into()), ..Launch::default() }
}

fn exec(command: &str) -> exec::Params {
    exec::Params { run: shell(command), ..exec::Params::default() }
}

/// Reads to the end of the channel.
async fn drain<K: Kind>(call: &Call<K>, mut take: impl FnMut(&[u8]) -> Outcome<()>) -> Outcome<K::Result> {
    loop {
        match call.recv().await {
            Reply::Data(_, data) => take(&data)?,
            Reply::End(_) | Reply::Event(_) => {}
            Reply::Closed(result) => return Ok(result?),
        }
    }
}

fn ended(code: Option<i32>) -> Outcome<()> {
    if code == Some(0) { Ok(()) } else { Err(Failure::Broken(format!("the command ended with {code:?}"))) }
}

/// The smallest request.
async fn ask(client: &Client) -> Outcome<()> {
    client.call::<ProcessList>(&process::List::default()).await?;
    Ok(())
}

async fn echo_hi(client: &Client) -> Outcome<()> {
    let mut output = Vec::new();
    let call = client.open::<Exec>(&exec("echo hi"))?;
    let exit = drain(&call, |bytes| {
        output.extend_from_slice(bytes);
        Ok(())
    });
    ended(exit.await?.code)?;
    if output == b"hi\n" { Ok(()) } else { Err(Failure::Broken(format!("echo hi gave {output:?}"))) }
}

/// A line of builtins in the shell of a session.
async fn builtin(client: &Client) -> Outcome<()> {
    let mut output = Vec::new();
    let params = exec::Params { session: Some(session::DEFAULT.to_owned()), ..exec("cd /usr; echo hi") };
    // The session's shell runs already.
    let run = Launch { shell: None, ..params.run };
    let call = client.open::<Exec>(&exec::Params { run, ..params })?;
    let exit = drain(&call, |bytes| {
        output.extend_from_slice(bytes);
        Ok(())
    });
    ended(exit.await?.code)?;
    if output == b"hi\n" { Ok(()) } else { Err(Failure::Broken(format!("echo hi gave {output:?}"))) }
}

async fn timed<F: Future<Output = Outcome<()>>>(count: usize, mut work: impl FnMut() -> F) -> Outcome<Vec<Duration>> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        work().await?;
        times.push(start.elapsed());
    }
    Ok(times)
}

impl Wired {
    async fn connect(&self) -> Outcome<Client> {
        Ok(Client::connect(url(self.address)).await?)
    }
}

impl Subject for Wired {
    fn pid(&self) -> u32 {
        self.pid
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn via(&self, address: SocketAddr) -> Outcome<Box<dyn Subject>> {
        Ok(Box::new(Self { runtime: runtime()?, address, pid: self.pid, _server: None }))
    }

    fn first_answer(&self) -> Outcome<()> {
        self.runtime.block_on(async { ask(&self.connect().await?).await })
    }

    fn round_trips(&self, count: usize) -> Outcome<Vec<Duration>> {
        self.runtime.block_on(async {
            let client = self.connect().await?;
            timed(count, || ask(&client)).await
        })
    }

    fn exec(&self, count: usize) -> Outcome<Vec<Duration>> {
        self.runtime.block_on(async {
            let client = self.connect().await?;
            timed(count, || echo_hi(&client)).await
        })
    }

    fn exec_at_once(&self, at_once: usize, total: usize) -> Outcome<Duration> {
        self.runtime.block_on(async {
            let client = self.connect().await?;
            echo_hi(&client).await?;
            let start = Instant::now();
            let mut workers = JoinSet::new();
            for _ in 0..at_once {
                let client = client.clone();
                workers.spawn(async move {
                    for _ in 0..total / at_once {
                        echo_hi(&client).await?;
                    }
                    Ok(())
                });
            }
            joined(workers).await?;
            Ok(start.elapsed())
        })
    }

    fn builtin(&self, count: usize) -> Outcome<Vec<Duration>> {
        self.runtime.block_on(async {
            let client = self.connect().await?;
            let session = client.session(session::DEFAULT);
            session.exec("cd /").run().await?;
            timed(count, async || builtin(&client).await).await
        })
    }

    fn stream(&self, command: &str, check: &mut Check) -> Outcome<Duration> {
        self.runtime.block_on(async {
            let client = self.connect().await?;
            let start = Instant::now();
            let call = client.open::<Exec>(&exec(command))?;
            ended(drain(&call, |bytes| Ok(check.feed(bytes)?)).await?.code)?;
            Ok(start.elapsed())
        })
    }

    fn terminal_output(&self, command: &str, check: &mut Check) -> Outcome<Duration> {
        self.runtime.block_on(async {
            let client = self.connect().await?;
            let start = Instant::now();
            let call = client.open::<PtyOpen>(&pty::Open { run: shell(command), ..pty::Open::default() })?;
            let mut live = false;
            loop {
                match call.recv().await {
                    // What comes before `live` paints an empty screen.
                    Reply::Data(_, data) if live => check.feed(&data)?,
                    Reply::Data(..) | Reply::End(_) => {}
                    Reply::Event(event) => live |= matches!(event, pty::Down::Live {}),
                    Reply::Closed(result) => {
                        ended(result?.exit.code)?;
                        return Ok(start.elapsed());
                    }
                }
            }
        })
    }

    fn terminal_echo(&self, keys: usize, beside: Beside<'_>) -> Outcome<Echo> {
        self.runtime.block_on(async {
            let client = self.connect().await?;
            let came = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
            let counted = std::sync::Arc::clone(&came);
            let count = move |bytes: &[u8]| {
                counted.fetch_add(bytes.len() as u64, std::sync::atomic::Ordering::Relaxed);
                Ok(())
            };
            let flood = match beside {
                Beside::Nothing => None,
                Beside::Exec(command) => {
                    let call = client.open::<Exec>(&exec(command))?;
                    Some(tokio::spawn(async move { drain(&call, count).await.map(drop) }))
                }
                Beside::Terminal(command) => {
                    let call = client.open::<PtyOpen>(&pty::Open { run: shell(command), ..pty::Open::default() })?;
                    Some(tokio::spawn(async move { drain(&call, count).await.map(drop) }))
                }
            };
            let now = || came.load(std::sync::atomic::Ordering::Relaxed);
            let echo = type_keys(&client, keys, now).await;
            if let Some(flood) = flood {
                flood.abort();
            }
            echo
        })
    }

    fn stopped_reader(&self, command: &str, neighbours: usize, check: &mut Check) -> Outcome<Vec<Duration>> {
        self.runtime.block_on(async {
            let client = self.connect().await?;
            let stopped = client.open::<Exec>(&exec(command))?;
            let times = timed(neighbours, || echo_hi(&client)).await?;
            ended(drain(&stopped, |bytes| Ok(check.feed(bytes)?)).await?.code)?;
            Ok(times)
        })
    }

    fn logs(&self, commands: &[String]) -> Outcome<Vec<Lines>> {
        self.runtime.block_on(async {
            let client = self.connect().await?;
            let mut followers = JoinSet::new();
            for command in commands {
                let start = process::Start { run: shell(command), ..process::Start::default() };
                let info = client.call::<ProcessStart>(&start).await?;
                let logs = process::Logs {
                    id: info.id,
                    from: process::From::Start,
                    follow: true,
                    output: None,
                    timestamps: false,
                };
                let call = client.open::<ProcessLogs>(&logs)?;
                followers.spawn(async move {
                    let mut lines = Lines::default();
                    drain(&call, |bytes| lines.feed(bytes)).await?;
                    Ok(lines)
                });
            }
            joined(followers).await
        })
    }

    fn write_small(&self, path: &Path, content: &[u8], count: usize) -> Outcome<Vec<Duration>> {
        self.runtime.block_on(async {
            let client = self.connect().await?;
            let write = file::Write { path: path.into(), ..file::Write::default() };
            let content = Bytes::copy_from_slice(content);
            let once = || async {
                let call = client.open::<FileWrite>(&write)?;
                call.write(0, content.clone()).await?;
                call.end(0)?;
                call.result().await?;
                Ok(())
            };
            timed(count, once).await
        })
    }

    fn read_small(&self, path: &Path, content: &[u8], count: usize) -> Outcome<Vec<Duration>> {
        self.runtime.block_on(async {
            let client = self.connect().await?;
            let read = file::Read { path: path.into(), ..file::Read::default() };
            let once = || async {
                let mut got = Vec::new();
                let call = client.open::<FileRead>(&read)?;
                let fed = drain(&call, |bytes| {
                    got.extend_from_slice(bytes);
                    Ok(())
                });
                fed.await?;
                if got == content { Ok(()) } else { Err(Failure::Broken("wrong content".to_owned())) }
            };
            timed(count, once).await
        })
    }

    fn write_large(&self, path: &Path, size: usize) -> Outcome<Duration> {
        self.runtime.block_on(async {
            let client = self.connect().await?;
            let start = Instant::now();
            let call = client.open::<FileWrite>(&file::Write { path: path.into(), ..file::Write::default() })?;
            let mut offset = 0;
            while offset < size {
                let piece = pattern::at(offset);
                let piece = &piece[..piece.len().min(size - offset)];
                call.write(0, Bytes::from_static(piece)).await?;
                offset += piece.len();
            }
            call.end(0)?;
            call.result().await?;
            Ok(start.elapsed())
        })
    }

    fn read_large(&self, path: &Path, check: &mut Check) -> Outcome<Duration> {
        self.runtime.block_on(async {
            let client = self.connect().await?;
            let start = Instant::now();
            let call = client.open::<FileRead>(&file::Read { path: path.into(), ..file::Read::default() })?;
            drain(&call, |bytes| Ok(check.feed(bytes)?)).await?;
            Ok(start.elapsed())
        })
    }

    fn resume(&self, proxy: &Proxy) -> Outcome<Resumed> {
        self.runtime.block_on(async {
            let begin = Instant::now();
            let client = self.connect().await?;
            let handshake = begin.elapsed();
            let round_trip = timed(20, || ask(&client));
            let round_trip = round_trip.await?.into_iter().min().unwrap_or_default();
            let size: u64 = 64_000_000;
            let call = client.open::<Exec>(&exec(&format!("head -c {size} /dev/zero")))?;
            let (mut bytes, mut cut) = (0u64, None);
            let mut gap = Duration::ZERO;
            loop {
                match call.recv().await {
                    Reply::Data(_, data) => {
                        bytes += data.len() as u64;
                        if cut.is_none() && bytes > 8_000_000 {
                            proxy.cut_now(Cut::Reset);
                            cut = Some(Instant::now());
                        } else if let Some(at) = cut.filter(|_| gap.is_zero() && proxy.counters().connections > 1) {
                            gap = at.elapsed();
                        }
                    }
                    Reply::End(_) | Reply::Event(_) => {}
                    Reply::Closed(result) => {
                        ended(result?.code)?;
                        break;
                    }
                }
            }
            let beyond = gap.saturating_sub(handshake);
            Ok(Resumed {
                round_trips: beyond.as_secs_f64() / round_trip.as_secs_f64().max(1e-9),
                lost: size.saturating_sub(bytes),
                twice: bytes.saturating_sub(size),
            })
        })
    }

    fn connections(&self, count: usize) -> Outcome<Held> {
        self.runtime.block_on(async {
            let mut clients = Vec::with_capacity(count);
            for _ in 0..count {
                let client = self.connect().await?;
                ask(&client).await?;
                clients.push(client);
            }
            Ok(Box::new(clients) as Held)
        })
    }

    fn channels(&self, count: usize) -> Outcome<Held> {
        self.runtime.block_on(async {
            let client = self.connect().await?;
            // Before it is told the server's limit, a client keeps to the default one, which is lower.
            client
                .states()
                .wait_for(|state| matches!(state, State::Connected { .. }))
                .await
                .map_err(|closed| Failure::Broken(closed.to_string()))?;
            let hourly = sandbox::MetricsParams { interval_ms: Some(3_600_000) };
            let calls = (0..count).map(|_| client.open::<SandboxMetrics>(&hourly)).collect::<Result<Vec<_>, _>>();
            let calls = calls?;
            for call in &calls {
                if let Reply::Closed(result) = call.recv().await {
                    result?;
                }
            }
            Ok(Box::new((client, calls)) as Held)
        })
    }

    fn lanes(&self, count: usize) -> Outcome<Held> {
        self.runtime.block_on(async { Ok(Box::new(Trunk::open(self.address, count).await?) as Held) })
    }
}

async fn joined<T: 'static>(mut tasks: JoinSet<Outcome<T>>) -> Outcome<Vec<T>> {
    let mut all = Vec::with_capacity(tasks.len());
    while let Some(task) = tasks.join_next().await {
        all.push(task.map_err(|error| Failure::Broken(error.to_string()))??);
    }
    Ok(all)
}

async fn type_keys(client: &Client, keys: usize, beside: impl Fn() -> u64) -> Outcome<Echo> {
    let terminal = client.open::<PtyOpen>(&pty::Open { run: shell(ECHO), ..pty::Open::default() })?;
    let mut shown = Vec::new();
    while !shown.ends_with(ECHO_READY) {
        shown.extend_from_slice(&show(&terminal).await?);
    }
    let (before, start) = (beside(), Instant::now());
    let mut times = Vec::with_capacity(keys);
    for _ in 0..keys {
        tokio::time::sleep(KEY_PAUSE).await;
        let pressed = Instant::now();
        terminal.write(0, Bytes::from_static(b"x")).await?;
        if show(&terminal).await? != "x" {
            return Err(Failure::Broken("the echo is not the key".to_owned()));
        }
        times.push(pressed.elapsed());
    }
    Ok(Echo { keys: times, beside: beside() - before, time: start.elapsed() })
}

async fn show(terminal: &Call<PtyOpen>) -> Outcome<Bytes> {
    loop {
        match terminal.recv().await {
            Reply::Data(_, data) => return Ok(data),
            Reply::End(_) | Reply::Event(_) => {}
            Reply::Closed(result) => return Err(Failure::Broken(format!("the terminal ended: {result:?}"))),
        }
    }
}
