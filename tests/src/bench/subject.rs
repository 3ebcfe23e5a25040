//! What a contender has to be able to do: one method a scenario, so that each does it in the way that suits it best.

use std::any::Any;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::logger::Lines;
use super::pattern::Check;
use crate::proxy::Proxy;

/// Prints `ready`, then echoes each key once, by the kernel's line discipline.
pub(super) const ECHO: &str = "stty -icanon; echo ready; exec cat >/dev/null";

/// What [`ECHO`] shows before it echoes.
pub(super) const ECHO_READY: &[u8] = b"ready\r\n";

/// Pause before each key: people do not type faster, and an idle core has to wake as it has to in life.
pub(super) const KEY_PAUSE: Duration = Duration::from_millis(5);

/// Why there is no figure.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// This contender has no such thing.
    NotOffered(&'static str),
    /// It should have worked.
    Broken(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOffered(why) => write!(f, "not offered: {why}"),
            Self::Broken(why) => write!(f, "BROKEN: {why}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// What every scenario gives.
pub(super) type Outcome<T> = Result<T, Failure>;

/// A server that can be started.
pub(super) trait Contender {
    /// Its name in the table.
    fn name(&self) -> &'static str;

    /// Its program.
    fn binary(&self) -> PathBuf;

    /// Starts a new server, without a connection yet.
    ///
    /// # Errors
    /// When it does not start.
    fn start(&self) -> Outcome<Box<dyn Subject>>;
}

/// What flows on the same connection while keys are typed; a contender without channels uses another connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Beside<'a> {
    /// Nothing.
    Nothing,
    /// The stdout of this endless command.
    Exec(&'a str),
    /// What this endless command shows on another terminal.
    Terminal(&'a str),
}

/// What typing gave.
#[derive(Debug)]
pub(super) struct Echo {
    /// Times from a key to its echo.
    pub(super) keys: Vec<Duration>,
    /// Bytes of what flowed beside it that came between the first key and the last echo.
    pub(super) beside: u64,
    /// Time from the first key to the last echo.
    pub(super) time: Duration,
}

/// What resuming gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resumed {
    /// Time from the end of the WebSocket handshake to the next byte of the stream, in round trips.
    pub(super) round_trips: f64,
    /// Bytes of the stream that never came.
    pub(super) lost: u64,
    /// Bytes of the stream that came twice.
    pub(super) twice: u64,
}

/// Connections, channels or lanes that are open as long as this is kept.
pub(super) type Held = Box<dyn Any>;

/// A running server with a client.
///
/// Each method is one scenario, with all that it needs; a command is for `/bin/sh -c`. What is measured is measured
/// inside, so that an asynchronous client enters its runtime once for a scenario and not once for a sample. What needs
/// a connection uses one, and the same one, unless it says otherwise.
///
/// All fail when something is not as it should be: a wrong exit, wrong or missing content, a broken connection.
#[allow(clippy::missing_errors_doc, reason = "said once, above")]
pub(super) trait Subject {
    /// The process id of the server.
    fn pid(&self) -> u32;

    /// Where the server listens.
    fn address(&self) -> SocketAddr;

    /// The same server, reached through another address by a new client. It must not outlive this subject.
    fn via(&self, address: SocketAddr) -> Outcome<Box<dyn Subject>>;

    /// Connects, and has one smallest request answered.
    fn first_answer(&self) -> Outcome<()>;

    /// The time of a round trip, so many times, one at a time.
    fn round_trips(&self, count: usize) -> Outcome<Vec<Duration>>;

    /// `echo hi` to its checked end, so many times, one at a time.
    fn exec(&self, count: usize) -> Outcome<Vec<Duration>>;

    /// The same, `at_once` at a time: the time of all.
    fn exec_at_once(&self, at_once: usize, total: usize) -> Outcome<Duration>;

    /// A builtin in a shell that stays, so many times.
    fn builtin(&self, count: usize) -> Outcome<Vec<Duration>>;

    /// The stdout of a command to its end.
    fn stream(&self, command: &str, check: &mut Check) -> Outcome<Duration>;

    /// What a command shows on a terminal, to its end.
    fn terminal_output(&self, command: &str, check: &mut Check) -> Outcome<Duration>;

    /// Types so many keys to [`ECHO`], each [`KEY_PAUSE`] after the echo of the one before.
    fn terminal_echo(&self, keys: usize, beside: Beside<'_>) -> Outcome<Echo>;

    /// Starts a command with much stdout and reads none of it; has `echo hi` run `neighbours` times meanwhile (their
    /// times are the result); then reads the stdout to its end.
    fn stopped_reader(&self, command: &str, neighbours: usize, check: &mut Check) -> Outcome<Vec<Duration>>;

    /// Runs all commands in the background and follows what they log until they end.
    fn logs(&self, commands: &[String]) -> Outcome<Vec<Lines>>;

    /// Writes a file (atomically) so many times.
    fn write_small(&self, path: &Path, content: &[u8], count: usize) -> Outcome<Vec<Duration>>;

    /// Reads a file so many times.
    fn read_small(&self, path: &Path, content: &[u8], count: usize) -> Outcome<Vec<Duration>>;

    /// Writes a file of so many bytes of [`super::pattern`].
    fn write_large(&self, path: &Path, size: usize) -> Outcome<Duration>;

    /// Reads a file.
    fn read_large(&self, path: &Path, check: &mut Check) -> Outcome<Duration>;

    /// Cuts a stream through the proxy, by which this subject is connected, and has it resumed.
    fn resume(&self, proxy: &Proxy) -> Outcome<Resumed>;

    /// Opens so many connections, each with what it needs to be ready for a request.
    fn connections(&self, count: usize) -> Outcome<Held>;

    /// Opens so many channels of the cheapest kind that stays open.
    fn channels(&self, count: usize) -> Outcome<Held>;

    /// Opens so many lanes on one connection, as a relay does.
    fn lanes(&self, count: usize) -> Outcome<Held>;
}
