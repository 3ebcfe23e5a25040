//! What git says while it works: how far it is, and the rest, which explains a failure.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use sandwire_protocol::kind::git::Progress;
use tokio::sync::Notify;

use super::failure::Redact;

/// Longest line that is told, in bytes; what is beyond is left out.
const LINE: usize = 512;

/// Lines of what is no progress that are kept: the last ones.
const LINES: usize = 24;

/// Phases that wait to be told.
const PHASES: usize = 16;

/// Takes what git writes apart.
#[derive(Debug, Default)]
pub(super) struct Reading {
    line: Vec<u8>,
    /// What was no progress, newest last.
    pub(super) said: VecDeque<String>,
}

impl Reading {
    /// Takes more, and tells how far git is.
    pub(super) fn take(&mut self, bytes: &[u8], latest: &Latest, redact: &Redact) {
        for byte in bytes {
            match byte {
                b'\r' | b'\n' => self.end(latest, redact),
                // Only of whole secrets it can be seen what they are.
                _ if self.line.len() < LINE + redact.longest() => self.line.push(*byte),
                _ => {}
            }
        }
    }

    /// The end of a line, or of everything.
    pub(super) fn end(&mut self, latest: &Latest, redact: &Redact) {
        let whole = self.line.len() < LINE + redact.longest();
        let line = redact.text(&String::from_utf8_lossy(&self.line));
        // What was left out may have been the rest of one.
        let most = if whole { line.len() } else { line.len().saturating_sub(redact.longest()) };
        let end = (0..=most.min(LINE)).rev().find(|at| line.is_char_boundary(*at)).unwrap_or_default();
        let line = line.get(..end).unwrap_or_default();
        // A line of a server's ends with spaces that cover an older one.
        let line = line.trim_end().trim_end_matches("\u{1b}[K").trim_end();
        if line.is_empty() {
            self.line.clear();
            return;
        }
        match progress(line) {
            Some(progress) => latest.put(progress),
            None => {
                if self.said.len() == LINES {
                    self.said.pop_front();
                }
                self.said.push_back(line.to_owned());
            }
        }
        self.line.clear();
    }
}

/// `Receiving objects:  42% (42000/100000), 1.50 MiB | 3.00 MiB/s`, `remote: Counting objects: 12, done.`
fn progress(line: &str) -> Option<Progress> {
    let own = line.strip_prefix("remote: ").unwrap_or(line);
    if own.starts_with("Cloning into ") {
        return Some(Progress { phase: "Cloning".to_owned(), text: line.to_owned(), ..Progress::default() });
    }
    let (phase, rest) = own.split_once(": ")?;
    let letters = phase.chars().all(|letter| letter.is_ascii_alphabetic() || letter == ' ' || letter == '-');
    if !phase.starts_with(|first: char| first.is_ascii_uppercase()) || phase.len() > 40 || !letters {
        return None;
    }
    let (first, rest) = number(rest.trim_start())?;
    let text = line.to_owned();
    let phase = phase.to_owned();
    let Some(rest) = rest.strip_prefix('%') else {
        // A count without an end; something else is a sentence.
        let ends = rest.is_empty() || rest.starts_with(',');
        return ends.then(|| Progress { phase, done: Some(first), text, ..Progress::default() });
    };
    let counts = rest.trim_start().strip_prefix('(').and_then(|counts| {
        let (done, rest) = number(counts)?;
        let (total, _) = number(rest.strip_prefix('/')?)?;
        Some((done, total))
    });
    let (done, total) = counts.unzip();
    Some(Progress { phase, percent: u32::try_from(first).ok(), done, total, text })
}

/// The number at the beginning, and what follows.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

/// How far git is, for a reader who may be slow: of each phase the newest, and no more than a few phases.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    waiting: Mutex<VecDeque<Progress>>,
    more: Notify,
}

impl Latest {
    fn put(&self, progress: Progress) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.back_mut() {
            Some(last) if last.phase == progress.phase => *last = progress,
            _ => {
                if waiting.len() == PHASES {
                    waiting.pop_front();
                }
                waiting.push_back(progress);
            }
        }
        drop(waiting);
        self.more.notify_one();
    }

    /// What waits to be told, if anything does.
    pub(crate) fn take(&self) -> Option<Progress> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// The same, once there is something.
    pub(crate) async fn next(&self) -> Progress {
        loop {
            if let Some(progress) = self.take() {
                return progress;
            }
            self.more.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn lines_of_git_are_understood() {
        let full = progress("Receiving objects:  42% (42000/100000), 1.50 MiB | 3.00 MiB/s").unwrap();
        assert_eq!((full.phase.as_str(), full.percent), ("Receiving objects", Some(42)));
        assert_eq!((full.done, full.total), (Some(42_000), Some(100_000)));
        let count = progress("remote: Enumerating objects: 12, done.").unwrap();
        assert_eq!((count.phase.as_str(), count.percent, count.done), ("Enumerating objects", None, Some(12)));
        assert_eq!(count.text, "remote: Enumerating objects: 12, done.");
        assert_eq!(progress("Cloning into 'shop'...").unwrap().phase, "Cloning");
        for line in
            ["fatal: 12", "remote: Total 3 (delta 0), reused 0", "warning: x", "fatal: repository 'x' not found"]
        {
            assert_eq!(progress(line), None, "{line}");
        }
        assert_eq!(progress("Objects: 12 of them"), None);
    }

    #[test]
    fn of_a_secret_that_is_cut_nothing_is_told() {
        let redact = Redact::new(["hunter2-is-long".to_owned()]);
        for before in 0..2 * LINE {
            let (latest, mut reading) = (Latest::default(), Reading::default());
            let line = format!("hunter2-is-long {}hunter2-is-long and more{}\n", "x".repeat(before), "y".repeat(LINE));
            reading.take(line.as_bytes(), &latest, &redact);
            let said = reading.said.back().unwrap();
            assert!(!said.contains("hunter") && said.len() <= LINE, "{before}: {said}");
        }
    }

    #[test]
    fn whatever_comes_little_is_kept() {
        let (latest, redact, mut reading) = (Latest::default(), Redact::new([]), Reading::default());
        for percent in 0..=100 {
            reading.take(format!("Receiving objects: {percent}% ({percent}/100)\r").as_bytes(), &latest, &redact);
        }
        for number in 0..1000 {
            reading.take(format!("warning {number}\n").as_bytes(), &latest, &redact);
        }
        for number in 0..1000_u32 {
            let phase = char::from(b'A' + u8::try_from(number % 26).unwrap()).to_string();
            reading.take(format!("{phase}: {number}, done.\n").as_bytes(), &latest, &redact);
        }
        reading.take(&[b'x'; 1 << 20], &latest, &redact);
        reading.end(&latest, &redact);
        assert_eq!(reading.said.len(), LINES);
        assert_eq!(reading.said.back().unwrap().len(), LINE);
        let told: Vec<_> = std::iter::from_fn(|| latest.take()).collect();
        assert_eq!(told.len(), PHASES);
        assert_eq!(told.last().unwrap().done, Some(999));
        reading.take(b"Receiving objects: 1% (1/100)\rReceiving objects: 100% (100/100), done.\n", &latest, &redact);
        assert_eq!(latest.take().unwrap().percent, Some(100));
        assert_eq!(latest.take(), None);
    }
}
