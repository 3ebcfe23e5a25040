//! Waiting until a process is ready: a line of its log, or a port.

use std::time::{Duration, Instant};

use regex::{Regex, RegexBuilder};
use sandwire_protocol::kind::command::Output;
use sandwire_protocol::kind::process::{HttpProbe, LogMatch, PortReady, State, WaitLog, WaitPort};
use sandwire_protocol::{Code, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::log::Piece;
use super::super::pipe::READ;
use super::{Registry, within};
use crate::sandbox::tcp;

/// Largest compiled expression, in bytes: a pattern of a few characters can ask for gigabytes.
pub(crate) const PATTERN_SIZE: usize = 256 << 10;

/// Largest cache of the states that it has been in, in bytes.
pub(crate) const STATES_SIZE: usize = 64 << 10;

/// Waits for a line at once.
pub(crate) const MAX_WAITS: usize = 64;

/// Longest line that is looked at as one, in bytes. A longer one is looked at in parts.
pub(crate) const LINE: usize = 64 << 10;

/// Pauses between attempts.
const ATTEMPT_FIRST: Duration = Duration::from_millis(10);
const ATTEMPT_LAST: Duration = Duration::from_millis(250);

/// Time for one attempt: a port that takes the connection and says nothing is not ready.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Longest start of an answer that is read for its status line, in bytes.
const STATUS_LINE: usize = 512;

impl Registry {
    /// Waits until a line matches.
    ///
    /// # Errors
    /// `VALIDATION_FAILED` for a bad pattern, `PROCESS_NOT_FOUND`, `PROCESS_EXITED_BEFORE_READY`,
    /// `PROCESS_READY_TIMEOUT`.
    pub(crate) async fn wait_log(&self, params: &WaitLog) -> Result<LogMatch, Error> {
        let _place = self.waits.try_acquire().map_err(|_| {
            let text = format!("{MAX_WAITS} waits for a line are under way, the most that there may be");
            Error::new(Code::LimitExceeded, text).with("limit", MAX_WAITS)
        })?;
        let pattern = RegexBuilder::new(&params.pattern)
            .size_limit(PATTERN_SIZE)
            .dfa_size_limit(STATES_SIZE)
            .build()
            .map_err(|error| {
            Error::new(Code::ValidationFailed, format!("`pattern` cannot be used: {error}")).with("field", "pattern")
        })?;
        let process = self.process(&params.id)?;
        let mut reading = process.read(params.from, params.output, false).await;
        let search = async {
            let mut lines = [Lines::default(), Lines::default()];
            loop {
                match reading.next(READ, true).await {
                    Piece::Data { output, bytes, .. } => {
                        let lines = &mut lines[usize::from(output == Output::Stderr)];
                        if let Some((line, groups)) = lines.find(&bytes, &pattern) {
                            return Ok(LogMatch { line, groups, output, offset: reading.offset() });
                        }
                        // A long log in memory never makes this task wait.
                        tokio::task::yield_now().await;
                    }
                    // What was before has nothing to do with what comes.
                    Piece::Gap { .. } | Piece::Restarted { .. } => lines = [Lines::default(), Lines::default()],
                    Piece::Empty { .. } => {
                        return Err(process.exited(Code::ProcessExitedBeforeReady));
                    }
                }
            }
        };
        within(params.timeout_ms, Code::ProcessReadyTimeout, "a matching line", search).await
    }

    /// Waits until a port answers.
    ///
    /// # Errors
    /// `INVALID_PORT`, `VALIDATION_FAILED`, `PROCESS_NOT_FOUND`, `PROCESS_EXITED_BEFORE_READY`,
    /// `PROCESS_READY_TIMEOUT`.
    pub(crate) async fn wait_port(&self, params: &WaitPort) -> Result<PortReady, Error> {
        if params.port == 0 {
            return Err(Error::new(Code::InvalidPort, "port 0 is no port").with("port", 0));
        }
        let path = params.http.as_ref().map_or("/", |http| &http.path);
        if !path.starts_with('/') || path.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(Error::new(
                Code::ValidationFailed,
                "`http.path` must begin with `/` and have no spaces or control characters",
            )
            .with("field", "http.path"));
        }
        if let Some(http) = &params.http
            && http.min_status > http.max_status
        {
            let message =
                format!("no status is from {} to {}: give the lesser one first", http.min_status, http.max_status);
            return Err(Error::new(Code::ValidationFailed, message).with("field", "http.min_status"));
        }
        let process = params.id.as_deref().map(|id| self.process(id)).transpose()?;
        let exited = async {
            match &process {
                Some(process) => {
                    process.ended().await;
                    Err(process.exited(Code::ProcessExitedBeforeReady))
                }
                None => std::future::pending().await,
            }
        };
        if let Some(process) = &process
            && process.info().state == State::Exited
        {
            return Err(process.exited(Code::ProcessExitedBeforeReady));
        }
        let began = Instant::now();
        let host = params.host.as_deref().unwrap_or("localhost");
        let attempts = async {
            let mut pause = ATTEMPT_FIRST;
            loop {
                let attempt = tokio::time::timeout(ATTEMPT, probe(host, params.port, params.http.as_ref())).await;
                if let Ok(Some(status)) = attempt {
                    let waited_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                    return Ok(PortReady { status: status.0, waited_ms });
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(ATTEMPT_LAST);
            }
        };
        within(params.timeout_ms, Code::ProcessReadyTimeout, "an answer of the port", async {
            tokio::select! {
                ready = attempts => ready,
                exited = exited => exited,
            }
        })
        .await
    }
}

/// A status, when HTTP was asked for.
struct Answer(Option<u16>);

/// One attempt. `None` is not ready.
async fn probe(host: &str, port: u16, http: Option<&HttpProbe>) -> Option<Answer> {
    let mut stream = tcp::dial(host, port).await.ok()?;
    // Where nobody listens, a connection from a port to itself can come about (simultaneous open, RFC 9293, 3.5).
    if stream.local_addr().ok()? == stream.peer_addr().ok()? {
        return None;
    }
    let Some(http) = http else { return Some(Answer(None)) };
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: sandwire\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        http.path
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::with_capacity(STATUS_LINE);
    while !answer.contains(&b'\n') && answer.len() < STATUS_LINE {
        if stream.read_buf(&mut answer).await.ok()? == 0 {
            break;
        }
    }
    let status = status_of(&answer)?;
    (http.min_status..=http.max_status).contains(&status).then_some(Answer(Some(status)))
}

/// The status of `HTTP/1.1 200 OK`.
fn status_of(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\n').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    words.next().filter(|version| version.starts_with("HTTP/"))?;
    words.next()?.parse().ok()
}

/// A line that matched, with its groups.
type Match = (String, Vec<Option<String>>);

/// The unfinished line of one stream.
#[derive(Debug, Default)]
struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// The first line that matches: one that these bytes finish, or the one that they leave unfinished.
    fn find(&mut self, bytes: &[u8], pattern: &Regex) -> Option<Match> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            for part in part.chunks(LINE) {
                if self.rest.len() + part.len() > LINE + 1 {
                    if let Some(found) = matches(pattern, &self.rest) {
                        return Some(found);
                    }
                    self.rest.clear();
                }
                self.rest.extend_from_slice(part);
                if self.rest.ends_with(b"\n") {
                    let found = matches(pattern, &self.rest);
                    self.rest.clear();
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        if self.rest.is_empty() { None } else { matches(pattern, &self.rest) }
    }
}

fn matches(pattern: &Regex, line: &[u8]) -> Option<Match> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
    let found = pattern.captures(&line)?;
    let groups = found.iter().map(|group| group.map(|group| group.as_str().to_owned())).collect();
    drop(found);
    Some((line.into_owned(), groups))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn lines_are_found_across_chunks() {
        let pattern = Regex::new(r"^port (\d+)(x)?$").unwrap();
        let mut lines = Lines::default();
        assert_eq!(lines.find(b"not por", &pattern), None);
        assert_eq!(lines.find(b"t 80\r\npo", &pattern), None);
        let (line, groups) = lines.find(b"rt 8080", &pattern).unwrap();
        assert_eq!((line.as_str(), groups), ("port 8080", vec![Some("port 8080".into()), Some("8080".into()), None]));
        let mut lines = Lines::default();
        assert!(lines.find(b"\xff\xfe\nport 1\nport 2\n", &pattern).unwrap().0 == "port 1");
        let mut lines = Lines::default();
        assert_eq!(lines.find(&vec![b'x'; 3 * LINE], &pattern), None);
        assert!(lines.rest.capacity() <= 4 * LINE, "a line without an end has a bound");
        assert!(lines.find(b"\nport 3\n", &pattern).is_some());
    }

    #[test]
    fn a_status_line_is_read() {
        assert_eq!(status_of(b"HTTP/1.1 204 No Content\r\nA: b"), Some(204));
        assert_eq!(status_of(b"HTTP/1.0 500"), Some(500));
        assert_eq!(status_of(b"SSH-2.0-x\r\n"), None);
        assert_eq!(status_of(b""), None);
    }
}
