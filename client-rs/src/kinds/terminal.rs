//! Terminals: they belong to the sandbox and outlive their viewers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, future};
use sandwire_link::{Call, Reply};
use sandwire_protocol::kind::command::{Launch, Limits};
pub use sandwire_protocol::kind::pty::{Attach, Down, Ended, Info, Screen, Snapshot};
use sandwire_protocol::kind::pty::{Close, List, Open, ResizeParams, Up};
use sandwire_protocol::kind::{PtyAttach, PtyClose, PtyList, PtyOpen, PtyResize, PtySnapshot};
use sandwire_protocol::{ByteString, Error as RemoteError};

use super::exec::millis;
use super::launch::launch_methods;
use super::stream::{SyncStream, replies};
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// The terminals.
    pub fn terminals(&self) -> Terminals {
        Terminals { client: self.clone() }
    }
}

/// The terminals of a sandbox. Made by [`Client::terminals`].
///
/// ```
/// use futures_util::TryStreamExt;
/// use sandwire::kinds::terminal::TerminalItem;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// let terminals = client.terminals();
/// let mut terminal = terminals.open().id("work").argv(["bash", "--norc"]).size(100, 30).spawn()?;
/// let input = terminal.input();
/// input.write("echo $((6 * 7)); stty size\r").await?;
///
/// // What it shows: escape sequences that paint the screen as it is, then what the program writes.
/// let mut shown = Vec::new();
/// while !String::from_utf8_lossy(&shown).contains("30 100") {
///     if let TerminalItem::Output(bytes) = terminal.try_next().await?.ok_or("the terminal has ended")? {
///         shown.extend_from_slice(&bytes);
///     }
/// }
///
/// // It stays when its viewer goes. Another one sees the same screen.
/// drop((terminal, input));
/// let screen = terminals.snapshot("work").await?;
/// assert!(String::from_utf8_lossy(&screen.content).contains("42"));
/// let mut terminal = terminals.attach("work")?;
/// terminal.input().resize(80, 24).await?;
/// terminal.input().write("exit 5\r").await?;
/// let ended = loop {
///     match terminal.try_next().await?.ok_or("the terminal did not say how it ended")? {
///         TerminalItem::Output(_) | TerminalItem::Event(_) => {}
///         TerminalItem::Ended(ended) => break ended,
///     }
/// };
/// assert_eq!(ended.exit.code, Some(5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Terminals {
    client: Client,
}

impl Terminals {
    /// A new terminal with the user's login shell, unless told otherwise.
    pub fn open(&self) -> OpenTerminal {
        OpenTerminal { client: self.client.clone(), params: Open::default() }
    }

    /// Attaches to a terminal as one more viewer.
    ///
    /// # Errors
    /// When nothing can be opened; `TERMINAL_NOT_FOUND` comes from the stream.
    pub fn attach(&self, id: impl Into<String>) -> Result<Terminal, Error> {
        self.attach_with(&Attach { id: id.into(), ..Attach::default() })
    }

    /// As [`attach`](Self::attach), as `attach` says: with a size, to look only, or with less of the scrollback.
    ///
    /// # Errors
    /// As [`attach`](Self::attach).
    pub fn attach_with(&self, attach: &Attach) -> Result<Terminal, Error> {
        let call = Arc::new(self.client.open::<PtyAttach>(attach)?);
        Ok(Terminal { items: items(Arc::clone(&call)), call: Viewer::Attach(call) })
    }

    /// Those that are known, oldest first.
    ///
    /// # Errors
    /// Those of the connection and of the server.
    pub async fn list(&self) -> Result<Vec<Info>, Error> {
        Ok(self.client.call::<PtyList>(&List {}).await?.terminals)
    }

    /// The screen as plain text, without the lines above it.
    ///
    /// # Errors
    /// `TERMINAL_NOT_FOUND`.
    pub async fn snapshot(&self, id: impl Into<String>) -> Result<Screen, Error> {
        self.snapshot_with(&Snapshot { id: id.into(), scrollback: 0, ansi: false }).await
    }

    /// The screen, as `snapshot` says: with scrollback, or as escape sequences.
    ///
    /// # Errors
    /// `TERMINAL_NOT_FOUND`.
    pub async fn snapshot_with(&self, snapshot: &Snapshot) -> Result<Screen, Error> {
        self.client.call::<PtySnapshot>(snapshot).await
    }

    /// Resizes a terminal.
    ///
    /// # Errors
    /// `TERMINAL_NOT_FOUND`, `VALIDATION_FAILED`.
    pub async fn resize(&self, id: impl Into<String>, cols: u16, rows: u16) -> Result<(), Error> {
        self.client.call::<PtyResize>(&ResizeParams { id: id.into(), cols, rows }).await.map(drop)
    }

    /// Ends a terminal: HUP, a time of grace (default: 2 s), KILL. One that has ended is forgotten at once.
    ///
    /// # Errors
    /// `TERMINAL_NOT_FOUND`.
    pub async fn close(&self, id: impl Into<String>, grace: impl Into<Option<Duration>>) -> Result<Info, Error> {
        let grace_ms = grace.into().map(millis);
        self.client.call::<PtyClose>(&Close { id: id.into(), grace_ms }).await
    }
}

/// A terminal that was not opened yet. Made by [`Terminals::open`].
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is spawned"]
pub struct OpenTerminal {
    client: Client,
    params: Open,
}

impl OpenTerminal {
    launch_methods!(params.run);

    /// A line for the shell, instead of a login shell.
    pub fn command(mut self, line: impl Into<ByteString>) -> Self {
        self.params.run.command = Some(line.into());
        self
    }

    /// A program and its arguments, instead of a login shell.
    pub fn argv(mut self, argv: impl IntoIterator<Item = impl Into<ByteString>>) -> Self {
        self.params.run.argv = argv.into_iter().map(Into::into).collect();
        self
    }

    /// Its id: 1 to 128 characters of `A-Z a-z 0-9 . _ -`. Default: one is generated.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.params.id = Some(id.into());
        self
    }

    /// Columns and rows. Default: 80 and 24.
    pub const fn size(mut self, cols: u16, rows: u16) -> Self {
        self.params.cols = Some(cols);
        self.params.rows = Some(rows);
        self
    }

    /// TERM. Default: `xterm-256color`.
    pub fn term(mut self, term: impl Into<String>) -> Self {
        self.params.term = Some(term.into());
        self
    }

    /// Lines kept above the screen. Default and upper bound: the server's setting.
    pub const fn scrollback(mut self, lines: u32) -> Self {
        self.params.scrollback = Some(lines);
        self
    }

    /// Attach when a terminal of that id lives already, instead of failing.
    pub const fn reuse(mut self) -> Self {
        self.params.reuse = true;
        self
    }

    /// End it when the last viewer has gone.
    pub const fn transient(mut self) -> Self {
        self.params.transient = true;
        self
    }

    /// Begins with the directory, the exported variables and the user of this [session](super::session), in its turn among
    /// the session's commands.
    pub fn session(mut self, id: impl Into<String>) -> Self {
        self.params.session = Some(id.into());
        self
    }

    /// Opens it and attaches to it.
    ///
    /// # Errors
    /// When nothing can be opened; why a command cannot be started comes from the stream.
    pub fn spawn(self) -> Result<Terminal, Error> {
        let call = Arc::new(self.client.open::<PtyOpen>(&self.params)?);
        Ok(Terminal { items: items(Arc::clone(&call)), call: Viewer::Open(call) })
    }
}

/// Something that a terminal says.
#[derive(Clone, Debug, PartialEq)]
pub enum TerminalItem {
    /// Bytes for the screen: first those that paint it as it is, after [`Down::Live`] those of the program.
    Output(Bytes),
    /// That it is attached, that the painting is complete, or that it has another size.
    Event(Down),
    /// It has ended; nothing comes after this.
    Ended(Ended),
}

/// A viewer of a terminal: a stream of what it shows, which ends after [`TerminalItem::Ended`] or an error. Dropping it
/// and its inputs detaches; the terminal goes on.
pub struct Terminal {
    items: SyncStream<Result<TerminalItem, Error>>,
    call: Viewer,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal").field("call", &self.call).finish_non_exhaustive()
    }
}

/// The two ways to become a viewer.
#[derive(Clone, Debug)]
enum Viewer {
    Open(Arc<Call<PtyOpen>>),
    Attach(Arc<Call<PtyAttach>>),
}

impl Viewer {
    async fn write(&self, data: Bytes) -> Result<(), RemoteError> {
        match self {
            Viewer::Open(call) => call.write(0, data).await,
            Viewer::Attach(call) => call.write(0, data).await,
        }
    }

    async fn event(&self, event: Up) -> Result<(), RemoteError> {
        match self {
            Viewer::Open(call) => call.event(event).await,
            Viewer::Attach(call) => call.event(event).await,
        }
    }
}

impl Terminal {
    /// What a viewer can do, for any task.
    pub fn input(&self) -> TerminalInput {
        TerminalInput { call: self.call.clone() }
    }
}

impl Stream for Terminal {
    type Item = Result<TerminalItem, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.items.poll_next_unpin(cx)
    }
}

fn items<K>(call: Arc<Call<K>>) -> SyncStream<Result<TerminalItem, Error>>
where
    K: sandwire_protocol::kind::Kind<Down = Down, Result = Ended>,
{
    let item = |reply| match reply {
        Reply::Data(_, data) => Some(Ok(TerminalItem::Output(data))),
        Reply::Event(event) => Some(Ok(TerminalItem::Event(event))),
        Reply::End(_) => None,
        Reply::Closed(result) => Some(result.map(TerminalItem::Ended).map_err(Error::from)),
    };
    Box::pin(replies(call).filter_map(move |reply| future::ready(item(reply))))
}

/// Keys, sizes and signals for a terminal. Clones are the same viewer; the viewer stays while one of them does.
#[derive(Clone, Debug)]
pub struct TerminalInput {
    call: Viewer,
}

impl TerminalInput {
    /// Types.
    ///
    /// # Errors
    /// `CANCELLED` when the terminal has ended.
    pub async fn write(&self, keys: impl Into<Bytes>) -> Result<(), Error> {
        Ok(self.call.write(keys.into()).await?)
    }

    /// Tells the viewer's size, which the terminal takes.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn resize(&self, cols: u16, rows: u16) -> Result<(), Error> {
        Ok(self.call.event(Up::Resize { cols, rows }).await?)
    }

    /// Sends a signal to the foreground process group, by name (`SIGINT`, `INT`) or number.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn signal(&self, signal: impl Into<String>) -> Result<(), Error> {
        Ok(self.call.event(Up::Signal { signal: signal.into() }).await?)
    }
}
