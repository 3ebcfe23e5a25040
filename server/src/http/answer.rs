//! Answers to requests.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use sandwire_protocol::Error;
use serde_json::{Value, json};

pub(crate) type Answer = Response<Full<Bytes>>;

/// Text of this type.
pub(crate) fn text(content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let same_origin = HeaderValue::from_static("same-origin");
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), same_origin);
    answer
}

/// A JSON value.
pub(crate) fn json(status: StatusCode, value: &Value) -> Answer {
    let mut answer = text("application/json", value.to_string());
    *answer.status_mut() = status;
    answer
}

/// An error by its code.
pub(crate) fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    let mut answer = json(status, &json!({ "code": code, "message": message }));
    let more = match status {
        StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer realm=\"sandwire\"")),
        StatusCode::UPGRADE_REQUIRED => Some((header::UPGRADE, "websocket")),
        _ => None,
    };
    if let Some((name, value)) = more {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// The path is there, but not for this method.
pub(crate) fn other_method(allowed: &'static str) -> Answer {
    let message = format!("this path has only {allowed}");
    let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", &message);
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    answer
}

/// Nothing to say.
pub(crate) fn empty() -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Look there instead.
pub(crate) fn see_other(location: &str) -> Answer {
    let mut answer = empty();
    *answer.status_mut() = StatusCode::SEE_OTHER;
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("./"));
    answer.headers_mut().insert(header::LOCATION, location);
    answer.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

/// An error of the protocol.
pub(crate) fn refusal(status: StatusCode, refused: &Error) -> Answer {
    error(status, refused.code.name(), &refused.message)
}
