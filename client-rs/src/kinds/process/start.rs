//! [`Start`]: a background process that was not started yet.

use std::time::Duration;

use sandwire_protocol::ByteString;
use sandwire_protocol::kind::ProcessStart;
use sandwire_protocol::kind::command::{Launch, Limits};
use sandwire_protocol::kind::process::{Info, Restart, Start as Params};

use super::{Process, Processes};
use crate::client::Client;
use crate::error::Error;
use crate::kinds::exec::millis;
use crate::kinds::launch::launch_methods;

impl Processes {
    /// A command line for the shell, to run in the background.
    pub fn start(&self, line: impl Into<ByteString>) -> Start {
        self.starting(Launch { command: Some(line.into()), ..Launch::default() })
    }

    /// A program and its arguments, without a shell, to run in the background.
    pub fn start_argv(&self, argv: impl IntoIterator<Item = impl Into<ByteString>>) -> Start {
        self.starting(Launch { argv: argv.into_iter().map(Into::into).collect(), ..Launch::default() })
    }

    fn starting(&self, run: Launch) -> Start {
        Start { client: self.client.clone(), params: Params { run, ..Params::default() } }
    }
}

/// A background process that was not started yet. Made by [`Processes::start`] and [`Processes::start_argv`].
///
/// ```
/// use sandwire::kinds::process::{Restart, RestartPolicy};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// let restart = Restart { policy: RestartPolicy::OnFailure, max: Some(2), backoff_ms: Some(10) };
/// let process = client.processes().start("echo try; exit 3").restart(restart).spawn().await?;
/// let info = process.wait(None).await?;
/// assert_eq!((info.restarts, info.exit.and_then(|exit| exit.code)), (2, Some(3)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is spawned"]
pub struct Start {
    client: Client,
    params: Params,
}

impl Start {
    launch_methods!(params.run);

    /// Its id: 1 to 128 characters of `A-Z a-z 0-9 . _ -`. Default: one is generated.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.params.id = Some(id.into());
        self
    }

    /// Standard input is a stream that an [`Attachment`](super::Attachment) writes. Default: it is empty.
    pub const fn piped_stdin(mut self) -> Self {
        self.params.stdin = true;
        self
    }

    /// Time after which each run is ended. Default: none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.params.timeout_ms = Some(millis(timeout));
        self
    }

    /// Time between TERM and KILL whenever the server ends it. Default: 5 s.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.params.grace_ms = Some(millis(grace));
        self
    }

    /// Whether it is started again after its end. Default: never.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.params.restart = Some(restart);
        self
    }

    /// Forget it and its log as soon as it has ended and nobody reads.
    pub const fn auto_remove(mut self) -> Self {
        self.params.auto_remove = true;
        self
    }

    /// It is work that keeps the sandbox awake until it has ended: [`Sandbox::activity`](crate::kinds::sandbox::Sandbox::activity)
    /// says so.
    pub const fn keep_alive(mut self) -> Self {
        self.params.keep_alive = true;
        self
    }

    /// Largest log, in bytes. Default and upper bound: the server's setting.
    pub const fn log_bytes(mut self, bytes: u64) -> Self {
        self.params.log_bytes = Some(bytes);
        self
    }

    /// Starts it with the directory, the exported variables and the user of this session, in its turn among the session's
    /// commands. It is no part of the session.
    pub fn session(mut self, id: impl Into<String>) -> Self {
        self.params.session = Some(id.into());
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// `PROCESS_EXISTS`, and why a command cannot be started.
    pub async fn spawn(self) -> Result<Process, Error> {
        Ok(self.spawn_info().await?.0)
    }

    /// Starts it, and tells what the server knows of it.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub async fn spawn_info(self) -> Result<(Process, Info), Error> {
        let info = self.client.call::<ProcessStart>(&self.params).await?;
        Ok((Process { client: self.client, id: info.id.clone() }, info))
    }
}
