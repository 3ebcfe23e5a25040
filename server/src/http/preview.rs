//! Exposed ports: requests to `<port>-<sandbox>-<token>.<host>` go to what listens there, and to nothing else. The name
//! is all that is asked for, so no path of the server itself is ever behind it.

mod body;
mod bridge;
mod headers;
mod page;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::metrics::counter;
use hyper::body::Incoming as Body;
use hyper::client::conn::http1;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;

use super::Http;
use super::listener::Peer;
use crate::sandbox::port::exposed::Leave;
use crate::sandbox::port::names::Asked;
use crate::sandbox::tcp;

use headers::is_upgrade;

pub(super) use body::{Passing, plain};

/// Bytes that hyper may read ahead from a program, and may hold for it.
pub(crate) const BUFFER: usize = 32 << 10;

/// Time in which a program has to take a connection: it is on this machine.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// An answer, perhaps a program's.
pub(super) type Answer = Response<Passing>;

/// What a connection on which requests for exposed ports come has of its own.
#[derive(Debug, Default)]
pub(super) struct Visitor(OnceLock<Arc<OwnedSemaphorePermit>>);

impl Visitor {
    /// Whether it was let in: then it has all time of the world.
    pub(super) fn is_in(&self) -> bool {
        self.0.get().is_some()
    }

    /// Its place among all; kept until the connection ends.
    fn place(&self, places: &Arc<Semaphore>) -> Option<Arc<OwnedSemaphorePermit>> {
        if let Some(place) = self.0.get() {
            return Some(Arc::clone(place));
        }
        let place = Arc::new(Arc::clone(places).try_acquire_owned().ok()?);
        Some(Arc::clone(self.0.get_or_init(|| place)))
    }
}

/// What keeps a connection to a program, and whoever asked for it, in their places until all is over.
#[derive(Debug)]
struct Held {
    leave: Leave,
    _place: Arc<OwnedSemaphorePermit>,
    _peer: Peer,
    /// Drives the connection to the program, and ends with this.
    _driver: AbortOnDropHandle<()>,
}

impl Http {
    /// The exposed port that a request is for; nothing when it is for the server.
    pub(super) fn asked<B>(&self, request: &Request<B>) -> Option<Asked> {
        let host = request.headers().get(header::HOST)?.to_str().ok()?;
        self.server.sandbox.ports.names.parse(host)
    }

    /// Passes a request for an exposed port on.
    pub(super) async fn preview(&self, asked: Asked, request: Request<Body>, peer: Peer, visitor: &Visitor) -> Answer {
        let html = page::wanted(&request);
        let sandbox = &self.server.sandbox;
        let leave = asked.target.and_then(|(port, token)| sandbox.ports.exposures.leave(port, &token));
        let Some(leave) = leave else {
            tracing::info!(remote = %peer.remote, "no such preview");
            counter!("sandwire_refused_total", "reason" => "preview").increment(1);
            return last(page::gone(html));
        };
        let Some(place) = visitor.place(&self.server.previews) else {
            counter!("sandwire_refused_total", "reason" => "max_previews").increment(1);
            return last(page::full(html));
        };
        sandbox.activity.touch();
        counter!("sandwire_preview_requests_total").increment(1);
        let ended = leave.ended.clone();
        tokio::select! {
            answer = self.pass(leave, request, (peer, place), html) => answer,
            () = ended.cancelled() => last(page::gone(html)),
        }
    }

    async fn pass(
        &self,
        leave: Leave,
        mut request: Request<Body>,
        who: (Peer, Arc<OwnedSemaphorePermit>),
        html: bool,
    ) -> Answer {
        let port = leave.port;
        if request.method() == Method::CONNECT {
            return last(page::method(html));
        }
        let stream = match tokio::time::timeout(CONNECT_WITHIN, self.dial(port)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return page::silent(html, port, &error.to_string()),
            Err(_) => return page::silent(html, port, "it does not take connections"),
        };
        let (peer, place) = who;
        let upgrade = is_upgrade(&request).then(|| hyper::upgrade::on(&mut request));
        let told = headers::Told {
            remote: peer.remote.ip(),
            scheme: self.server.sandbox.ports.names.scheme(),
            local: leave.local_host.then_some(port),
            upgrade: upgrade.is_some(),
        };
        headers::to_program(request.headers_mut(), &told, &self.tokens);
        // In the form for who is no proxy (RFC 9112, section 3.2.1), whatever the browser's was.
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        // Of one hop, too: each side of the server speaks what it speaks itself (RFC 9110, section 2.5).
        *request.version_mut() = Version::HTTP_11;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(BUFFER);
        let (mut program, connection) = match builder.handshake(TokioIo::new(stream)).await {
            Ok(both) => both,
            Err(error) => return page::broken(html, port, &error.to_string()),
        };
        let driver = AbortOnDropHandle::new(tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(port, %error, "a connection to an exposed port broke");
            }
        }));
        let mut answer = match program.send_request(request).await {
            Ok(answer) => answer,
            Err(error) => return page::broken(html, port, &error.to_string()),
        };
        *answer.version_mut() = Version::HTTP_11;
        let held = Held { leave, _place: place, _peer: peer, _driver: driver };
        let upgraded = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        headers::to_browser(answer.headers_mut(), upgraded);
        match upgrade {
            Some(browser) if upgraded => {
                bridge::start(browser, hyper::upgrade::on(&mut answer), held);
                answer.map(|_| plain(Default::default()))
            }
            Some(_) | None if upgraded => page::broken(html, port, "it upgraded what nobody wanted to upgrade"),
            Some(_) | None => answer.map(|body| Passing::new(body, held, Arc::clone(&self.server.sandbox))),
        }
    }

    /// A connection to what listens on a port of this machine, which is not the server itself.
    async fn dial(&self, port: u16) -> std::io::Result<TcpStream> {
        if self.server.sandbox.listens.get().is_none_or(|own| own.port() == port) {
            return Err(std::io::ErrorKind::PermissionDenied.into());
        }
        let stream = tcp::dial("localhost", port).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Marks an answer as the last of its connection.
fn last(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}
