//! Answers to requests.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use sandwire_protocol::Error;
use serde_json::{Value, json};

pub(super) type Answer = Response<Full<Bytes>>;

/// Text of this type.
pub(super) fn text(content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// A page under a Content-Security-Policy.
pub(super) fn page(body: &'static str, policy: &'static str) -> Answer {
    let mut answer = text("text/html; charset=utf-8", body);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

/// A JSON value.
pub(super) fn json(status: StatusCode, value: &Value) -> Answer {
    let mut answer = text("application/json", value.to_string());
    *answer.status_mut() = status;
    answer
}

/// An error by its code.
pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Answer {
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
pub(super) fn other_method(allowed: &'static str) -> Answer {
    let message = format!("this path has only {allowed}");
    let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", &message);
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    answer
}

/// An error of the protocol.
pub(super) fn refusal(status: StatusCode, refused: &Error) -> Answer {
    error(status, refused.code.name(), &refused.message)
}
