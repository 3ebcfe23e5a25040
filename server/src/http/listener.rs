//! Accepts connections, as many as may be at once, and reads their requests in time.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming as Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use super::Http;

/// Bytes of a request's head.
const MAX_HEAD: usize = 16 << 10;

/// Headers of a request.
const MAX_HEADERS: usize = 64;

/// Pause when the system has no descriptor left for a new connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

const BUSY: &str = r#"{"code":"LIMIT_EXCEEDED","message":"the setting `max_connections` is reached"}"#;

/// Serves every connection in a task of its own. Never returns.
pub(crate) async fn listen(http: Arc<Http>, listener: TcpListener, tls: Option<TlsAcceptor>, max_connections: usize) {
    let places = Arc::new(Semaphore::new(max_connections));
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!(%remote, "refused: the setting `max_connections` is reached");
            refuse(stream);
            continue;
        };
        let http = Arc::clone(&http);
        let tls = tls.clone();
        tokio::spawn(async move {
            tracing::debug!(%remote, "connection");
            let Some(tls) = tls else { return serve(http, stream, permit).await };
            match tokio::time::timeout(http.handshake_timeout, tls.accept(stream)).await {
                Ok(Ok(stream)) => serve(http, stream, permit).await,
                Ok(Err(error)) => tracing::debug!(%remote, %error, "the TLS handshake failed"),
                Err(_) => tracing::debug!(%remote, "the TLS handshake took too long"),
            }
        });
    }
}

/// Says that there is no place, if that can be said without waiting.
fn refuse(mut stream: TcpStream) {
    tokio::spawn(async move {
        let answer = async {
            let head = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-type: application/json";
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{BUSY}", BUSY.len());
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await
        };
        if !matches!(tokio::time::timeout(Duration::from_secs(1), answer).await, Ok(Ok(()))) {
            tracing::debug!("a refused connection did not take the answer");
        }
    });
}

async fn serve<S>(http: Arc<Http>, stream: S, permit: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let timeout = http.handshake_timeout;
    let permit = Arc::new(permit);
    let service = service_fn(move |request: hyper::Request<Body>| {
        let (http, permit) = (Arc::clone(&http), Arc::clone(&permit));
        async move { Ok::<_, Infallible>(http.handle(request, permit).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(timeout).max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await {
        tracing::debug!(%error, "a connection ended before its request was answered");
    }
}
