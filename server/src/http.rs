//! The door: HTTP requests, of which one becomes a WebSocket.

mod answer;
mod credential;
mod listener;
mod metrics;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use ::metrics::counter;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming as Body;
use hyper::{Method, Request, StatusCode, header};
use sandwire_protocol::Code;
use sandwire_protocol::kind::Scope;
use serde_json::json;

use crate::auth::{Access, Origins, TicketRequest, Tickets, Tokens};
use crate::server::{Phase, Server};

use answer::Answer;
use credential::Credential;
use listener::Peer;

pub(crate) use listener::listen;
pub(crate) use metrics::Exporter;

/// Longest body of a request, in bytes.
const MAX_BODY: usize = 4096;

/// What the plain page may do: nothing.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// What answers requests.
#[derive(Debug)]
pub(crate) struct Http {
    pub(crate) server: Arc<Server>,
    pub(crate) tokens: Tokens,
    pub(crate) tickets: Tickets,
    pub(crate) origins: Origins,
    pub(crate) exporter: Exporter,
    /// Time for a TLS handshake, and for a request and its answer.
    pub(crate) handshake_timeout: Duration,
}

impl Http {
    /// Answers a request.
    async fn handle(self: Arc<Self>, request: Request<Body>, peer: Peer) -> Answer {
        let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        if !self.origins.allows(text(header::HOST), text(header::ORIGIN)) {
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
                Ok(access) => match access.require(Scope::Info) {
                    Ok(()) => answer::text("text/plain; version=0.0.4", self.exporter.render(&self.server)),
                    Err(error) => answer::refusal(StatusCode::FORBIDDEN, &error),
                },
                Err(answer) => *answer,
            },
            (&Method::GET, "/v1/connect") => match self.authenticate(&request, &peer) {
                Ok(access) => upgrade::answer(&self.server, request, access, peer),
                Err(answer) => *answer,
            },
            // Else a ticket could be drawn out for ever.
            (&Method::POST, "/v1/tickets") if matches!(credential::of(&request), Some(Credential::Ticket(_))) => {
                answer::error(
                    StatusCode::FORBIDDEN,
                    "PERMISSION_DENIED",
                    "only a token, no ticket, can ask for tickets",
                )
            }
            (&Method::POST, "/v1/tickets") => match self.authenticate(&request, &peer) {
                Ok(access) => self.mint(request, &access).await,
                Err(answer) => *answer,
            },
            (&Method::GET | &Method::HEAD, "/") => answer::page(include_str!("http/page.html"), PAGE_POLICY),
            (_, "/healthz" | "/metrics" | "/") => answer::other_method("GET, HEAD"),
            (_, "/v1/connect") => answer::other_method("GET"),
            (_, "/v1/tickets") => answer::other_method("POST"),
            _ => answer::error(StatusCode::NOT_FOUND, "NOT_FOUND", "the WebSocket is at /v1/connect"),
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

    /// What the request's credential allows; everything where no tokens are set.
    fn authenticate(&self, request: &Request<Body>, peer: &Peer) -> Result<Access, Box<Answer>> {
        if self.tokens.is_empty() {
            return Ok(Access::full("local"));
        }
        let access = match credential::of(request) {
            Some(Credential::Token(token)) => self.tokens.access(&token),
            Some(Credential::Ticket(ticket)) => self.tickets.access(&ticket),
            None => None,
        };
        access.ok_or_else(|| {
            tracing::info!(remote = %peer.remote, path = request.uri().path(), "unauthorized");
            counter!("sandwire_refused_total", "reason" => "unauthorized").increment(1);
            Box::new(answer::error(
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "give a valid token as `Authorization: Bearer`, or a ticket that has not expired as `?ticket=`",
            ))
        })
    }

    async fn mint(&self, request: Request<Body>, access: &Access) -> Answer {
        let Ok(body) = Limited::new(request.into_body(), MAX_BODY).collect().await else {
            return answer::error(
                StatusCode::PAYLOAD_TOO_LARGE,
                "VALIDATION_FAILED",
                "the body has at most 4096 bytes",
            );
        };
        let body = body.to_bytes();
        let request = if body.is_empty() { Ok(TicketRequest::default()) } else { serde_json::from_slice(&body) };
        let request = match request {
            Ok(request) => request,
            Err(error) => return answer::error(StatusCode::BAD_REQUEST, "VALIDATION_FAILED", &error.to_string()),
        };
        match self.tickets.mint(access, &request) {
            Ok((ticket, expires_in)) => {
                answer::json(StatusCode::OK, &json!({ "ticket": ticket, "expires_in": expires_in }))
            }
            Err(error) if error.code == Code::PermissionDenied => answer::refusal(StatusCode::FORBIDDEN, &error),
            Err(error) => answer::refusal(StatusCode::BAD_REQUEST, &error),
        }
    }
}
