//! [`Failure`]: why a subcommand did not do its work.

use sandwire::Error;
use sandwire::protocol::Code;

/// Exit code when sandwire itself failed.
const FAILED: i32 = 255;

/// Exit code for a wrong command line.
const USAGE: i32 = 2;

/// What a shell reports of a program that wrote to a closed pipe: 128 + SIGPIPE.
const BROKEN_PIPE: i32 = 141;

/// Why a subcommand did not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments make no sense together.
    Usage(String),
    /// The connection, the server, or this machine.
    Error(Error),
    /// Whoever reads our output has had enough. Nothing is said.
    BrokenPipe,
}

impl Failure {
    /// Tells it on standard error; the exit code.
    pub(crate) fn report(&self) -> i32 {
        match self {
            Failure::Usage(message) => {
                eprintln!("sandwire: {message}");
                USAGE
            }
            Failure::Error(error) => {
                eprintln!("sandwire: {}", describe(error));
                FAILED
            }
            Failure::BrokenPipe => BROKEN_PIPE,
        }
    }

    /// Whether the server answered with this code.
    pub(crate) fn is(&self, code: Code) -> bool {
        matches!(self, Failure::Error(error) if error.code() == Some(code))
    }
}

/// `message (CODE)`.
pub(crate) fn describe(error: &Error) -> String {
    if let Error::Remote(remote) = error {
        return format!("{} ({})", remote.message, remote.code);
    }
    if matches!(error, Error::Refused { status: 401, .. }) {
        return "the server wants a token, or another one: set SANDWIRE_TOKEN or --token-file (status 401)".to_owned();
    }
    error.to_string()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Error(error)
    }
}

impl From<sandwire::protocol::Error> for Failure {
    fn from(error: sandwire::protocol::Error) -> Self {
        Failure::Error(error.into())
    }
}

/// For local reads and writes of standard streams: a broken pipe is that of our output.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe && error.get_ref().is_none() {
            return Failure::BrokenPipe;
        }
        Failure::Error(error.into())
    }
}
