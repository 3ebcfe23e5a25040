//! What can go wrong in the client.

use std::io;

use sandwire_protocol::Code;

/// A failed operation or connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused or failed the operation; see its code.
    #[error(transparent)]
    Remote(#[from] sandwire_protocol::Error),
    /// The URL cannot be used.
    #[error("{url} is not a usable URL: {reason}")]
    Url {
        /// The URL as it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server answered the upgrade with an HTTP status, for example 401 for a wrong token.
    #[error("the server refused the connection with status {status}: {}", message(body))]
    Refused {
        /// HTTP status.
        status: u16,
        /// Begin of the answer: of a sandwire server `{"code":…,"message":…}`.
        body: String,
    },
    /// No connection could be made, or it was lost before the server greeted.
    #[error("no connection to {url}: {reason}")]
    Connect {
        /// The URL.
        url: String,
        /// What failed.
        reason: String,
    },
    /// The client was closed, or gave up reconnecting.
    #[error("the client is closed: {0}")]
    Closed(String),
    /// Reading or writing on this side failed.
    #[error("{0}")]
    Io(#[source] io::Error),
}

impl Error {
    /// The server's code, when the server said one.
    pub const fn code(&self) -> Option<Code> {
        match self {
            Error::Remote(error) => Some(error.code),
            Error::Url { .. } | Error::Refused { .. } | Error::Connect { .. } | Error::Closed(_) | Error::Io(_) => None,
        }
    }

    /// Whether dialling again cannot help: the URL or the credentials are wrong.
    pub(crate) const fn is_final(&self) -> bool {
        match self {
            Error::Url { .. } | Error::Closed(_) => true,
            Error::Refused { status, .. } => *status < 500 && *status != 408 && *status != 429,
            Error::Remote(_) | Error::Connect { .. } | Error::Io(_) => false,
        }
    }
}

/// The message of our server's answer, or what another one says.
fn message(body: &str) -> String {
    let answer = serde_json::from_str::<serde_json::Value>(body).ok();
    let message = answer.as_ref().and_then(|answer| answer.get("message")?.as_str());
    message.unwrap_or(body).to_owned()
}

/// An error of the server, as one of reading or writing. [`Error::from`] gives it back as it was.
pub(crate) fn to_io(error: sandwire_protocol::Error) -> io::Error {
    let kind = if error.code == Code::FileNotFound {
        io::ErrorKind::NotFound
    } else if error.code == Code::PermissionDenied {
        io::ErrorKind::PermissionDenied
    } else if error.code == Code::FileExists {
        io::ErrorKind::AlreadyExists
    } else if error.code == Code::Timeout {
        io::ErrorKind::TimedOut
    } else if error.code == Code::OperationInterrupted {
        io::ErrorKind::ConnectionAborted
    } else {
        io::ErrorKind::Other
    };
    io::Error::new(kind, error)
}

/// What the server said is found again, however deep a library has wrapped it.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        let mut cause = error.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static));
        while let Some(inner) = cause {
            if let Some(remote) = inner.downcast_ref::<sandwire_protocol::Error>() {
                return Error::Remote(remote.clone());
            }
            // An `io::Error` hides what it wraps from `source`.
            cause = match inner.downcast_ref::<io::Error>() {
                Some(wrapped) => wrapped.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
                None => inner.source(),
            };
        }
        Error::Io(error)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Remote(remote) => to_io(remote),
            Error::Io(error) => error,
            other @ (Error::Url { .. } | Error::Refused { .. } | Error::Connect { .. } | Error::Closed(_)) => {
                io::Error::new(io::ErrorKind::NotConnected, other)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn a_refusal_says_its_message() {
        let said = |body: &str| Error::Refused { status: 404, body: body.to_owned() }.to_string();
        assert!(said(r#"{"code":"NOT_FOUND","message":"it is elsewhere"}"#).ends_with("404: it is elsewhere"));
        assert!(said("<html>gone").ends_with("404: <html>gone"));
    }
}
