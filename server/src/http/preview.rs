//! Exposed ports: requests to `<port>-<sandbox>-<token>.<host>` go to what listens there, and to nothing else. The name
//! is all that is asked for, so no path of the server itself is ever behind it.

mod page;

use std::sync::Arc;
use std::time::Duration;

use ::metrics::counter;
use hyper::body::Incoming as Body;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::Http;
use super::listener::{Peer, Visitor};
use super::proxy::{self, Hold, headers};
use crate::sandbox::port::exposed::Leave;
use crate::sandbox::port::names::Asked;
use crate::sandbox::tcp;

pub(super) use proxy::Answer;

/// Time in which a program has to take a connection: it is on this machine.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(10);

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
        let Some(place) = visitor.enter(|| Some(Arc::new(Arc::clone(&self.server.previews).try_acquire_owned().ok()?)))
        else {
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
        request: Request<Body>,
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
        let told = headers::Told {
            remote: peer.remote.ip(),
            scheme: self.server.sandbox.ports.names.scheme(),
            local: leave.local_host.then_some(port),
        };
        let sandbox = Arc::clone(&self.server.sandbox);
        let hold = Hold {
            ended: leave.ended,
            touch: Arc::new(move || sandbox.activity.touch()),
            _keep: Box::new((peer, place)),
        };
        let to_program = |headers: &mut _, upgrade| headers::to_program(headers, &told, upgrade, &self.tokens);
        proxy::pass(stream, request, to_program, hold).await.unwrap_or_else(|why| page::broken(html, port, &why))
    }

    /// A connection to what listens on a port of this machine, which is not the server itself.
    async fn dial(&self, port: u16) -> std::io::Result<TcpStream> {
        if self.server.sandbox.listens.get().is_some_and(|own| own.port() == port) {
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
