//! The upgrade of a request to a WebSocket (RFC 6455, section 4.2).

use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming as Body;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::upgrade::Upgraded;
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::TokioIo;
use sandwire_link::Socket;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::Instrument;

use super::answer::{self, Answer};
use super::listener::Peer;
use super::stream::Stream;
use crate::auth::{Access, Open};
use crate::server::Server;

/// The subprotocol that is chosen when it is offered.
const PROTOCOL: &str = "sandwire.v1";

/// Bytes that a Sec-WebSocket-Key stands for.
const KEY: usize = 16;

/// Answers the request, and serves the connection in a task of its own; `session` is the cookie's.
pub(super) fn answer(
    server: &Arc<Server>,
    mut request: Request<Body>,
    access: Access,
    session: Option<Open>,
    peer: Peer,
) -> Answer {
    let accept = match accept(&request) {
        Ok(accept) => accept,
        Err(refused) => return *refused,
    };
    let offered = has_word(&request, header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL);

    let upgrade = hyper::upgrade::on(&mut request);
    let since = Instant::now();
    let server = Arc::clone(server);
    let span = tracing::info_span!("connection", remote = %peer.remote, access = %access.name);
    let connection = async move {
        match upgrade.await {
            Ok(upgraded) => {
                let _counted = server.connections.one_more();
                let socket = socket(upgraded).sharing(Arc::clone(&server.long_messages));
                crate::conn::serve(server, socket, access, session, since).await;
            }
            Err(error) => tracing::debug!(%error, "the upgrade failed"),
        }
        drop(peer.place);
    };
    tokio::spawn(connection.instrument(span));

    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if offered {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    answer
}

/// The proof that the upgrade was understood, or why it is refused.
fn accept(request: &Request<Body>) -> Result<HeaderValue, Box<Answer>> {
    let upgrade_required = |message| {
        let mut refused = answer::error(StatusCode::UPGRADE_REQUIRED, "UPGRADE_REQUIRED", message);
        refused.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        Box::new(refused)
    };
    let bad = |message| Box::new(answer::error(StatusCode::BAD_REQUEST, "BAD_UPGRADE", message));
    if !has_word(request, header::UPGRADE, "websocket") || !has_word(request, header::CONNECTION, "upgrade") {
        return Err(upgrade_required("this path is a WebSocket: connect with a client that upgrades"));
    }
    if request.version() != Version::HTTP_11 {
        return Err(bad("a WebSocket needs HTTP/1.1"));
    }
    let headers = request.headers();
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(upgrade_required("this server speaks version 13 of WebSocket: Sec-WebSocket-Version"));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if STANDARD.decode(key).ok().is_none_or(|bytes| bytes.len() != KEY) {
        return Err(bad("Sec-WebSocket-Key must be 16 bytes in base64"));
    }
    HeaderValue::from_str(&derive_accept_key(key)).map_err(|_| bad("the Sec-WebSocket-Key cannot be used"))
}

/// The connection below the upgrade.
fn socket(upgraded: Upgraded) -> Socket {
    let (stream, read) = match upgraded.downcast::<TokioIo<Stream>>() {
        Ok(parts) => (parts.io.into_inner(), parts.read_buf.to_vec()),
        Err(upgraded) => return Socket::stream(TokioIo::new(upgraded), Vec::new()),
    };
    match stream {
        Stream::Tcp(stream) => Socket::tcp(stream, read),
        Stream::Tls(stream) => Socket::stream(stream, read),
        Stream::Unix(stream) => Socket::stream(stream, read),
    }
}

fn has_word(request: &Request<Body>, name: HeaderName, word: &str) -> bool {
    let values = request.headers().get_all(name);
    let mut lists = values.iter().filter_map(|value| value.to_str().ok());
    lists.any(|list| list.split(',').any(|one| one.trim().eq_ignore_ascii_case(word)))
}
