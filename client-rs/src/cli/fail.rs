//! [`Failure`]: why a subcommand did not do its work.

use sandwire::protocol::Code;
use sandwire::protocol::error::Detail;
use sandwire::{Error, protocol};

/// Exit code when there is no connection, as of ssh; and when nothing is known of a command whose exit code is passed on.
const FAILED: i32 = 255;

/// Exit code when something else could not be done: there is no such file, for example.
const NOT_DONE: i32 = 1;

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
    /// Tells it on standard error; the exit code. `passes_on`: whether the exit code should have been that of a command,
    /// so that none of ours may be taken for one.
    pub(crate) fn report(&self, json: bool, passes_on: bool) -> i32 {
        let message = match self {
            Failure::Usage(message) => message.clone(),
            Failure::Error(error) => describe(error),
            Failure::BrokenPipe => return BROKEN_PIPE,
        };
        if json {
            eprintln!("{}", self.json(&message));
        } else {
            eprintln!("sandwire: {message}");
        }
        match self {
            Failure::Usage(_) => USAGE,
            Failure::Error(error) if passes_on || is_of_the_connection(error) => FAILED,
            Failure::Error(_) => NOT_DONE,
            Failure::BrokenPipe => BROKEN_PIPE,
        }
    }

    /// `{"error":{"message":…}}`, with the code and the details when it is one of the server's.
    fn json(&self, message: &str) -> serde_json::Value {
        match self {
            Failure::Error(Error::Remote(remote)) => serde_json::json!({ "error": remote }),
            Failure::Usage(_) | Failure::Error(_) | Failure::BrokenPipe => {
                serde_json::json!({ "error": { "message": message } })
            }
        }
    }

    /// The same, with something that may help behind its message.
    pub(crate) fn hint(self, hint: &str) -> Self {
        match self {
            Failure::Error(Error::Remote(mut remote)) => {
                remote.message = format!("{}; {hint}", remote.message);
                Failure::Error(Error::Remote(remote))
            }
            other @ (Failure::Usage(_) | Failure::Error(_) | Failure::BrokenPipe) => other,
        }
    }

    /// Whether the server answered with this code.
    pub(crate) fn is(&self, code: Code) -> bool {
        matches!(self, Failure::Error(error) if error.code() == Some(code))
    }
}

/// Whether there is no connection, or it is lost for good.
fn is_of_the_connection(error: &Error) -> bool {
    match error.code() {
        Some(code) => code == Code::OperationInterrupted,
        None => !matches!(error, Error::Io(_)),
    }
}

/// `message (CODE)`, with what to do where we know it.
pub(crate) fn describe(error: &Error) -> String {
    match error {
        Error::Remote(remote) if remote.code == Code::OperationInterrupted => interrupted(remote),
        Error::Remote(remote) => format!("{} ({})", remote.message, remote.code),
        Error::Refused { status: 401, .. } => {
            "the server wants a token, or another one: set SANDWIRE_TOKEN or --token-file (status 401)".to_owned()
        }
        Error::Connect { reason, .. } if reason.contains("Connection refused") => {
            format!("{error}; is sandwire-server running there? --url or SANDWIRE_URL say where it is")
        }
        Error::Connect { reason, .. } if reason.contains("certificate of your own") => format!("{error}: --ca FILE"),
        Error::Url { .. } | Error::Refused { .. } | Error::Connect { .. } | Error::Closed(_) | Error::Io(_) | _ => {
            error.to_string()
        }
    }
}

/// A lane that is lost, for who has never heard of lanes.
fn interrupted(error: &protocol::Error) -> String {
    let detail = |name| match error.details.get(name) {
        Some(Detail::Text(text)) => text.as_str(),
        Some(_) | None => "",
    };
    let known = match detail("admitted") {
        "false" => "nothing was begun, so it can be repeated safely",
        "true" => "it had begun, and whether it has come to its end is not known",
        _ => "whether it was begun is not known",
    };
    format!("the session with the server is lost ({}); {known} ({})", detail("reason"), error.code)
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
