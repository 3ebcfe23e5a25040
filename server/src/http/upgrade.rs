//! The upgrade of a request to a WebSocket (RFC 6455, section 4.2).

use std::sync::Arc;

use hyper::body::Incoming as Body;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::upgrade::Upgraded;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use sandwire_link::Socket;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::answer::{self, Answer};
use crate::auth::Access;
use crate::server::Server;

/// The subprotocol that is chosen when it is offered.
const PROTOCOL: &str = "sandwire.v1";

/// Answers the request, and serves the connection in a task of its own.
pub(super) fn answer(
    server: &Arc<Server>,
    mut request: Request<Body>,
    access: Access,
    permit: Arc<OwnedSemaphorePermit>,
) -> Answer {
    let headers = request.headers();
    if !has_word(&request, header::UPGRADE, "websocket") || !has_word(&request, header::CONNECTION, "upgrade") {
        let message = "this path is a WebSocket: connect with a client that upgrades";
        return answer::error(StatusCode::UPGRADE_REQUIRED, "UPGRADE_REQUIRED", message);
    }
    let version = headers.get(header::SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes);
    let (Some(b"13"), Some(key)) = (version, headers.get(header::SEC_WEBSOCKET_KEY)) else {
        let message = "the upgrade needs Sec-WebSocket-Version: 13 and a Sec-WebSocket-Key";
        return answer::error(StatusCode::BAD_REQUEST, "BAD_UPGRADE", message);
    };
    let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) else {
        return answer::error(StatusCode::BAD_REQUEST, "BAD_UPGRADE", "the Sec-WebSocket-Key cannot be used");
    };
    let offered = has_word(&request, header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL);

    let upgrade = hyper::upgrade::on(&mut request);
    let server = Arc::clone(server);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => {
                let _counted = server.connections.one_more();
                crate::conn::serve(server, socket(upgraded), access).await;
            }
            Err(error) => tracing::debug!(%error, "the upgrade failed"),
        }
        drop(permit);
    });

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

/// The connection below the upgrade: plain TCP as it is, TLS behind hyper's own stream.
fn socket(upgraded: Upgraded) -> Socket {
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => Socket::tcp(parts.io.into_inner(), parts.read_buf.to_vec()),
        Err(upgraded) => Socket::stream(TokioIo::new(upgraded), Vec::new()),
    }
}

fn has_word(request: &Request<Body>, name: HeaderName, word: &str) -> bool {
    let values = request.headers().get_all(name);
    let mut lists = values.iter().filter_map(|value| value.to_str().ok());
    lists.any(|list| list.split(',').any(|one| one.trim().eq_ignore_ascii_case(word)))
}
