//! Passing a request on to a program on this machine, and its answer back: streaming both ways, upgrades too. Whom a
//! request may reach, and what is said to it, is decided by who calls.

mod body;
mod bridge;
pub(crate) mod headers;

use std::any::Any;
use std::sync::Arc;

use hyper::body::Incoming as Body;
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub(crate) use body::{Passing, plain};

/// Bytes that hyper may read ahead from a program, and may hold for it.
pub(crate) const BUFFER: usize = 32 << 10;

/// An answer, perhaps a program's.
pub(crate) type Answer = Response<Passing>;

/// What a request has until all is over that it began.
pub(crate) struct Hold {
    /// Ends what goes on.
    pub(crate) ended: CancellationToken,
    /// Told whenever something flows.
    pub(crate) touch: Arc<dyn Fn() + Send + Sync>,
    /// What is given back at the end: places.
    pub(crate) _keep: Box<dyn Any + Send + Sync>,
}

/// A [`Hold`], with what drives the connection to the program.
struct Held {
    hold: Hold,
    _driver: AbortOnDropHandle<()>,
}

/// Passes a request on over a fresh connection to a program. `to_program` makes its headers those for the program; it is
/// told whether the request asks for another protocol.
///
/// # Errors
/// A sentence, when no answer comes by HTTP.
pub(crate) async fn pass<S>(
    stream: S,
    mut request: Request<Body>,
    to_program: impl FnOnce(&mut HeaderMap, bool),
    hold: Hold,
) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let upgrade = headers::is_upgrade(&request).then(|| hyper::upgrade::on(&mut request));
    to_program(request.headers_mut(), upgrade.is_some());
    // In the form for who is no proxy (RFC 9112, section 3.2.1), whatever the browser's was.
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    // Of one hop, too: each side of the server speaks what it speaks itself (RFC 9110, section 2.5).
    *request.version_mut() = Version::HTTP_11;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(BUFFER);
    let (mut program, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let driver = AbortOnDropHandle::new(tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to a program broke");
        }
    }));
    let mut answer = program.send_request(request).await.map_err(|error| error.to_string())?;
    *answer.version_mut() = Version::HTTP_11;
    let held = Held { hold, _driver: driver };
    let upgraded = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
    headers::to_browser(answer.headers_mut(), upgraded);
    match upgrade {
        Some(browser) if upgraded => {
            bridge::start(browser, hyper::upgrade::on(&mut answer), held);
            Ok(answer.map(|_| plain(Default::default())))
        }
        Some(_) | None if upgraded => Err("it upgraded what nobody wanted to upgrade".to_owned()),
        Some(_) | None => Ok(answer.map(|body| Passing::new(body, held))),
    }
}
