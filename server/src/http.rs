//! The door: HTTP requests, of which one becomes a WebSocket.

pub(crate) mod answer;
mod bind;
mod cookie;
pub(crate) mod credential;
pub(crate) mod listener;
mod metrics;
mod page;
mod policy;
pub(crate) mod preview;
pub(crate) mod proxy;
mod session;
mod stream;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use ::metrics::counter;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming as Body;
use hyper::{HeaderMap, Method, Request, StatusCode, header};
use sandwire_protocol::Code;
use sandwire_protocol::kind::Scope;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::auth::{Access, Origins, Session, Sessions, TicketRequest, Tickets, Tokens};
use crate::server::{Phase, Server};

use answer::Answer;
use credential::Credential;
use listener::{Door, Peer, Visitor};

pub(crate) use bind::{Bound, bind};
pub(crate) use listener::{Listener, MAX_HEAD, listen};
pub(crate) use metrics::Exporter;

/// Longest body of a request, in bytes.
const MAX_BODY: usize = 4096;

/// What answers requests.
#[derive(Debug)]
pub(crate) struct Http {
    pub(crate) server: Arc<Server>,
    pub(crate) tokens: Tokens,
    pub(crate) tickets: Tickets,
    pub(crate) sessions: Sessions,
    pub(crate) origins: Origins,
    pub(crate) exporter: Exporter,
    /// Time for a TLS handshake, and for a request and its answer.
    pub(crate) handshake_timeout: Duration,
}

impl Door for Http {
    fn handshake_timeout(&self) -> Duration {
        self.handshake_timeout
    }

    fn answer<'a>(
        self: Arc<Self>,
        request: Request<Body>,
        peer: Peer,
        visitor: &'a Visitor,
    ) -> BoxFuture<'a, preview::Answer> {
        Box::pin(async move {
            match self.asked(&request) {
                Some(asked) => self.preview(asked, request, peer, visitor).await,
                None => self.handle(request, peer).await.map(proxy::plain),
            }
        })
    }
}

impl Http {
    /// Answers a request for the server itself.
    async fn handle(self: Arc<Self>, request: Request<Body>, peer: Peer) -> Answer {
        let headers = request.headers();
        if !self.origins.allows(text(headers, header::HOST), text(headers, header::ORIGIN)) {
            tracing::info!(remote = %peer.remote, "origin denied");
            counter!("sandwire_refused_total", "reason" => "origin").increment(1);
            return answer::error(
                StatusCode::FORBIDDEN,
                "ORIGIN_DENIED",
                "this page's origin, or this host name, may not connect: add it to the setting `origins`, or use a token",
            );
        }
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/healthz") => self.health(),
            (&Method::GET | &Method::HEAD, "/metrics") => match self.authenticate(&request, &peer) {
                Ok((access, _)) => match access.require(Scope::Info) {
                    Ok(()) => {
                        let text = self.exporter.render(&self.server, self.sessions.len());
                        answer::text("text/plain; version=0.0.4", text)
                    }
                    Err(error) => answer::refusal(StatusCode::FORBIDDEN, &error),
                },
                Err(answer) => *answer,
            },
            (&Method::GET, "/v1/connect") => match self.authenticate(&request, &peer) {
                Ok((access, session)) => {
                    upgrade::answer(&self.server, request, access, session.map(Session::open), peer)
                }
                Err(answer) => *answer,
            },
            (&Method::POST, "/v1/tickets") => self.tickets(request, &peer).await,
            (&Method::GET | &Method::POST | &Method::DELETE, "/v1/session") => self.sessions(request, &peer).await,
            (&Method::GET | &Method::HEAD, "/") => self.page(&request, &peer),
            (&Method::GET | &Method::HEAD, path) if page::has(path) => page::file(&request),
            (_, "/healthz" | "/metrics" | "/") => answer::other_method("GET, HEAD"),
            (_, path) if page::has(path) => answer::other_method("GET, HEAD"),
            (_, "/v1/connect") => answer::other_method("GET"),
            (_, "/v1/tickets") => answer::other_method("POST"),
            (_, "/v1/session") => answer::other_method("GET, POST, DELETE"),
            _ => {
                let message = "nothing is here: the WebSocket is at /v1/connect, the page at /";
                answer::error(StatusCode::NOT_FOUND, "NOT_FOUND", message)
            }
        }
    }

    fn health(&self) -> Answer {
        let (status, word) = match self.server.phase() {
            Phase::Serving => (StatusCode::OK, "ok"),
            Phase::Draining(_) | Phase::Closing => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        };
        answer::json(
            status,
            &json!({ "status": word, "version": env!("CARGO_PKG_VERSION"), "boot_id": self.server.boot_id }),
        )
    }

    /// What the request's credential allows, and the session when that is a cookie's; everything where no tokens are set.
    fn authenticate(&self, request: &Request<Body>, peer: &Peer) -> Result<(Access, Option<Session>), Box<Answer>> {
        if self.tokens.is_empty() {
            return Ok((Access::full("local"), None));
        }
        let access = match credential::of(request) {
            Some(Credential::Token(token)) => self.tokens.access(&token),
            Some(Credential::Ticket(ticket)) => self.tickets.access(&ticket),
            None => {
                let session = self.session(request).ok_or_else(|| unauthorized(peer, request.uri().path()))?;
                return Ok((session.access.clone(), Some(session)));
            }
        };
        access.map(|access| (access, None)).ok_or_else(|| unauthorized(peer, request.uri().path()))
    }

    /// Gives out a ticket, for a token only: else one could be drawn out for ever.
    async fn tickets(&self, request: Request<Body>, peer: &Peer) -> Answer {
        let denied = "only a token, no ticket and no cookie, can ask for tickets";
        let denied = || answer::error(StatusCode::FORBIDDEN, "PERMISSION_DENIED", denied);
        if matches!(credential::of(&request), Some(Credential::Ticket(_))) {
            return denied();
        }
        let access = match self.authenticate(&request, peer) {
            Ok((access, None)) => access,
            Ok((_, Some(_))) => return denied(),
            Err(answer) => return *answer,
        };
        let wanted: TicketRequest = match body(request).await {
            Ok(wanted) => wanted,
            Err(answer) => return *answer,
        };
        let minted = if wanted.session {
            let narrowed = wanted.narrow(&access);
            narrowed.and_then(|(access, ttl)| Ok((self.sessions.ticket(&access, ttl)?, ttl.as_secs())))
        } else {
            self.tickets.mint(&access, &wanted)
        };
        match minted {
            Ok((ticket, expires_in)) => {
                answer::json(StatusCode::OK, &json!({ "ticket": ticket, "expires_in": expires_in }))
            }
            Err(error) if error.code == Code::PermissionDenied => answer::refusal(StatusCode::FORBIDDEN, &error),
            Err(error) if error.code == Code::LimitExceeded => answer::refusal(StatusCode::SERVICE_UNAVAILABLE, &error),
            Err(error) => answer::refusal(StatusCode::BAD_REQUEST, &error),
        }
    }
}

/// Writes down that somebody came without a valid credential.
fn note_unauthorized(peer: &Peer, path: &str) {
    tracing::info!(remote = %peer.remote, path, "unauthorized");
    counter!("sandwire_refused_total", "reason" => "unauthorized").increment(1);
}

fn unauthorized(peer: &Peer, path: &str) -> Box<Answer> {
    note_unauthorized(peer, path);
    Box::new(answer::error(
        StatusCode::UNAUTHORIZED,
        "UNAUTHORIZED",
        "give a valid token as `Authorization: Bearer`, or a ticket that has not expired as `?ticket=`; or sign in",
    ))
}

/// A header, when it is text.
pub(crate) fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The body as JSON; none is as good as an object without anything.
async fn body<T: DeserializeOwned>(request: Request<Body>) -> Result<T, Box<Answer>> {
    json_body(request, MAX_BODY)
        .await
        .map_err(|(status, message)| Box::new(answer::error(status, "VALIDATION_FAILED", &message)))
}

/// The same, of at most so many bytes.
///
/// # Errors
/// A status, and a sentence that says what is wrong.
pub(crate) async fn json_body<T>(request: Request<Body>, most: usize) -> Result<T, (StatusCode, String)>
where
    T: DeserializeOwned,
{
    let whole = Limited::new(request.into_body(), most).collect().await;
    let too_long = |_| (StatusCode::PAYLOAD_TOO_LARGE, format!("the body has at most {most} bytes"));
    let whole = whole.map_err(too_long)?.to_bytes();
    let whole: &[u8] = if whole.is_empty() { b"{}" } else { &whole };
    serde_json::from_slice(whole).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
}
