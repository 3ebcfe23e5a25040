//! The bridge to one Jupyter kernel: a process of its own between server and kernel.
//!
//! A kernel's messages have no bound, and what its front end does not read at once is thrown away by ZeroMQ. So the server
//! never speaks it. The bridge always reads, keeps what the server has not taken yet in a file with a bound, and has a bound of
//! memory; `sandbox/kernel/wire.rs` is what the two say to each other. It is the kernel's parent: it reaps it, and takes it
//! and what it has started along when it ends itself, by the end of its standard input, or because the server has died.

mod cell;
mod input;
mod kernel;
mod message;
mod output;
mod sockets;
mod spool;
mod words;

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Resource, Rlimit};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::Instant;

use cell::{Cells, Next};
use input::Input;
use kernel::{Connection, Kernel};
use message::{Message, Signer};
use sockets::{Sockets, receive, send};

use crate::sandbox::kernel::wire::{self, Ask, Cell, Gone, Ready, Say, Start};
use crate::sandbox::process::reap::{self, Reaper, Status};

/// The argument that makes the program a bridge.
pub(crate) const ARGUMENT: &str = "kernel-bridge";

/// Most memory of the bridge (RLIMIT_DATA), in bytes: a few copies of the largest message that is passed on.
pub(crate) const MEMORY: u64 = 512 << 20;

/// Time in which a kernel is to take cells.
const START: Duration = Duration::from_secs(60);

/// Time in which what a kernel published last comes after its end.
const LAST: Duration = Duration::from_millis(50);

/// Bytes that are read from a pipe of the kernel at once.
const READ: usize = 64 << 10;

/// Runs the bridge until its standard input ends, or the kernel does.
pub fn run() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.and_then(|runtime| {
        let served = runtime.block_on(serve());
        runtime.shutdown_background();
        served
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // For the server, which reads it; it may be gone.
            let _unheard = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> io::Result<()> {
    // The name under which it is listed, instead of the program's.
    rustix::thread::set_name(c"kernel-bridge")?;
    let mut input = Input::new()?;
    let Some((Ask::Start, payload)) = input.next().await else { return Ok(()) };
    let start: Start = wire::read(&payload).map_err(io::Error::other)?;
    let reaper = Reaper::new()?;
    let orphans = tokio::spawn(reaper.run());
    let output = pipe::Sender::from_owned_fd(io::stdout().as_fd().try_clone_to_owned()?)?;
    let connection = Connection::new(start.folder.as_ref(), start.tcp)?;
    let name = format!("sandwire-{}", std::process::id());
    let signer = Signer::new(connection.key.as_bytes(), name.clone());
    let mut bridge = Bridge {
        cells: Cells::new(signer, start.spool, &std::env::temp_dir()),
        input,
        output,
        by_message: start.interrupt_by_message,
        code: Vec::new(),
        told: false,
    };
    match Kernel::start(reaper, &start, &connection) {
        Ok(mut kernel) => {
            // After the start, so that the kernel has the limits of any command.
            limit_memory()?;
            bridge.connect_and_serve(&mut kernel, &connection, &name).await?;
            if !kernel.child.is_reaped() {
                kernel.kill();
                kernel.child.wait().await?;
            }
        }
        Err(said) => bridge.cells.tell(Say::Gone, &Gone { exit: None, said })?,
    }
    drop(connection);
    reap::kill_orphans().await?;
    orphans.abort();
    bridge.flush().await;
    Ok(())
}

fn limit_memory() -> io::Result<()> {
    let limit = rustix::process::getrlimit(Resource::Data);
    let most = limit.maximum.map_or(MEMORY, |maximum| maximum.min(MEMORY));
    Ok(rustix::process::setrlimit(Resource::Data, Rlimit { current: Some(most), ..limit })?)
}

struct Bridge {
    cells: Cells,
    input: Input,
    output: pipe::Sender,
    /// The kernel is interrupted by a message.
    by_message: bool,
    /// What is there of the next cell's code.
    code: Vec<u8>,
    /// The kernel was interrupted because of too much output.
    told: bool,
}

/// What happens next.
enum Event {
    Asked(Option<(Ask, Vec<u8>)>),
    Published(Option<Message>),
    Answered(Option<Message>),
    Asks(Option<Message>),
    Stdout(io::Result<usize>),
    Stderr(io::Result<usize>),
    Ended(io::Result<Status>),
    /// There is room for output.
    Room(io::Result<()>),
    /// Something is missed of the kernel's answer.
    Late,
    /// The cell that is to be interrupted runs.
    Begun,
    Ignored,
}

impl Bridge {
    async fn connect_and_serve(&mut self, kernel: &mut Kernel, connection: &Connection, name: &str) -> io::Result<()> {
        let (mut out, mut err) = (vec![0; READ], vec![0; READ]);
        let (connected, said) = {
            let connect = Sockets::connect(connection, &mut self.cells.signer, name);
            let late = tokio::time::sleep(START);
            tokio::pin!(connect, late);
            // What it says meanwhile is kept apart: the signer is in use.
            let mut said = Vec::new();
            let connected = loop {
                tokio::select! {
                    sockets = &mut connect => break Ok(sockets),
                    ask = self.input.next() => match ask {
                        None | Some((Ask::End | Ask::Kill, _)) => return Ok(()),
                        Some(_) => {}
                    },
                    status = kernel.child.wait() => break Err(Some(status?)),
                    length = kernel.stdout.read(&mut out) => {
                        said.extend_from_slice(out.get(..length.unwrap_or_default()).unwrap_or_default());
                    }
                    length = kernel.stderr.read(&mut err) => {
                        said.extend_from_slice(err.get(..length.unwrap_or_default()).unwrap_or_default());
                    }
                    () = &mut late => break Err(None),
                }
                let surplus = said.len().saturating_sub(READ);
                said.drain(..surplus);
            };
            (connected, said)
        };
        self.cells.written(Say::Stderr, &said)?;
        let mut sockets = match connected {
            Ok(sockets) => sockets,
            Err(status) => {
                self.drain(kernel)?;
                let late = format!("it does not answer within {} s. {}", START.as_secs(), self.cells.last_words());
                let said = if status.is_some() { self.cells.last_words() } else { late };
                return self.cells.tell(Say::Gone, &Gone { exit: status.map(|status| status.exit()), said });
            }
        };
        let pid = u32::try_from(kernel.child.pid()).unwrap_or_default();
        self.cells.ready();
        self.cells.tell(Say::Ready, &Ready { pid })?;
        loop {
            let event = self.event(kernel, &mut sockets, &mut out, &mut err).await;
            let next = match event {
                Event::Asked(None) => return Ok(()),
                Event::Asked(Some((Ask::End, grace))) => {
                    let grace = grace.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
                    return self.end(kernel, &mut sockets, Duration::from_millis(grace)).await;
                }
                Event::Asked(Some((ask, payload))) => self.asked(ask, &payload, kernel, &mut sockets).await?,
                Event::Published(Some(message)) => self.cells.published(&message)?,
                Event::Answered(Some(message)) => self.cells.answered(message)?,
                Event::Asks(Some(message)) => self.cells.asked(message),
                Event::Stdout(Ok(length)) => {
                    self.cells.written(Say::Stdout, out.get(..length).unwrap_or_default())?;
                    Next::Nothing
                }
                Event::Stderr(Ok(length)) => {
                    self.cells.written(Say::Stderr, err.get(..length).unwrap_or_default())?;
                    Next::Nothing
                }
                Event::Ended(status) => return self.gone(kernel, &mut sockets, &status?).await,
                Event::Room(room) => {
                    room?;
                    self.write()?;
                    Next::Nothing
                }
                Event::Late => self.cells.missed()?,
                Event::Begun => {
                    if self.cells.interrupt() {
                        self.interrupt(kernel, &mut sockets).await;
                    }
                    Next::Nothing
                }
                Event::Stdout(Err(_)) | Event::Stderr(Err(_)) | Event::Ignored => Next::Nothing,
                Event::Published(None) | Event::Answered(None) | Event::Asks(None) => Next::Nothing,
            };
            if self.cells.is_over() && !self.told {
                self.told = true;
                if self.cells.interrupt() {
                    self.interrupt(kernel, &mut sockets).await;
                }
            }
            match next {
                Next::Nothing => {}
                Next::Send(request) => send(&mut sockets.shell, request).await,
                Next::Control(request) => send(&mut sockets.control, request).await,
                Next::Drain => {
                    self.drain(kernel)?;
                    self.cells.done()?;
                    self.told = false;
                }
            }
        }
    }

    /// Waits for what happens next.
    async fn event(&mut self, kernel: &mut Kernel, sockets: &mut Sockets, out: &mut [u8], err: &mut [u8]) -> Event {
        let Self { cells, input, output, .. } = self;
        let Sockets { shell, published, stdin, control } = sockets;
        let Kernel { child, stdout, stderr } = kernel;
        let (late, begun) = (at(cells.missed_at()), at(cells.interrupt_at()));
        // What comes by a pipe can wait in it; what is published cannot.
        let low = cells.spool.is_low();
        let signer = &cells.signer;
        tokio::select! {
            ask = input.next() => Event::Asked(ask),
            message = receive(published, signer) => Event::Published(message),
            message = receive(shell, signer) => Event::Answered(message),
            message = receive(stdin, signer) => Event::Asks(message),
            _ = receive(control, signer) => Event::Ignored,
            length = read(stdout, out), if low => Event::Stdout(length),
            length = read(stderr, err), if low => Event::Stderr(length),
            status = child.wait() => Event::Ended(status),
            room = output.writable(), if cells.spool.len() > 0 => Event::Room(room),
            () = late => Event::Late,
            () = begun => Event::Begun,
        }
    }

    async fn asked(&mut self, ask: Ask, payload: &[u8], kernel: &Kernel, sockets: &mut Sockets) -> io::Result<Next> {
        match ask {
            Ask::Code => self.code.extend_from_slice(payload),
            Ask::Run => {
                let cell: Cell = wire::read(payload).map_err(io::Error::other)?;
                let code = String::from_utf8_lossy(&std::mem::take(&mut self.code)).into_owned();
                return Ok(self.cells.begin(cell, code));
            }
            Ask::Input => {
                if let Some(answer) = self.cells.input(&String::from_utf8_lossy(payload)) {
                    send(&mut sockets.stdin, answer).await;
                }
            }
            Ask::Interrupt if self.cells.interrupt() => self.interrupt(kernel, sockets).await,
            Ask::Kill => kernel.kill(),
            Ask::Interrupt | Ask::Start | Ask::End => {}
        }
        Ok(Next::Nothing)
    }

    async fn interrupt(&mut self, kernel: &Kernel, sockets: &mut Sockets) {
        if self.by_message {
            let (_, request) = self.cells.signer.request("interrupt_request", &json!({}));
            send(&mut sockets.control, request).await;
        } else {
            kernel.interrupt();
        }
    }

    /// Takes what is in the kernel's pipes now: all that was written before the cell's end.
    fn drain(&mut self, kernel: &Kernel) -> io::Result<()> {
        let mut buffer = vec![0; READ];
        for (pipe, say) in [(&kernel.stdout, Say::Stdout), (&kernel.stderr, Say::Stderr)] {
            let mut left = rustix::io::ioctl_fionread(pipe)?;
            while left > 0 {
                let most = usize::try_from(left).unwrap_or(READ).min(READ);
                // Not through the runtime, which may not have heard of it yet.
                match rustix::io::read(pipe, buffer.get_mut(..most).unwrap_or_default()) {
                    Ok(0) | Err(_) => break,
                    Ok(length) => {
                        self.cells.written(say, buffer.get(..length).unwrap_or_default())?;
                        left = left.saturating_sub(length as u64);
                    }
                }
            }
        }
        Ok(())
    }

    /// The kernel has ended.
    async fn gone(&mut self, kernel: &Kernel, sockets: &mut Sockets, status: &Status) -> io::Result<()> {
        loop {
            let last = tokio::time::timeout(LAST, receive(&mut sockets.published, &self.cells.signer)).await;
            let Ok(Some(message)) = last else { break };
            self.cells.published(&message)?;
        }
        self.drain(kernel)?;
        let gone = Gone { exit: Some(status.exit()), said: self.cells.last_words() };
        self.cells.tell(Say::Gone, &gone)
    }

    /// Asks the kernel to end, and waits until it has, but not for long.
    async fn end(&mut self, kernel: &Kernel, sockets: &mut Sockets, grace: Duration) -> io::Result<()> {
        let (_, request) = self.cells.signer.request("shutdown_request", &json!({ "restart": false }));
        send(&mut sockets.control, request).await;
        let status = match tokio::time::timeout(grace, kernel.child.wait()).await {
            Ok(status) => status?,
            Err(_late) => {
                kernel.kill();
                kernel.child.wait().await?
            }
        };
        self.gone(kernel, sockets, &status).await
    }

    /// Writes what waits, as much as the server takes now.
    fn write(&mut self) -> io::Result<()> {
        match self.output.try_write(self.cells.spool.next()?) {
            Ok(length) => self.cells.spool.taken(length),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Writes all that waits, for as long as the server is there to take it.
    async fn flush(&mut self) {
        while self.cells.spool.len() > 0 {
            tokio::select! {
                room = self.output.writable() => {
                    if room.is_err() || self.write().is_err() {
                        return;
                    }
                }
                ask = self.input.next() => {
                    if ask.is_none() {
                        return;
                    }
                }
            }
        }
    }
}

/// Waits for that moment; for ever when there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Reads what there is; without an end, once the pipe has one.
async fn read(pipe: &mut pipe::Receiver, buffer: &mut [u8]) -> io::Result<usize> {
    match pipe.read(buffer).await {
        Ok(0) => std::future::pending().await,
        other => other,
    }
}
