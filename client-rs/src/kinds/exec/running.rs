//! [`Running`]: a command while it runs.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use sandwire_link::{Call, Reply};
use sandwire_protocol::kind::Exec;
use sandwire_protocol::kind::command::{Exit, Output, Target};
use sandwire_protocol::kind::exec::Up;
use sandwire_protocol::{Code, Error as RemoteError};
use tokio::sync::Notify;

use crate::error::{Error, to_io};
use crate::kinds::stream::{Reader, Writer};

/// Bytes of one output that wait while the other one is read. Like the pipes of a local child: when both are read
/// separately, neither may be forgotten.
const QUEUE: usize = 64 << 10;

/// A piece of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Which of the two it is.
    pub output: Output,
    /// The bytes, at most 64 KiB.
    pub data: Bytes,
}

/// A command that runs. Dropping it ends the command and everything that it started.
///
/// Output is read either in order, by [`next`](Self::next) or [`output`](Self::output), or by stream, by
/// [`stdout`](Self::stdout) and [`stderr`](Self::stderr). What nobody reads is thrown away by [`wait`](Self::wait).
///
/// ```
/// use sandwire::kinds::exec::{OutputStream, Target};
/// use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// // Both outputs, in the order in which they came.
/// let mut running = client.exec("echo out; sleep 0.1; echo err >&2").spawn()?;
/// while let Some(chunk) = running.next().await? {
///     match chunk.output {
///         OutputStream::Stdout => assert_eq!(chunk.data, "out\n"),
///         OutputStream::Stderr => assert_eq!(chunk.data, "err\n"),
///     }
/// }
///
/// // Input and output as `AsyncWrite` and `AsyncRead`.
/// let mut running = client.exec("read name; echo hello $name; cat >&2").piped_stdin().spawn()?;
/// let mut stdin = running.stdin().ok_or("it was taken already")?;
/// let mut lines = running.stdout().lines();
/// stdin.write_all(b"you\n").await?;
/// assert_eq!(lines.next_line().await?.as_deref(), Some("hello you"));
/// stdin.shutdown().await?;
/// assert_eq!(running.wait().await?.code, Some(0));
///
/// // Signals, here from another task.
/// let mut running = client.exec("trap 'exit 7' USR1; echo ready; while :; do sleep 0.01; done").spawn()?;
/// running.next().await?;
/// let control = running.control();
/// tokio::spawn(async move { control.signal("USR1", Target::Group).await });
/// assert_eq!(running.wait().await?.code, Some(7));
///
/// // To give up: drop it. The command ends, with everything that it started.
/// let abandoned = client.exec("sleep 1000 & sleep 1000").spawn()?;
/// drop(abandoned);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    stdin: Option<Writer>,
}

/// What the readers of one command share. Whoever needs something takes from the channel for all.
#[derive(Debug)]
struct Shared {
    call: Arc<Call<Exec>>,
    /// Held by the one that takes, so that the order within a stream is kept.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    stdout: Queue,
    stderr: Queue,
    exit: Option<Result<Exit, RemoteError>>,
}

#[derive(Debug, Default)]
struct Queue {
    has_reader: bool,
    ended: bool,
    chunks: VecDeque<Bytes>,
    bytes: usize,
}

enum Taken {
    Chunk(Chunk),
    /// Something changed: look again.
    Other,
}

impl State {
    fn queue(&mut self, output: Output) -> &mut Queue {
        match output {
            Output::Stdout => &mut self.stdout,
            Output::Stderr => &mut self.stderr,
        }
    }

    fn is_full(&self) -> bool {
        self.stdout.bytes >= QUEUE || self.stderr.bytes >= QUEUE
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `look` finds something, and takes from the channel meanwhile when nobody else does.
    async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> Result<T, Chunk> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = look(&mut self.state()) {
                return Ok(found);
            }
            tokio::select! {
                biased;
                () = &mut changed => {}
                taken = self.take() => if let Taken::Chunk(chunk) = taken { return Err(chunk) },
            }
        }
    }

    /// Takes one item. One that belongs to a reader is put where the reader finds it. Safe to be dropped.
    async fn take(&self) -> Taken {
        let _turn = self.turn.lock().await;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !self.state().is_full() {
                break;
            }
            changed.await;
        }
        if self.state().exit.is_some() {
            return Taken::Other;
        }
        let reply = self.call.recv().await;
        let mut state = self.state();
        match reply {
            Reply::Data(stream, data) => {
                let output = if stream == 1 { Output::Stdout } else { Output::Stderr };
                let queue = state.queue(output);
                if !queue.has_reader {
                    return Taken::Chunk(Chunk { output, data });
                }
                queue.bytes += data.len();
                queue.chunks.push_back(data);
            }
            Reply::End(stream) => {
                state.queue(if stream == 1 { Output::Stdout } else { Output::Stderr }).ended = true;
            }
            Reply::Event(_) => {}
            Reply::Closed(exit) => state.exit = Some(exit),
        }
        drop(state);
        self.changed.notify_waiters();
        Taken::Other
    }

    async fn chunk(self: &Arc<Self>, output: Output) -> Option<io::Result<Bytes>> {
        loop {
            let found = self
                .until(|state| {
                    let over = state.exit.clone();
                    let queue = state.queue(output);
                    match queue.chunks.pop_front() {
                        Some(data) => {
                            queue.bytes -= data.len();
                            Some(Some(Ok(data)))
                        }
                        None if queue.ended => Some(None),
                        None => over.map(|exit| exit.err().map(|error| Err(to_io(error)))),
                    }
                })
                .await;
            // An error is a chunk of the other output, which has no reader.
            if let Ok(found) = found {
                self.changed.notify_waiters();
                return found;
            }
        }
    }
}

/// What is left of an output whose reader is dropped is thrown away.
struct ReaderGuard(Arc<Shared>, Output);

impl Drop for ReaderGuard {
    fn drop(&mut self) {
        let mut state = self.0.state();
        *state.queue(self.1) = Queue { ended: state.queue(self.1).ended, ..Queue::default() };
        drop(state);
        self.0.changed.notify_waiters();
    }
}

impl Running {
    pub(super) fn new(call: Call<Exec>, stdin: bool, input: Bytes) -> Self {
        let call = Arc::new(call);
        let writer = stdin.then(|| Writer::new(Arc::clone(&call) as Arc<_>));
        let stdin = match writer {
            Some(mut writer) if !input.is_empty() => {
                tokio::spawn(async move {
                    // A command may end without reading its input.
                    if writer.send(input).await.is_ok() {
                        tokio::io::AsyncWriteExt::shutdown(&mut writer).await.unwrap_or_default();
                    }
                });
                None
            }
            writer => writer,
        };
        let shared = Shared {
            call,
            turn: tokio::sync::Mutex::new(()),
            state: Mutex::new(State::default()),
            changed: Notify::new(),
        };
        Self { shared: Arc::new(shared), stdin }
    }

    /// Standard input, once, when the command was made with [`piped_stdin`](super::Command::piped_stdin). Its shutdown
    /// is the end of the input; dropping it without one leaves the input open.
    pub const fn stdin(&mut self) -> Option<Writer> {
        self.stdin.take()
    }

    /// Standard output by itself.
    pub fn stdout(&mut self) -> Reader {
        self.reader(Output::Stdout)
    }

    /// Standard error by itself.
    pub fn stderr(&mut self) -> Reader {
        self.reader(Output::Stderr)
    }

    fn reader(&self, output: Output) -> Reader {
        self.shared.state().queue(output).has_reader = true;
        let guard = ReaderGuard(Arc::clone(&self.shared), output);
        let chunks = stream::unfold(guard, |guard| async { Some((guard.0.chunk(guard.1).await?, guard)) });
        Reader::new(Box::pin(chunks.fuse()))
    }

    /// The next piece of output, in the order in which it came; `None` at the end. Outputs that have their own reader
    /// are left out. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the command could not be started, or the lane is lost.
    pub async fn next(&mut self) -> Result<Option<Chunk>, Error> {
        match self.shared.until(|state| state.exit.clone()).await {
            Err(chunk) => Ok(Some(chunk)),
            Ok(exit) => Ok(exit.map(|_| None)?),
        }
    }

    /// All output in the order in which it came, as a stream.
    pub fn output(&mut self) -> impl Stream<Item = Result<Chunk, Error>> + Send + '_ {
        stream::try_unfold(self, |running| async { Ok(running.next().await?.map(|chunk| (chunk, running))) })
    }

    /// Sends a signal by name (`SIGINT`, `INT`) or number.
    ///
    /// # Errors
    /// `CANCELLED` when the command has ended. A signal that does not exist ends the command with
    /// `VALIDATION_FAILED`, which [`wait`](Self::wait) gives.
    pub async fn signal(&self, signal: impl Into<String>, target: Target) -> Result<(), Error> {
        Ok(self.shared.call.event(Up::Signal { signal: signal.into(), target }).await?)
    }

    /// Ends the command and everything that it started; [`wait`](Self::wait) then fails with `CANCELLED`.
    pub fn cancel(&self) {
        self.shared.call.cancel();
    }

    /// Waits for the end. Output that has no reader of its own is thrown away.
    ///
    /// # Errors
    /// When the command could not be started, or the lane is lost before its end is known.
    pub async fn wait(&mut self) -> Result<Exit, Error> {
        loop {
            if let Ok(exit) = self.shared.until(|state| state.exit.clone()).await {
                return Ok(exit?);
            }
        }
    }

    /// A handle that sends signals and cancels from elsewhere.
    pub fn control(&self) -> Control {
        Control(Arc::clone(&self.shared.call))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.shared.state().exit.is_none() {
            self.shared.call.cancel();
        }
    }
}

/// Sends signals to a command, from any task. Made by [`Running::control`].
#[derive(Clone, Debug)]
pub struct Control(Arc<Call<Exec>>);

impl Control {
    /// As [`Running::signal`].
    ///
    /// # Errors
    /// As [`Running::signal`].
    pub async fn signal(&self, signal: impl Into<String>, target: Target) -> Result<(), Error> {
        match self.0.event(Up::Signal { signal: signal.into(), target }).await {
            Err(error) if error.code == Code::Cancelled => Ok(()),
            result => Ok(result?),
        }
    }

    /// As [`Running::cancel`].
    pub fn cancel(&self) {
        self.0.cancel();
    }
}
