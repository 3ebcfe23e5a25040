//! The engine's door: who may ask, and what is asked for.

mod pass;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::body::Incoming as Body;
use hyper::{Method, Request, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;

use super::engine::{Engine, MAX_REMEMBERED};
use super::id::Id;
use super::refused::Refused;
use super::sandbox::How;
use super::talk;
use crate::auth::{Origins, Tokens};
use crate::config::HostSettings;
use crate::http::credential::{self, Credential};
use crate::http::listener::{Door, Peer, Visitor};
use crate::http::{MAX_HEAD, answer, json_body, proxy, text};
use crate::sandbox::process::signal::Signal;

use proxy::plain;

/// The header by which a Worker says for which host its request is. No page of another origin can send it without asking
/// first, which is not granted: so whoever does is no such page.
pub(crate) const FOR_HOST: &str = "x-sandwire-host";

/// Longest body of a request, in bytes.
const MAX_BODY: usize = 64 << 10;

/// The program itself: code, runtime, stacks, the allocator's slack, lists.
const BASE: u64 = 40 << 20;

/// A connection: what hyper may read ahead and hold on both of its sides, a piece on its way each way, a request's body, the
/// task.
const CONNECTION: u64 = (3 * MAX_HEAD + 3 * proxy::BUFFER + MAX_BODY) as u64 + (32 << 10);

/// A sandbox that runs: its pipes, what it said last, its tasks.
const RUNNING: u64 = (talk::KEPT as u64) + (96 << 10);

/// One that is remembered.
const REMEMBERED: u64 = 1 << 10;

/// Upper bound of the engine's own memory, in bytes; each sandbox's server has a bound of its own.
pub(crate) fn memory_bound(settings: &HostSettings) -> u64 {
    let running = settings.max_sandboxes() as u64 * RUNNING + MAX_REMEMBERED as u64 * REMEMBERED;
    BASE + running + settings.max_connections() as u64 * CONNECTION
}

/// What answers requests.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) engine: Arc<Engine>,
    pub(crate) tokens: Tokens,
    pub(crate) origins: Origins,
    /// Where the engine itself listens, if on a port.
    pub(crate) own: Option<SocketAddr>,
    /// Places for connections to exposed ports, which anybody may take who knows a name: half of all.
    pub(crate) previews: Arc<Semaphore>,
    pub(crate) handshake_timeout: Duration,
}

/// Body of a start.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Start {
    /// Variables for what runs there.
    env: BTreeMap<String, String>,
}

/// Body of a stop.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Stop {
    signal: String,
}

impl Default for Stop {
    fn default() -> Self {
        Self { signal: "SIGTERM".to_owned() }
    }
}

impl Door for Gate {
    fn handshake_timeout(&self) -> Duration {
        self.handshake_timeout
    }

    fn answer<'a>(
        self: Arc<Self>,
        request: Request<Body>,
        peer: Peer,
        visitor: &'a Visitor,
    ) -> BoxFuture<'a, proxy::Answer> {
        Box::pin(async move {
            if let Some(running) = text(request.headers(), header::HOST).and_then(|host| self.engine.exposes(host)) {
                return self.preview(running, request, peer, visitor).await;
            }
            if let Some(refused) = self.refuse(&request, &peer) {
                return refused.map(plain);
            }
            // From here on somebody asks who may: starts and waits take their time.
            let place = Arc::clone(&peer.place);
            visitor.enter(|| Some(place));
            self.route(request, peer).await.unwrap_or_else(|refused| refused.answer().map(plain))
        })
    }
}

impl Gate {
    /// Why a request is not looked at.
    fn refuse(&self, request: &Request<Body>, peer: &Peer) -> Option<answer::Answer> {
        let headers = request.headers();
        let origin = text(headers, header::ORIGIN).filter(|_| !headers.contains_key(FOR_HOST));
        if !self.origins.allows(text(headers, header::HOST), origin) {
            tracing::info!(remote = %peer.remote, "origin denied");
            return Some(answer::error(
                StatusCode::FORBIDDEN,
                "ORIGIN_DENIED",
                "this page's origin, or this host name, may not connect: add it to the setting `origins`, or use a token",
            ));
        }
        let open = self.tokens.is_empty() || request.uri().path() == "/healthz";
        let known = match credential::of(request) {
            Some(Credential::Token(token)) => self.tokens.access(&token).is_some(),
            Some(Credential::Ticket(_)) | None => false,
        };
        if open || known {
            return None;
        }
        tracing::info!(remote = %peer.remote, "unauthorized");
        let message = "give the engine's token as `Authorization: Bearer`";
        Some(answer::error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message))
    }

    async fn route(&self, request: Request<Body>, peer: Peer) -> Result<proxy::Answer, Refused> {
        let path = request.uri().path().to_owned();
        let mut parts = path.strip_prefix('/').unwrap_or(&path).splitn(5, '/');
        let ok = |value| Ok(answer::json(StatusCode::OK, &value).map(plain));
        match (request.method(), parts.next(), parts.next(), parts.next(), parts.next()) {
            (&Method::GET | &Method::HEAD, Some("healthz"), None, ..) => {
                ok(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
            }
            (&Method::GET, Some("sandboxes"), None | Some(""), None, _) => ok(self.engine.list().await?),
            (method, Some("sandboxes"), Some(id), None, _) => {
                let id = Id::parse(id)?;
                match *method {
                    Method::GET => ok(self.engine.info(&id).await),
                    Method::DELETE => {
                        self.engine.destroy(&id).await?;
                        ok(self.engine.info(&id).await)
                    }
                    _ => Ok(answer::other_method("GET, DELETE").map(plain)),
                }
            }
            (_, Some("sandboxes"), Some(id), Some("ports"), Some(port)) => {
                let rest = parts.next().unwrap_or_default();
                self.port(&Id::parse(id)?, port, rest, request, peer).await
            }
            (method, Some("sandboxes"), Some(id), Some(what), None) => {
                let id = Id::parse(id)?;
                match (method, what) {
                    (&Method::GET, "connect") => self.connect(&id, request, peer).await,
                    (&Method::GET, "wait") => ok(ended(self.engine.wait(&id).await)),
                    (&Method::POST, "start") => {
                        let Start { env } = body(request).await?;
                        self.engine.start(&id, checked(env)?).await?;
                        ok(self.engine.info(&id).await)
                    }
                    (&Method::POST, "stop") => {
                        let Stop { signal } = body(request).await?;
                        let how = how(&signal)?;
                        ok(ended(self.engine.stop(&id, how).await))
                    }
                    (_, "connect" | "wait") => Ok(answer::other_method("GET").map(plain)),
                    (_, "start" | "stop") => Ok(answer::other_method("POST").map(plain)),
                    _ => Ok(nothing()),
                }
            }
            _ => Ok(nothing()),
        }
    }
}

fn nothing() -> proxy::Answer {
    let message = "nothing is here: see `sandwire-server host --help` for the paths that there are";
    answer::error(StatusCode::NOT_FOUND, "NOT_FOUND", message).map(plain)
}

fn ended(ended: Option<super::running::Ended>) -> serde_json::Value {
    ended.map_or_else(|| json!({ "exit_code": null }), |ended| json!(ended))
}

async fn body<T: serde::de::DeserializeOwned>(request: Request<Body>) -> Result<T, Refused> {
    json_body(request, MAX_BODY).await.map_err(|(status, message)| Refused::bad(message).with(status))
}

/// Variables as the kernel takes them.
fn checked(env: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Refused> {
    let wrong =
        |(name, value): &(&String, &String)| name.is_empty() || name.contains(['=', '\0']) || value.contains('\0');
    match env.iter().find(wrong) {
        Some((name, _)) => Err(Refused::bad(format!("{name:?} is no variable: it is empty, or holds `=` or NUL"))),
        None => Ok(env),
    }
}

/// The signals that stop a sandbox.
fn how(signal: &str) -> Result<How, Refused> {
    let number = Signal::parse(signal).map_err(|error| Refused::bad(error.message))?.number();
    match number {
        libc::SIGTERM | libc::SIGINT => Ok(How::Gently),
        libc::SIGKILL => Ok(How::Killed),
        _ => Err(Refused::bad(format!("{signal} does not stop a sandbox: SIGTERM and SIGINT do, and SIGKILL at once"))),
    }
}
