//! What is passed on to a sandbox: the WebSocket to its server, and requests to its ports.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming as Body;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use sandwire_protocol::Code;
use sandwire_protocol::kind::tcp::Connect;

use super::super::id::Id;
use super::super::refused::Refused;
use super::super::running::Running;
use super::{FOR_HOST, Gate};
use crate::http::answer;
use crate::http::listener::{Peer, Visitor};
use crate::http::preview::CONNECT_WITHIN;
use crate::http::proxy::{self, Hold, headers};
use crate::sandbox::tcp;

/// Time that a sandbox's server has to take a connection.
const SERVER_WITHIN: Duration = Duration::from_secs(10);

impl Gate {
    /// The WebSocket of a sandbox, which is started for it.
    pub(super) async fn connect(
        &self,
        id: &Id,
        mut request: Request<Body>,
        peer: Peer,
    ) -> Result<proxy::Answer, Refused> {
        let running = self.engine.start(id, Default::default()).await?;
        let silent = |why: String| Refused::silent(format!("the server of the sandbox {id} does not answer: {why}"));
        let stream = tokio::time::timeout(SERVER_WITHIN, running.connect()).await;
        let stream =
            stream.map_err(|_| silent("it takes too long".to_owned()))?.map_err(|error| silent(error.to_string()))?;
        *request.uri_mut() = uri("/v1/connect", request.uri().query())?;
        let to_server = |all: &mut HeaderMap, upgrade| {
            headers::to_next(all, upgrade, &self.tokens);
            // It asks for no token, and knows nothing of pages: who may connect was decided here.
            for name in [header::AUTHORIZATION, header::ORIGIN, header::COOKIE, HeaderName::from_static(FOR_HOST)] {
                all.remove(name);
            }
            all.insert(header::HOST, HeaderValue::from_static("localhost"));
        };
        let hold = Hold { _keep: Box::new((Arc::clone(&running), peer)), ..hold(&running) };
        proxy::pass(stream, request, to_server, hold).await.map_err(silent)
    }

    /// A port that a sandbox exposes, by its host name. The sandbox's own server knows the names, and passes it on.
    pub(super) async fn preview(
        &self,
        running: Option<Arc<Running>>,
        request: Request<Body>,
        peer: Peer,
        visitor: &Visitor,
    ) -> proxy::Answer {
        let Some(running) = running else { return gone() };
        let Some(place) = visitor.enter(|| Some(Arc::new(Arc::clone(&self.previews).try_acquire_owned().ok()?))) else {
            let message = "too many connections to exposed ports at once";
            return answer::error(StatusCode::SERVICE_UNAVAILABLE, "LIMIT_EXCEEDED", message).map(proxy::plain);
        };
        let Ok(Ok(stream)) = tokio::time::timeout(SERVER_WITHIN, running.connect()).await else { return gone() };
        let hold = Hold { _keep: Box::new((Arc::clone(&running), peer, place)), ..hold(&running) };
        let to_server = |all: &mut HeaderMap, upgrade| headers::to_next(all, upgrade, &self.tokens);
        proxy::pass(stream, request, to_server, hold).await.unwrap_or_else(|why| {
            let refused = Refused::silent(format!("the server of the sandbox does not answer: {why}"));
            refused.answer().map(proxy::plain)
        })
    }

    /// What listens on a port of a sandbox that runs.
    pub(super) async fn port(
        &self,
        id: &Id,
        port: &str,
        rest: &str,
        mut request: Request<Body>,
        peer: Peer,
    ) -> Result<proxy::Answer, Refused> {
        let number = port.parse::<u16>().ok().filter(|number| *number > 0 && number.to_string() == port);
        let port = number.ok_or_else(|| Refused::bad(format!("{port:?} is no port: give a number from 1 to 65535")))?;
        if request.method() == Method::CONNECT {
            return Err(Refused::bad("CONNECT is for proxies: ask for a path"));
        }
        let running = self.engine.running(id)?;
        let milliseconds = u64::try_from(CONNECT_WITHIN.as_millis()).unwrap_or(u64::MAX);
        let to = Connect { port, host: None, timeout_ms: Some(milliseconds) };
        let stream = tcp::connect(&to, &[], self.own).await.map_err(|error| {
            if error.code == Code::PermissionDenied {
                return Refused::denied("this port is the engine's own");
            }
            let why = error.message;
            Refused::silent(format!("nothing can be reached on port {port} of the sandbox {id}: {why}"))
        })?;
        *request.uri_mut() = uri(&format!("/{rest}"), request.uri().query())?;
        let local =
            HeaderValue::try_from(format!("localhost:{port}")).map_err(|error| Refused::bad(error.to_string()))?;
        let to_program = |all: &mut HeaderMap, upgrade| {
            let host = all.remove(FOR_HOST).unwrap_or(local);
            all.insert(header::HOST, host);
            // A Worker before the engine has said who asks; it may, because it was let in.
            if all.contains_key("x-forwarded-for") {
                headers::to_next(all, upgrade, &self.tokens);
            } else {
                let told = headers::Told { remote: peer.remote.ip(), scheme: "http", local: None };
                headers::to_program(all, &told, upgrade, &self.tokens);
            }
        };
        let broken = |why| {
            Refused::silent(format!("what listens on port {port} of the sandbox {id} does not speak HTTP: {why}"))
        };
        let hold = Hold { _keep: Box::new((Arc::clone(&running), peer.clone())), ..hold(&running) };
        proxy::pass(stream, request, to_program, hold).await.map_err(broken)
    }
}

/// No port is exposed under a name: which part of it is wrong is not told.
fn gone() -> proxy::Answer {
    let message = "no port is exposed under this name: it was never, or is not any more, or its sandbox sleeps";
    answer::error(StatusCode::NOT_FOUND, "INVALID_TOKEN", message).map(proxy::plain)
}

/// Ends with the sandbox; what flows keeps nobody awake, but what is said to its server does.
fn hold(running: &Running) -> Hold {
    Hold { ended: running.over.clone(), touch: Arc::new(|| {}), _keep: Box::new(()) }
}

/// A path as it came, not decoded, with its query.
fn uri(path: &str, query: Option<&str>) -> Result<Uri, Refused> {
    let whole = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let whole = PathAndQuery::try_from(whole).map_err(|error| Refused::bad(error.to_string()))?;
    Ok(Uri::from(whole))
}
