//! Streamable HTTP. A page in a browser must not reach it: whoever asks with an `Origin` is refused, and so is a `Host` that is
//! not this machine, unless there is a token, which no page knows.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::MAX_MESSAGE;
use super::tools::Tools;
use crate::cli::fail::Failure;
use crate::cli::stdio;

/// Connections at once. One more waits until another ends.
const MAX_CONNECTIONS: usize = 64;

/// Sessions of clients at once. One more is refused until one has ended, or was silent for five minutes.
const MAX_SESSIONS: usize = 64;

/// Where it is.
const PATH: &str = "/mcp";

/// Time for the head of a request.
const HEAD: Duration = Duration::from_secs(30);

/// Time until the next connection is looked for when one could not be taken.
const PAUSE: Duration = Duration::from_millis(50);

type Service = StreamableHttpService<Tools, LocalSessionManager>;

/// Serves until a signal ends us.
pub(super) async fn serve(
    address: SocketAddr,
    token: Option<String>,
    tools: Tools,
    quiet: bool,
) -> Result<(), Failure> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::Error(std::io::Error::new(error.kind(), format!("--listen {address}: {error}")).into())
    })?;
    let address = listener.local_addr()?;
    let config =
        StreamableHttpServerConfig::default().with_max_request_body_bytes(MAX_MESSAGE).enforce_origin_validation();
    let config = if token.is_some() { config.disable_allowed_hosts() } else { config };
    let sessions = Arc::new(LocalSessionManager::default());
    let ending = config.cancellation_token.clone();
    let service = StreamableHttpService::new(move || Ok(tools.clone()), Arc::clone(&sessions), config);
    let door = Arc::new(Door { service, sessions, token });
    if !quiet {
        eprintln!("sandwire: MCP at http://{address}{PATH}");
    }
    stdio::line(format_args!("http://{address}{PATH}"))?;
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut interrupt = crate::cli::interrupts()?;
    loop {
        let place = Arc::clone(&places).acquire_owned().await.map_err(std::io::Error::other)?;
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Whoever connected has gone already, or there are no descriptors until others have gone.
                Err(_) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
            _ = interrupt.recv() => break,
        };
        let door = Arc::clone(&door);
        tokio::spawn(async move {
            let answer = service_fn(move |request| {
                let door = Arc::clone(&door);
                async move { Ok::<_, Infallible>(door.answer(request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .serve_connection(TokioIo::new(stream), answer);
            // How a client ends a connection is its own affair.
            connection.await.unwrap_or_default();
            drop(place);
        });
    }
    ending.cancel();
    Ok(())
}

/// Who is let in, and to what.
struct Door {
    service: Service,
    sessions: Arc<LocalSessionManager>,
    token: Option<String>,
}

impl Door {
    async fn answer(&self, request: Request<Incoming>) -> Response<BoxBody<Bytes, Infallible>> {
        if request.uri().path() != PATH {
            return said(StatusCode::NOT_FOUND, "the MCP server is at /mcp");
        }
        if !self.lets_in(request.headers().get(AUTHORIZATION)) {
            let mut refused = said(StatusCode::UNAUTHORIZED, "say Authorization: Bearer with the token");
            refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return refused;
        }
        let begins = !request.headers().contains_key("mcp-session-id");
        if begins && self.sessions.sessions.read().await.len() >= MAX_SESSIONS {
            return said(StatusCode::SERVICE_UNAVAILABLE, "64 sessions are open, the most that there may be");
        }
        self.service.handle(request).await
    }

    fn lets_in(&self, authorization: Option<&HeaderValue>) -> bool {
        let Some(token) = &self.token else { return true };
        let Some(said) = authorization.and_then(|value| value.as_bytes().split_at_checked(7)) else { return false };
        said.0.eq_ignore_ascii_case(b"bearer ") && same(said.1, token.as_bytes())
    }
}

/// Compares in a time that does not tell where they differ.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |all, (left, right)| all | (left ^ right)) == 0
}

fn said(status: StatusCode, text: &'static str) -> Response<BoxBody<Bytes, Infallible>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())).boxed());
    *response.status_mut() = status;
    response
}
