//! Commands to their end: [`Command`], and [`Running`] while it runs.

mod running;

use std::time::Duration;

use bytes::Bytes;
use sandwire_link::{Call, Reply};
use sandwire_protocol::ByteString;
use sandwire_protocol::kind::Exec;
pub use sandwire_protocol::kind::command::{Exit, Launch, Limits, Output as OutputStream, Target, Usage};
use sandwire_protocol::kind::exec::Params;

pub use running::{Chunk, Control, Running};

use super::launch::launch_methods;
use crate::client::Client;
use crate::error::Error;

/// Bytes of output that [`Command::run`] keeps, unless told otherwise.
pub const DEFAULT_OUTPUT_LIMIT: usize = 64 << 20;

impl Client {
    /// A command line for the shell.
    pub fn exec(&self, line: impl Into<ByteString>) -> Command {
        self.command(Launch { command: Some(line.into()), ..Launch::default() })
    }

    /// A program and its arguments, without a shell.
    pub fn exec_argv(&self, argv: impl IntoIterator<Item = impl Into<ByteString>>) -> Command {
        self.command(Launch { argv: argv.into_iter().map(Into::into).collect(), ..Launch::default() })
    }

    fn command(&self, run: Launch) -> Command {
        Command::new(self.clone(), Params { run, ..Params::default() })
    }
}

/// A command that was not started yet. Made by [`Client::exec`] and [`Client::exec_argv`].
///
/// ```
/// use std::time::Duration;
/// use sandwire::Code;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// let output = client.exec("tr a-z A-Z").stdin("hello").run().await?;
/// assert!(output.success());
/// assert_eq!(output.stdout, b"HELLO");
///
/// let output = client.exec_argv(["sh", "-c", "pwd; echo $LANG; kill -9 $$"]).cwd("/").env("LANG", "C").run().await?;
/// assert_eq!(output.text(), "/\nC\n");
/// assert_eq!((output.exit.code, output.exit.signal.as_deref()), (None, Some("SIGKILL")));
///
/// // A bound on its time, which the server keeps even when this client is gone.
/// let output = client.exec("sleep 60").timeout(Duration::from_millis(50)).run().await?;
/// assert!(output.exit.timed_out);
///
/// // To give up on this side: drop the future. The command ends, with everything that it started.
/// let given_up = tokio::time::timeout(Duration::from_millis(50), client.exec("sleep 60").run()).await;
/// assert!(given_up.is_err());
///
/// // A program that cannot be started is an error, not an exit code.
/// let error = client.exec_argv(["no-such-program"]).run().await.unwrap_err();
/// assert_eq!(error.code(), Some(Code::CommandNotFound));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is run"]
pub struct Command {
    client: Client,
    params: Params,
    input: Bytes,
    output_limit: usize,
}

impl Command {
    pub(crate) fn new(client: Client, params: Params) -> Self {
        Self { client, params, input: Bytes::new(), output_limit: DEFAULT_OUTPUT_LIMIT }
    }

    launch_methods!(params.run);

    /// One more argument of a program without a shell.
    pub fn arg(mut self, arg: impl Into<ByteString>) -> Self {
        self.params.run.argv.push(arg.into());
        self
    }

    /// What it reads from standard input, to its end. Default: nothing.
    pub fn stdin(mut self, input: impl Into<Bytes>) -> Self {
        self.input = input.into();
        self.params.stdin = true;
        self
    }

    /// Standard input is written by [`Running::stdin`].
    pub const fn piped_stdin(mut self) -> Self {
        self.params.stdin = true;
        self
    }

    /// Standard error goes where standard output goes, in the exact order of the writes.
    pub const fn merge_stderr(mut self) -> Self {
        self.params.merge_stderr = true;
        self
    }

    /// Runs it in the shell of this session, with what commands before it have left there; see
    /// [`Session`](super::session::Session). `env` and `cwd` then hold for this command only.
    pub fn session(mut self, id: impl Into<String>) -> Self {
        self.params.session = Some(id.into());
        self
    }

    /// When the session's shell has ended, runs it in a fresh one instead of failing with `SESSION_TERMINATED`.
    pub const fn renew(mut self) -> Self {
        self.params.renew = true;
        self
    }

    /// Time after which it is ended, and the exit says `timed_out`. Default: none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.params.timeout_ms = Some(millis(timeout));
        self
    }

    /// Time between TERM and KILL when the server ends it. Default: 2 s.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.params.grace_ms = Some(millis(grace));
        self
    }

    /// Bytes of standard output and standard error together that [`run`](Self::run) keeps; what comes after them is
    /// thrown away and [`Output::truncated`] says so. Default: [`DEFAULT_OUTPUT_LIMIT`].
    pub const fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Runs it to its end and collects what it says. Dropping the future ends the command.
    ///
    /// # Errors
    /// When it cannot be started, or the lane is lost before its end is known. A command that fails is no error.
    pub async fn run(self) -> Result<Output, Error> {
        let call = self.client.open::<Exec>(&self.params)?;
        let mut output = Output::default();
        output.exit = {
            let feed = feed(&call, self.params.stdin, self.input);
            let collect = collect(&call, &mut output, self.output_limit);
            tokio::pin!(feed, collect);
            tokio::select! {
                exit = &mut collect => exit?,
                // A command may end without reading its input.
                _ = &mut feed => collect.await?,
            }
        };
        Ok(output)
    }

    /// Starts it. Its output is read, and its input written, while it runs.
    ///
    /// # Errors
    /// When nothing can be opened; whether the command could be started shows in [`Running::wait`].
    pub fn spawn(self) -> Result<Running, Error> {
        let call = self.client.open::<Exec>(&self.params)?;
        Ok(Running::new(call, self.params.stdin, self.input))
    }
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

async fn feed(call: &Call<Exec>, open: bool, input: Bytes) -> Result<(), Error> {
    if open {
        call.write(0, input).await?;
        call.end(0)?;
    }
    Ok(())
}

async fn collect(call: &Call<Exec>, output: &mut Output, limit: usize) -> Result<Exit, Error> {
    loop {
        let (to_stdout, data) = match call.recv().await {
            Reply::Data(1, data) => (true, data),
            Reply::Data(_, data) => (false, data),
            Reply::End(_) | Reply::Event(_) => continue,
            Reply::Closed(exit) => return Ok(exit?),
        };
        let room = limit.saturating_sub(output.stdout.len() + output.stderr.len());
        output.truncated |= data.len() > room;
        let kept = data.get(..data.len().min(room)).unwrap_or_default();
        if to_stdout { &mut output.stdout } else { &mut output.stderr }.extend_from_slice(kept);
    }
}

/// What a command said, and how it ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
    /// Whether there was more output than [`Command::output_limit`].
    pub truncated: bool,
}

impl Output {
    /// Whether it ended by itself with code 0.
    pub fn success(&self) -> bool {
        self.exit.success()
    }

    /// Standard output as text; invalid UTF-8 is replaced.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }
}
