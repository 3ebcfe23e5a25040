//! Whether a sandbox is in use: its own server knows, and is asked.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio_util::task::AbortOnDropHandle;

use super::running::Running;

/// Time that a server has for its answer: it is on this machine.
const WITHIN: Duration = Duration::from_secs(10);

/// Longest answer, in bytes.
const MAX_ANSWER: usize = 64 << 10;

/// What a server says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Activity {
    /// Whether something runs that must not be ended.
    pub(crate) busy: bool,
    /// For how long nobody has done anything.
    pub(crate) idle: Duration,
}

/// Asks the server of a sandbox.
///
/// # Errors
/// When it does not answer.
pub(crate) async fn ask(running: &Running) -> io::Result<Activity> {
    let asked = tokio::time::timeout(WITHIN, metrics(running));
    let text = asked.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    parse(&text).ok_or_else(|| io::Error::other("its metrics say nothing of its activity"))
}

async fn metrics(running: &Running) -> io::Result<String> {
    let stream = running.connect().await?;
    let (mut server, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let _driver = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = Request::get("/metrics").header(header::HOST, "localhost").body(Empty::<Bytes>::new());
    let answer = server.send_request(request.map_err(io::Error::other)?).await.map_err(io::Error::other)?;
    if answer.status() != StatusCode::OK {
        return Err(io::Error::other(format!("it answers with {}", answer.status())));
    }
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(io::Error::other)?;
    String::from_utf8(body.to_bytes().into()).map_err(io::Error::other)
}

fn parse(text: &str) -> Option<Activity> {
    let value = |name: &str| -> Option<f64> {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
    };
    Some(Activity {
        busy: value("sandwire_busy")? > 0.0,
        idle: Duration::try_from_secs_f64(value("sandwire_idle_seconds")?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_off_the_metrics() {
        let text = |busy: u32| format!("# TYPE x gauge\nsandwire_busy {busy}\nsandwire_idle_seconds 1.5\n");
        assert_eq!(parse(&text(0)), Some(Activity { busy: false, idle: Duration::from_millis(1500) }));
        assert_eq!(parse(&text(1)).map(|it| it.busy), Some(true));
        assert_eq!(parse("sandwire_idle_seconds 1"), None);
    }
}
