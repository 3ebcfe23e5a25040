//! Terminals: they belong to the sandbox and outlive their viewers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sandwire_link::{Call, Reply};
use sandwire_protocol::kind::command::{Launch, Limits};
use sandwire_protocol::kind::pty::{Attach, Close, Down, Ended, Info, List, Open, ResizeParams, Screen, Snapshot, Up};
use sandwire_protocol::kind::{PtyAttach, PtyClose, PtyList, PtyOpen, PtyResize, PtySnapshot};
use sandwire_protocol::{ByteString, Error as RemoteError};

use super::exec::millis;
use super::launch::launch_methods;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// The terminals.
    pub fn terminals(&self) -> Terminals {
        Terminals { client: self.clone() }
    }
}

/// The terminals of a sandbox. Made by [`Client::terminals`].
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
    /// When nothing can be opened; `TERMINAL_NOT_FOUND` comes from [`Terminal::next`].
    pub fn attach(&self, attach: &Attach) -> Result<Terminal, Error> {
        Ok(Terminal { call: Arc::new(Viewer::Attach(self.client.open::<PtyAttach>(attach)?)) })
    }

    /// Those that are known, oldest first.
    ///
    /// # Errors
    /// Those of the connection and of the server.
    pub async fn list(&self) -> Result<Vec<Info>, Error> {
        Ok(self.client.call::<PtyList>(&List {}).await?.terminals)
    }

    /// The screen, as text or as escape sequences.
    ///
    /// # Errors
    /// `TERMINAL_NOT_FOUND`.
    pub async fn snapshot(&self, snapshot: &Snapshot) -> Result<Screen, Error> {
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
    pub async fn close(&self, id: impl Into<String>, grace: Option<Duration>) -> Result<Info, Error> {
        self.client.call::<PtyClose>(&Close { id: id.into(), grace_ms: grace.map(millis) }).await
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

    /// All of what runs, and how, at once.
    pub fn launch(mut self, run: Launch) -> Self {
        self.params.run = run;
        self
    }

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

    /// Opens it and attaches to it.
    ///
    /// # Errors
    /// When nothing can be opened; why a command cannot be started comes from [`Terminal::next`].
    pub fn spawn(self) -> Result<Terminal, Error> {
        Ok(Terminal { call: Arc::new(Viewer::Open(self.client.open::<PtyOpen>(&self.params)?)) })
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

/// A viewer of a terminal. Dropping it detaches; the terminal goes on.
#[derive(Debug)]
pub struct Terminal {
    call: Arc<Viewer>,
}

/// The two ways to become a viewer.
#[derive(Debug)]
enum Viewer {
    Open(Call<PtyOpen>),
    Attach(Call<PtyAttach>),
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
    /// What comes next. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When it could not be opened or attached, or the lane is lost. Nothing comes after an error.
    pub async fn next(&mut self) -> Result<TerminalItem, Error> {
        loop {
            let item = match &*self.call {
                Viewer::Open(call) => item(call.recv().await),
                Viewer::Attach(call) => item(call.recv().await),
            };
            if let Some(item) = item {
                return item;
            }
        }
    }

    /// What a viewer can do, for any task.
    pub fn input(&self) -> TerminalInput {
        TerminalInput { call: Arc::clone(&self.call) }
    }
}

fn item<K>(reply: Reply<K>) -> Option<Result<TerminalItem, Error>>
where
    K: sandwire_protocol::kind::Kind<Down = Down, Result = Ended>,
{
    match reply {
        Reply::Data(_, data) => Some(Ok(TerminalItem::Output(data))),
        Reply::Event(event) => Some(Ok(TerminalItem::Event(event))),
        Reply::End(_) => None,
        Reply::Closed(result) => Some(result.map(TerminalItem::Ended).map_err(Error::from)),
    }
}

/// Keys, sizes and signals for a terminal. Clones are the same viewer; the viewer stays while one of them does.
#[derive(Clone, Debug)]
pub struct TerminalInput {
    call: Arc<Viewer>,
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
