//! [`Client`]: the handle of one lane that survives its connections.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sandwire_link::{Call, Link};
use sandwire_protocol::ByteString;
use sandwire_protocol::kind::Kind;
use sandwire_protocol::limits::DEFAULT_CLIENT_WINDOW;
use sandwire_protocol::schedule::Class;
use tokio::sync::watch;
use tokio_rustls::rustls::ClientConfig;

use crate::dial::{self, Target};
use crate::driver::{self, Command, Driver};
use crate::error::Error;
use crate::state::State;

/// How to connect. Made by [`Client::builder`].
///
/// ```
/// use std::time::Duration;
/// use sandwire::{Client, Code, Error};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = sandwire_tests::server::Server::builder().env("SANDWIRE_TOKEN", "a-long-and-secret-token").start();
/// # let url = server.url();
/// let client = Client::builder(url)
///     .token("a-long-and-secret-token")
///     // Rights that this client does not need are given up.
///     .scopes(["exec", "file-read"])
///     .connect_timeout(Duration::from_secs(5))
///     .give_up_after(Duration::from_secs(60))
///     .connect()
///     .await?;
/// let error = client.files().write_all("notes", "milk").await.unwrap_err();
/// assert_eq!(error.code(), Some(Code::PermissionDenied));
///
/// let error = Client::builder(server.url()).token("a guess").connect().await.unwrap_err();
/// assert!(matches!(error, Error::Refused { status: 401, .. }));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Builder {
    pub(crate) target: Target,
    pub(crate) name: String,
    pub(crate) window: u32,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) terminals: Option<Vec<String>>,
    pub(crate) paths: Option<Vec<ByteString>>,
    pub(crate) give_up_after: Duration,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("url", &self.target.url).finish_non_exhaustive()
    }
}

impl Builder {
    /// The token that the server wants, sent as `Authorization: Bearer`. Default, and the same as an empty one: none.
    /// Who has a ticket instead gives it in the URL: `ws://host:port/v1/connect?ticket=…`.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.target.token = Some(token.into()).filter(|token| !token.is_empty());
        self
    }

    /// How the client names itself in the server's log. Default: `sandwire` and its version.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Bytes that the server may send on a channel before the first of them is taken; at least 64 KiB. Windows grow
    /// for readers that keep up. Default: 256 KiB.
    #[must_use]
    pub const fn window(mut self, bytes: u32) -> Self {
        self.window = bytes;
        self
    }

    /// Give up rights: only these scopes, by name (`exec`, `process`, `process-read`, `pty`, `pty-read`, `file-read`,
    /// `file-write`, `tcp`, `info`). What needs another one fails with `PERMISSION_DENIED`. Default: all that the token
    /// has.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Give up rights: of the terminals only these, by id. Default: all that the token allows.
    #[must_use]
    pub fn terminals(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.terminals = Some(ids.into_iter().map(Into::into).collect());
        self
    }

    /// Give up rights: of the files only those below these absolute paths. Commands are not bound by it: leave the scopes
    /// for them out, too. Default: all that the token allows.
    #[must_use]
    pub fn paths(mut self, paths: impl IntoIterator<Item = impl Into<ByteString>>) -> Self {
        self.paths = Some(paths.into_iter().map(Into::into).collect());
        self
    }

    /// Time for one try to connect, from the name's look-up to the server's answer. Default: 10 s.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.target.timeout = timeout;
        self
    }

    /// How long to dial again before the client gives up and closes. Default: 10 minutes.
    #[must_use]
    pub const fn give_up_after(mut self, time: Duration) -> Self {
        self.give_up_after = time;
        self
    }

    /// TLS settings for `wss://`, of the [`rustls`](crate::rustls) of this crate. Default: the roots that browsers trust.
    #[must_use]
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.target.tls = Some(config);
        self
    }

    /// For `wss://`, trusts the certificates of this PEM file and no others.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read or holds no certificate.
    pub fn ca_file(self, path: impl AsRef<Path>) -> Result<Self, Error> {
        let config = dial::tls_from_file(path.as_ref())?;
        Ok(self.tls(config))
    }

    /// Connects. The first connection is tried once; lost ones are made again by themselves.
    ///
    /// The connection is driven by a task of the tokio runtime that this is called in.
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::Connect`], or [`Error::Refused`] with the server's status.
    pub async fn connect(self) -> Result<Client, Error> {
        let (driver, shared) = Driver::start(self).await?;
        tokio::spawn(driver.run());
        Ok(Client { shared })
    }
}

/// A connection to a sandbox. Clones share it; it is closed when the last one is dropped.
///
/// A connection that is lost is made again by itself, and everything goes on where it was: nothing is lost, repeated or run
/// twice. Only when the server does not have the lane any more (it was started anew, or the client was away for too long) do
/// the operations that were open fail, with [`Code::OperationInterrupted`](sandwire_protocol::Code::OperationInterrupted);
/// the client itself goes on with a new lane.
///
/// ```
/// use sandwire::State;
/// use tokio::io::AsyncWriteExt;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// let mut states = client.states();
/// states.wait_for(|state| matches!(state, State::Connected { connections: 1, .. })).await?;
/// let mut running = client.exec("echo before; read line; echo after $line").piped_stdin().spawn()?;
/// running.next().await?;
///
/// // As if the network had changed: the command does not notice.
/// client.reconnect();
/// states.wait_for(|state| matches!(state, State::Connected { connections: 2, .. })).await?;
/// let mut stdin = running.stdin().ok_or("it was taken already")?;
/// stdin.write_all(b"all\n").await?;
/// let chunk = running.next().await?.ok_or("the output has ended")?;
/// assert_eq!(chunk.data, "after all\n");
/// drop(running);
///
/// // Ends what is open, and waits until the server knows.
/// client.close().await;
/// assert!(matches!(&*states.borrow(), State::Closed(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

/// What the client and its driver share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) link: Mutex<Link>,
    pub(crate) state: watch::Receiver<State>,
    pub(crate) command: watch::Sender<Command>,
}

impl Client {
    /// Connects without a token.
    ///
    /// # Errors
    /// As [`Builder::connect`].
    pub async fn connect(url: impl Into<String>) -> Result<Self, Error> {
        Self::builder(url).connect().await
    }

    /// Settings for a connection to `ws://host:port/v1/connect`, or `wss://…`. `http://…` and `host:port` are completed.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder {
            target: Target {
                url: Target::complete(&url.into()),
                token: None,
                tls: None,
                timeout: Duration::from_secs(10),
            },
            name: concat!("sandwire/", env!("CARGO_PKG_VERSION")).to_owned(),
            window: DEFAULT_CLIENT_WINDOW,
            scopes: None,
            terminals: None,
            paths: None,
            give_up_after: Duration::from_secs(600),
        }
    }

    /// Opens a channel of any kind. The typed calls in [`kinds`](crate::kinds) rest on this.
    ///
    /// # Errors
    /// [`Error::Closed`], or the errors of [`Link::open`].
    pub fn open<K: Kind>(&self, params: &K::Params) -> Result<Call<K>, Error> {
        self.open_as(params, None)
    }

    /// Opens a channel in another scheduling class than its kind's own.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_as<K: Kind>(&self, params: &K::Params, class: Option<Class>) -> Result<Call<K>, Error> {
        if let State::Closed(reason) = &*self.shared.state.borrow() {
            return Err(Error::Closed(reason.clone()));
        }
        let link = self.shared.link.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(link.open(params, class)?)
    }

    /// Opens a channel and waits for its result.
    ///
    /// # Errors
    /// As [`open`](Self::open), and what the server answers.
    pub async fn call<K: Kind>(&self, params: &K::Params) -> Result<K::Result, Error> {
        Ok(self.open::<K>(params)?.result().await?)
    }

    /// What the connection is doing now.
    pub fn state(&self) -> State {
        self.shared.state.borrow().clone()
    }

    /// Follows the state: each change wakes the receiver.
    pub fn states(&self) -> watch::Receiver<State> {
        self.shared.state.clone()
    }

    /// Ends the lane, and with it every open channel; waits until the server has been told.
    ///
    /// When the last clone is dropped the same is done in the background. A program that ends right after that may be
    /// faster: then the server takes it for a lost connection, and keeps what was open until its time for resuming is
    /// over. So close the client before the program ends.
    pub async fn close(self) {
        self.shared.command.send_replace(Command::Close);
        let mut state = self.shared.state.clone();
        // The driver may be gone already, which is as good.
        state.wait_for(|state| matches!(state, State::Closed(_))).await.map(drop).unwrap_or_default();
    }

    /// Drops the connection and dials again at once, as after a loss. For tests, and for a network that changed.
    pub fn reconnect(&self) {
        self.shared.command.send_modify(|command| {
            if let Command::Run { redials } = command {
                *redials += 1;
            }
        });
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.command.send_replace(driver::Command::Close);
    }
}
