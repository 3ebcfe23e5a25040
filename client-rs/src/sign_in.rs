//! A link that signs a browser in, by the one request of ours that is no WebSocket.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header;
use hyper_util::rt::TokioIo;
use sandwire_protocol::ByteString;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::http::{Request, Uri};

use crate::client::Builder;
use crate::dial::{Target, Transport};
use crate::error::Error;

/// The path of the WebSocket; the page is where it begins.
const CONNECT: &str = "v1/connect";

/// Bytes of an answer.
const MAX_ANSWER: usize = 64 << 10;

#[derive(Serialize)]
struct Ask<'a> {
    session: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terminals: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paths: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Given {
    ticket: String,
}

impl Builder {
    /// A link to the server's page that signs a browser in, once, with the token's rights or those of
    /// [`scopes`](Builder::scopes), [`terminals`](Builder::terminals) and [`paths`](Builder::paths). It is good for `ttl`, at most an hour; default: 5 minutes. Whoever has it first can use
    /// it.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), sandwire::Error> {
    /// # let server = sandwire_tests::server::Server::builder().env("SANDWIRE_TOKEN", "a-long-and-secret-token").start();
    /// # let url = server.url();
    /// let builder = sandwire::Client::builder(url).token("a-long-and-secret-token");
    /// let link = builder.scopes(["pty-read", "process-read"]).sign_in_link(None).await?;
    /// assert!(link.starts_with("http://127.0.0.1:") && link.contains("/?ticket="));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::Connect`], or [`Error::Refused`] with the server's status.
    pub async fn sign_in_link(self, ttl: Option<Duration>) -> Result<String, Error> {
        let target = &self.target;
        let text = |path: &ByteString| {
            path.as_str().map(str::to_owned).ok_or_else(|| target.failed(format!("the path {path} is not UTF-8")))
        };
        let ask = Ask {
            session: true,
            ttl: ttl.map(|ttl| ttl.as_secs()),
            scopes: self.scopes.as_deref(),
            terminals: self.terminals.as_deref(),
            paths: self.paths.as_ref().map(|paths| paths.iter().map(text).collect()).transpose()?,
        };
        let page = page(target)?;
        let body = serde_json::to_vec(&ask).map_err(|error| target.failed(error.to_string()))?;
        let given = match tokio::time::timeout(target.timeout, post(target, &format!("{page}v1/tickets"), body)).await {
            Ok(given) => given?,
            Err(_) => return Err(target.failed(format!("no answer within {} s", target.timeout.as_secs_f32()))),
        };
        let given: Given = serde_json::from_slice(&given)
            .map_err(|_| target.failed("the answer is not that of a sandwire server".to_owned()))?;
        // `ws` is `http` and `wss` is `https`.
        Ok(format!("http{}?ticket={}", page.strip_prefix("ws").unwrap_or(&page), given.ticket))
    }
}

/// Where the page is: beside the WebSocket.
fn page(target: &Target) -> Result<String, Error> {
    let url = target.url.split('?').next().unwrap_or_default();
    match url.strip_suffix(CONNECT) {
        Some(page) => Ok(page.to_owned()),
        None => Err(target.unusable("its path does not end with /v1/connect, so that the page is not known")),
    }
}

async fn post(target: &Target, url: &str, body: Vec<u8>) -> Result<Bytes, Error> {
    let uri: Uri = url.parse().map_err(|error| target.unusable(&format!("{error}")))?;
    let host = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::post(path).header(header::HOST, host).header(header::CONTENT_TYPE, "application/json");
    if let Some(bearer) = target.bearer()? {
        request = request.header(header::AUTHORIZATION, bearer);
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(|error| target.unusable(&error.to_string()))?;
    match target.transport(&uri).await? {
        Transport::Plain(stream) => send(target, stream, request).await,
        Transport::Tls(stream) => send(target, stream, request).await,
    }
}

async fn send<S>(target: &Target, stream: S, request: Request<Full<Bytes>>) -> Result<Bytes, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let failed = |error: hyper::Error| target.failed(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let answer = async move {
        let answer = sender.send_request(request).await.map_err(failed)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| target.failed(error.to_string()))?.to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        Err(Error::Refused { status: status.as_u16(), body: String::from_utf8_lossy(&body).trim().to_owned() })
    };
    // Both in this task: what drives the connection ends with the answer.
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        driven = connection => match driven {
            Ok(()) => answer.await,
            Err(error) => Err(failed(error)),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::Client;

    #[test]
    fn the_page_is_beside_the_websocket() {
        let at = |url: &str| page(&Client::builder(url).target).ok();
        assert_eq!(at("box:7070").as_deref(), Some("ws://box:7070/"));
        assert_eq!(at("https://gate.example/box-7/v1/connect?a=b").as_deref(), Some("wss://gate.example/box-7/"));
        assert_eq!(at("wss://gate.example/other"), None);
    }
}
