//! Logs of background processes: read, followed, and with standard input attached.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use sandwire_link::{Call, Reply};
use sandwire_protocol::kind::command::{Output, Target};
use sandwire_protocol::kind::process::{Attach, AttachUp, From, Info, LogEvent, Logs};
use sandwire_protocol::kind::{Kind, ProcessAttach, ProcessLogs};

use crate::client::Client;
use crate::error::Error;
use crate::kinds::stream::{SyncStream, Writer, replies};

/// What to read of a log. Made by [`Process::logs`](super::Process::logs).
///
/// ```
/// use futures_util::TryStreamExt;
/// use sandwire::kinds::process::{From, LogItem};
/// use tokio::io::AsyncWriteExt;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// let counter = client.processes().start("for i in 1 2 3; do echo $i; done; cat").piped_stdin().spawn().await?;
/// counter.wait_for_log("3", None).await?;
///
/// // The last lines, and what comes after them until the process ends.
/// let mut log = counter.logs().from(From::Lines(2)).follow().open()?;
/// let mut text = Vec::new();
/// while text != b"2\n3\n" {
///     match log.try_next().await?.ok_or("the log has ended")? {
///         LogItem::Output(_, bytes) => text.extend_from_slice(&bytes),
///         // Tells for example that the log had overrun, and how much is missing.
///         LogItem::Event(_) => {}
///     }
/// }
///
/// // Its standard input, from anywhere.
/// let mut attached = counter.logs().from(From::End).attach(true)?;
/// let mut stdin = attached.stdin().ok_or("it was taken already")?;
/// stdin.write_all(b"the end").await?;
/// stdin.shutdown().await?;
/// while let Some(item) = log.try_next().await? {
///     if let LogItem::Output(_, bytes) = item {
///         text.extend_from_slice(&bytes);
///     }
/// }
/// assert_eq!(text, b"2\n3\nthe end");
/// assert!(log.end().is_some_and(|end| end.ended));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is opened"]
pub struct LogQuery {
    client: Client,
    params: Logs,
}

impl LogQuery {
    pub(super) const fn new(client: Client, id: String) -> Self {
        Self { client, params: Logs { id, from: From::Start, follow: false, output: None, timestamps: false } }
    }

    /// Where to begin. Default: the oldest byte that is kept.
    pub const fn from(mut self, from: From) -> Self {
        self.params.from = from;
        self
    }

    /// Go on until the process ends. Default: end at the newest byte.
    pub const fn follow(mut self) -> Self {
        self.params.follow = true;
        self
    }

    /// Only this stream. Default: both.
    pub const fn output(mut self, output: Output) -> Self {
        self.params.output = Some(output);
        self
    }

    /// Say [`LogEvent::At`] before each chunk.
    pub const fn timestamps(mut self) -> Self {
        self.params.timestamps = true;
        self
    }

    /// Reads.
    ///
    /// # Errors
    /// When nothing can be opened; `PROCESS_NOT_FOUND` comes from the stream.
    pub fn open(self) -> Result<Log<ProcessLogs>, Error> {
        Ok(Log::new(Arc::new(self.client.open::<ProcessLogs>(&self.params)?)))
    }

    /// Follows the log to the end of the process, and writes to its standard input when `stdin` is true. Streams are
    /// both; [`follow`](Self::follow) and [`output`](Self::output) mean nothing here.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn attach(self, stdin: bool) -> Result<Attachment, Error> {
        let Logs { id, from, timestamps, follow: _, output: _ } = self.params;
        let call = Arc::new(self.client.open::<ProcessAttach>(&Attach { id, from, stdin, timestamps })?);
        let writer = stdin.then(|| Writer::new(Arc::clone(&call) as Arc<_>));
        Ok(Attachment { log: Log::new(Arc::clone(&call)), stdin: writer, call })
    }
}

/// An item of a log.
#[derive(Clone, Debug, PartialEq)]
pub enum LogItem {
    /// Output of the process.
    Output(Output, Bytes),
    /// Where it is, what is missing, when it came, or that the process was started again.
    Event(LogEvent),
}

/// A log as a stream, in the order in which it was written. `K` is [`ProcessLogs`] or [`ProcessAttach`].
pub struct Log<K: Kind<Down = LogEvent> = ProcessLogs> {
    replies: SyncStream<Reply<K>>,
    end: Option<K::Result>,
}

impl<K: Kind<Down = LogEvent>> std::fmt::Debug for Log<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("end", &self.end).finish_non_exhaustive()
    }
}

impl<K: Kind<Down = LogEvent>> Log<K> {
    fn new(call: Arc<Call<K>>) -> Self {
        Self { replies: replies(call), end: None }
    }

    /// What came at the end: where to go on, or how the process is. Only after the stream has ended.
    pub const fn end(&self) -> Option<&K::Result> {
        self.end.as_ref()
    }
}

impl<K: Kind<Down = LogEvent>> Unpin for Log<K> {}

impl<K: Kind<Down = LogEvent>> Stream for Log<K> {
    type Item = Result<LogItem, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let item = match ready!(this.replies.poll_next_unpin(cx)) {
                Some(Reply::Data(1, data)) => Ok(LogItem::Output(Output::Stdout, data)),
                Some(Reply::Data(_, data)) => Ok(LogItem::Output(Output::Stderr, data)),
                Some(Reply::Event(event)) => Ok(LogItem::Event(event)),
                Some(Reply::End(_)) => continue,
                Some(Reply::Closed(Ok(end))) => {
                    this.end = Some(end);
                    continue;
                }
                Some(Reply::Closed(Err(error))) => Err(error.into()),
                None => return Poll::Ready(None),
            };
            return Poll::Ready(Some(item));
        }
    }
}

/// A process that somebody is attached to. Dropping it detaches; the process goes on.
#[derive(Debug)]
pub struct Attachment {
    log: Log<ProcessAttach>,
    stdin: Option<Writer>,
    call: Arc<Call<ProcessAttach>>,
}

impl Attachment {
    /// Standard input, once. Its shutdown closes the process's input; dropping it leaves it open.
    pub const fn stdin(&mut self) -> Option<Writer> {
        self.stdin.take()
    }

    /// Gives standard input back, so that it can be taken once more.
    pub fn keep_stdin(&mut self, stdin: Writer) {
        self.stdin = Some(stdin);
    }

    /// The output.
    pub const fn log(&mut self) -> &mut Log<ProcessAttach> {
        &mut self.log
    }

    /// How the process is, once its output has ended.
    pub const fn end(&self) -> Option<&Info> {
        self.log.end()
    }

    /// Sends a signal by name (`SIGINT`, `INT`) or number.
    ///
    /// # Errors
    /// `CANCELLED` when the process has ended.
    pub async fn signal(&self, signal: impl Into<String>, target: Target) -> Result<(), Error> {
        Ok(self.call.event(AttachUp::Signal { signal: signal.into(), target }).await?)
    }
}
