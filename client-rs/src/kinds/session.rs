//! Shell sessions: directory, variables and functions that last from one command to the next.

use std::time::Duration;

use sandwire_protocol::ByteString;
use sandwire_protocol::kind::command::Launch;
use sandwire_protocol::kind::session::{Create, Delete, Get, List};
pub use sandwire_protocol::kind::session::{Created, DEFAULT, Info, State};
use sandwire_protocol::kind::{SessionCreate, SessionDelete, SessionGet, SessionList, exec};

use super::exec::{Command, millis};
use super::launch::context_methods;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// The shell sessions.
    pub fn sessions(&self) -> Sessions {
        Sessions { client: self.clone() }
    }

    /// The session of that name. `default` is made by the server when a command first names it.
    pub fn session(&self, id: impl Into<String>) -> Session {
        Session { client: self.clone(), id: id.into() }
    }
}

/// The shell sessions of a sandbox. Made by [`Client::sessions`].
///
/// ```
/// use sandwire::Code;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// let build = client.sessions().create().id("build").cwd("/usr").env("GREETING", "hello").open().await?;
/// build.exec("cd lib; say() { echo \"$GREETING, $1\"; }").run().await?;
/// assert_eq!(build.exec("pwd; say you").run().await?.text(), "/usr/lib\nhello, you\n");
///
/// // `exit` ends the command, not the session.
/// assert_eq!(build.exec("exit 3").run().await?.exit.code, Some(3));
/// assert_eq!(build.exec("pwd").run().await?.text(), "/usr/lib\n");
///
/// // A background process begins where the session is, and goes on without it.
/// let process = client.processes().start("pwd; exec sleep 1000").session("build").spawn().await?;
/// process.wait_for_log("^/usr/lib$", None).await?;
///
/// // When the shell itself is killed, that is said once.
/// assert!(build.exec("kill -9 $$").run().await?.exit.shell_ended);
/// assert_eq!(build.exec("pwd").run().await.unwrap_err().code(), Some(Code::SessionTerminated));
/// assert_eq!(build.exec("pwd").run().await?.text(), "/usr\n");
/// build.delete(None).await?;
/// assert!(client.sessions().list().await?.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Sessions {
    client: Client,
}

impl Sessions {
    /// A new session.
    pub fn create(&self) -> CreateSession {
        CreateSession { client: self.client.clone(), params: Create::default() }
    }

    /// All that there are, oldest first.
    ///
    /// # Errors
    /// Those of the connection and of the server.
    pub async fn list(&self) -> Result<Vec<Info>, Error> {
        Ok(self.client.call::<SessionList>(&List {}).await?.sessions)
    }
}

/// A session that was not made yet. Made by [`Sessions::create`].
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is opened"]
pub struct CreateSession {
    client: Client,
    params: Create,
}

impl CreateSession {
    /// Its id: 1 to 128 characters of `A-Z a-z 0-9 . _ -`. Default: one is generated.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.params.id = Some(id.into());
        self
    }

    /// Its shell. Default: `/bin/bash` when it exists, else `/bin/sh`.
    pub fn shell(mut self, shell: impl Into<ByteString>) -> Self {
        self.params.shell = Some(shell.into());
        self
    }

    context_methods!(params, "Its first working directory");

    /// Runs as this user: a name or a number, with `:group` when it is not the user's own. The server must be root.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.params.user = Some(user.into());
        self
    }

    /// Timeout of its commands that name none. Default: none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.params.timeout_ms = Some(millis(timeout));
        self
    }

    /// When a session of that id is there already, takes it as it is instead of failing.
    pub const fn reuse(mut self) -> Self {
        self.params.reuse = true;
        self
    }

    /// When its shell has ended, gives the next command a fresh one instead of failing once with `SESSION_TERMINATED`.
    pub const fn renew(mut self) -> Self {
        self.params.renew = true;
        self
    }

    /// Makes it.
    ///
    /// # Errors
    /// `SESSION_ALREADY_EXISTS`, `LIMIT_EXCEEDED`, and why a shell cannot be started.
    pub async fn open(self) -> Result<Session, Error> {
        Ok(self.open_info().await?.0)
    }

    /// Makes it, and tells what the server knows of it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_info(self) -> Result<(Session, Created), Error> {
        let created = self.client.call::<SessionCreate>(&self.params).await?;
        Ok((Session { client: self.client, id: created.session.id.clone() }, created))
    }
}

/// A session, by its name. Made by [`CreateSession::open`] and [`Client::session`].
#[derive(Clone, Debug)]
pub struct Session {
    client: Client,
    id: String,
}

impl Session {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A command line for its shell. Commands run one at a time, in the order in which they are begun.
    pub fn exec(&self, line: impl Into<ByteString>) -> Command {
        self.command(Launch { command: Some(line.into()), ..Launch::default() })
    }

    /// A program and its arguments, as words that the shell takes as they are.
    pub fn exec_argv(&self, argv: impl IntoIterator<Item = impl Into<ByteString>>) -> Command {
        self.command(Launch { argv: argv.into_iter().map(Into::into).collect(), ..Launch::default() })
    }

    fn command(&self, run: Launch) -> Command {
        let params = exec::Params { run, session: Some(self.id.clone()), ..exec::Params::default() };
        Command::new(self.client.clone(), params)
    }

    /// What is known of it.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`.
    pub async fn info(&self) -> Result<Info, Error> {
        self.client.call::<SessionGet>(&Get { id: self.id.clone() }).await
    }

    /// Ends it, what runs in it, and what its commands left in the background; KILL after `grace` (default: 2 s).
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`.
    pub async fn delete(&self, grace: Option<Duration>) -> Result<(), Error> {
        let params = Delete { id: self.id.clone(), grace_ms: grace.map(millis) };
        self.client.call::<SessionDelete>(&params).await.map(drop)
    }
}
