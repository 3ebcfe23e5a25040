//! Why the engine does not do what was asked for.

use hyper::StatusCode;

use crate::http::answer::{self, Answer};

/// Why not. The message says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refused {
    /// What was asked makes no sense.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "VALIDATION_FAILED", message: message.into() }
    }

    /// The same, by another status.
    pub(crate) fn with(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// There is no place for one more.
    pub(crate) fn full(message: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code: "LIMIT_EXCEEDED", message: message.into() }
    }

    /// The engine ends.
    pub(crate) fn draining() -> Self {
        let message = "the engine is shutting down".to_owned();
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code: "DRAINING", message }
    }

    /// It did not start.
    pub(crate) fn not_started(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_GATEWAY, code: "SANDBOX_START_FAILED", message: message.into() }
    }

    /// It does not run, and must not be started for this.
    pub(crate) fn not_running(id: impl std::fmt::Display) -> Self {
        let message = format!("the sandbox {id} does not run: start it, or connect to it, first");
        Self { status: StatusCode::CONFLICT, code: "SANDBOX_NOT_RUNNING", message }
    }

    /// Nothing answers there.
    pub(crate) fn silent(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_GATEWAY, code: "CONNECT_FAILED", message: message.into() }
    }

    /// Nobody may go there.
    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, code: "PERMISSION_DENIED", message: message.into() }
    }

    /// The machine does not do it.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, code: "INTERNAL_ERROR", message: message.into() }
    }

    /// As an answer.
    pub(crate) fn answer(&self) -> Answer {
        answer::error(self.status, self.code, &self.message)
    }
}
