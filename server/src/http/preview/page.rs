//! Answers that the server gives where a program cannot: for people a page, for programs JSON.

use hyper::header::{self, HeaderValue};
use hyper::{Request, StatusCode};
use sandwire_protocol::Code;

use super::super::{answer, proxy::plain};
use super::Answer;

/// What the page may do: nothing but look.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Whether the answer should be a page.
pub(super) fn wanted<B>(request: &Request<B>) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|list| list.split(',')).any(|kind| kind.trim_start().starts_with("text/html"))
}

/// The name is none of an exposed port: which part of it is wrong is not told.
pub(super) fn gone(html: bool) -> Answer {
    let message = "no port is exposed under this name: it was never, or is not any more";
    say(html, StatusCode::NOT_FOUND, "INVALID_TOKEN", "No such preview", message)
}

/// There are too many.
pub(super) fn full(html: bool) -> Answer {
    let message = "the setting `max_previews` is reached: too many connections to exposed ports at once";
    let code = Code::LimitExceeded.name();
    let mut answer = say(html, StatusCode::SERVICE_UNAVAILABLE, code, "Too many connections", message);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

/// Nobody takes the connection.
pub(super) fn silent(html: bool, port: u16, why: &str) -> Answer {
    let message =
        format!("nothing can be reached on port {port} of the sandbox: {why}. Start the program, then reload.");
    let title = format!("Nothing listens on port {port}");
    say(html, StatusCode::BAD_GATEWAY, Code::ConnectFailed.name(), &title, &message)
}

/// Somebody takes it, and does not answer in HTTP.
pub(super) fn broken(html: bool, port: u16, why: &str) -> Answer {
    let message = format!("what listens on port {port} of the sandbox did not answer by HTTP: {why}");
    let title = format!("No answer from port {port}");
    say(html, StatusCode::BAD_GATEWAY, "BAD_ANSWER", &title, &message)
}

/// Here is no proxy.
pub(super) fn method(html: bool) -> Answer {
    let message = "CONNECT is for proxies: ask for a path";
    say(html, StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "No proxy", message)
}

fn say(html: bool, status: StatusCode, code: &str, title: &str, message: &str) -> Answer {
    if !html {
        return answer::error(status, code, message).map(plain);
    }
    let (title, message) = (escaped(title), escaped(message));
    let text = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title}</title><style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui,sans-serif;\
         max-width:34rem;margin:20vh auto;padding:0 1.5rem}}h1{{font-size:1.4rem}}code{{opacity:.7}}</style>\
         <main><h1>{title}</h1><p>{message}</p><p><code>{code}</code></p></main></html>\n"
    );
    let mut answer = answer::text("text/html; charset=utf-8", text);
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    answer.map(plain)
}

/// Text that is no markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
