//! The program that logs in the scenario of a thousand logging processes, and the reader of its lines.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::subject::Failure;

/// The first argument that makes the benchmark this program.
pub(super) const WORD: &str = "logger";

/// Bytes of a line with its end.
pub(super) const LINE: usize = 68;

/// The shell command of one logger: `lines` lines, one each `every`, the first at `start`.
pub(super) fn command(lines: usize, every: Duration, start: Duration) -> io::Result<String> {
    let this = std::env::current_exe()?;
    Ok(format!("exec '{}' {WORD} {lines} {} {}", this.display(), every.as_millis(), start.as_nanos()))
}

/// Time since 1970: the one clock that two processes share here.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

pub(super) fn main(mut words: impl Iterator<Item = String>) -> ExitCode {
    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
    let (Some(lines), Some(every), Some(start)) = (number(), number(), number()) else { return ExitCode::from(2) };
    let mut out = io::stdout().lock();
    for line in 0..lines {
        let due = Duration::from_nanos(start) + Duration::from_millis(every * line);
        std::thread::sleep(due.saturating_sub(now()));
        let mut text = format!("{line:010} {:020} ", now().as_nanos());
        text.extend(std::iter::repeat_n('x', LINE - 1 - text.len()));
        text.push('\n');
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Reads the lines of one logger as they come.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
    next: u64,
    /// For each line, how old it was when it came.
    pub(super) lags: Vec<Duration>,
}

impl Lines {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they are no line, or one came twice or out of order. A line that was left out is no error: it is lost.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let came = now();
        self.partial.extend(bytes);
        while self.partial.len() >= LINE {
            let line: Vec<u8> = self.partial.drain(..LINE).collect();
            let text = std::str::from_utf8(&line).unwrap_or_default();
            let mut words = text.split_whitespace();
            let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
            let (Some(index), Some(sent)) = (number(), number()) else {
                return Err(Failure::Broken(format!("not a line of the logger: {text:?}")));
            };
            if index < self.next {
                return Err(Failure::Broken(format!("line {index} came after line {}", self.next - 1)));
            }
            self.next = index + 1;
            self.lags.push(came.saturating_sub(Duration::from_nanos(sent)));
        }
        Ok(())
    }
}
