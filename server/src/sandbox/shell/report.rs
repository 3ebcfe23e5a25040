//! What a session's shell reports, from the bytes of its pipe. Pure.
//!
//! A report ends with a NUL. Whoever knows the path of the pipe can write to it: what is not understood, or is too long,
//! is passed over up to the next NUL, and an end counts only with the nonce of the command.

use super::quote::unquoted;

/// Longest report, in bytes: an EXIT trap and a few words. Of a longer one its end counts.
pub(super) const LONGEST: usize = 4 << 10;

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// Standard input of the command is open.
    Open {
        /// Of the command.
        nonce: String,
    },
    /// The directory of the command could not be entered.
    NoDirectory {
        /// Of the command.
        nonce: String,
    },
    /// The command has ended.
    Done {
        /// Of the command.
        nonce: String,
        /// Its status.
        status: i32,
        /// The code of the EXIT trap that is set now; `None` when none is set or it cannot be read.
        exit_trap: Option<Vec<u8>>,
    },
    /// The shell has started and waits for commands.
    Ready,
    /// The shell ends, and has left its state.
    Left,
}

/// Most that is held of reports, in bytes: with what one read brings.
pub(crate) const MOST: usize = 3 * LONGEST;

/// Collects bytes to reports.
#[derive(Debug, Default)]
pub(super) struct Reports {
    bytes: Vec<u8>,
}

impl Reports {
    /// Takes what was read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // What is too long loses its beginning: the words that count stand at the end.
        if self.bytes.len() > 2 * LONGEST && !self.bytes.contains(&0) {
            self.bytes.drain(..self.bytes.len() - LONGEST);
        }
    }

    /// The next report that makes sense.
    pub(super) fn next(&mut self) -> Option<Report> {
        while let Some(end) = memchr::memchr(0, &self.bytes) {
            let report = parse(self.bytes.get(..end).unwrap_or_default());
            self.bytes.drain(..=end);
            if report.is_some() {
                return report;
            }
        }
        None
    }
}

/// Reads a report without its NUL: `[trap -- '…' EXIT\n]done NONCE STATUS`, `open NONCE`, `nodir NONCE`, `ready` or `left`.
fn parse(bytes: &[u8]) -> Option<Report> {
    let line = bytes.rsplit(|byte| *byte == b'\n').next()?;
    let before = bytes.get(..bytes.len() - line.len())?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let report = match (words.next()?, words.next(), words.next()) {
        ("ready", None, None) => Report::Ready,
        ("left", None, None) => Report::Left,
        ("open", Some(nonce), None) => Report::Open { nonce: nonce.to_owned() },
        ("nodir", Some(nonce), None) => Report::NoDirectory { nonce: nonce.to_owned() },
        ("done", Some(nonce), Some(status)) => {
            let status = status.parse().ok().filter(|status| (0..=255).contains(status))?;
            Report::Done { nonce: nonce.to_owned(), status, exit_trap: exit_trap(before) }
        }
        _ => return None,
    };
    words.next().is_none().then_some(report)
}

/// The code in `trap -- 'code' EXIT`, which begins a line. A user's DEBUG trap may have written before and behind it.
fn exit_trap(text: &[u8]) -> Option<Vec<u8>> {
    const BEGIN: &[u8] = b"trap -- ";
    let begins = memchr::memmem::find_iter(text, BEGIN);
    let lines = begins.filter(|at| *at == 0 || text.get(at - 1) == Some(&b'\n'));
    let mut traps = lines.filter_map(|at| unquoted(text.get(at + BEGIN.len()..)?));
    traps.find(|(_, behind)| behind.starts_with(b" EXIT\n")).map(|(code, _)| code)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8]) -> Vec<Report> {
        let mut reports = Reports::default();
        reports.push(bytes);
        std::iter::from_fn(|| reports.next()).collect()
    }

    fn done(nonce: &str, status: i32) -> Report {
        Report::Done { nonce: nonce.to_owned(), status, exit_trap: None }
    }

    #[test]
    fn each_report_is_read() {
        assert_eq!(all(b"done n1 0\0left\0"), [done("n1", 0), Report::Left]);
        assert_eq!(all(b"open n2\0"), [Report::Open { nonce: "n2".into() }]);
        assert_eq!(all(b"nodir n2\0"), [Report::NoDirectory { nonce: "n2".into() }]);
        let trapped = all(b"trap -- 'echo '\\''a\nb'\\''' EXIT\ndone n1 255\0");
        assert_eq!(
            trapped,
            [Report::Done { nonce: "n1".into(), status: 255, exit_trap: Some(b"echo 'a\nb'".to_vec()) }]
        );
    }

    #[test]
    fn a_debug_trap_that_writes_does_not_hide_the_exit_trap() {
        let noisy = all(b"D\ntrap -- 'x\ny' EXIT\nD\ndone n1 0\0");
        assert_eq!(noisy, [Report::Done { nonce: "n1".into(), status: 0, exit_trap: Some(b"x\ny".to_vec()) }]);
        assert_eq!(all(b"trap -- 'x\ndone n1 0\0"), [done("n1", 0)], "it is not whole");
    }

    #[test]
    fn what_makes_no_sense_is_passed_over() {
        let noise: [&[u8]; 9] = [
            b"",
            b"done",
            b"done n1",
            b"done n1 x",
            b"done n1 256",
            b"done n1 -1",
            b"done n1 0 0",
            b"left now",
            b"\xff\n",
        ];
        for noise in noise {
            let mut bytes = noise.to_vec();
            bytes.extend_from_slice(b"\0done n9 7\0");
            assert_eq!(all(&bytes), [done("n9", 7)], "{noise:?}");
        }
        assert_eq!(all(b"done n1 0"), [], "it is not whole");
    }

    #[test]
    fn noise_without_end_costs_no_more_than_its_bound() {
        let mut reports = Reports::default();
        for _ in 0..100 {
            reports.push(&[b'x'; 4 << 10]);
        }
        assert!(reports.bytes.len() <= 3 * LONGEST);
        reports.push(b"\ndone n1 3\0");
        assert_eq!(reports.next(), Some(done("n1", 3)));
    }

    proptest! {
        /// However the pipe cuts them, and whatever stands before, reports come out whole and in order.
        #[test]
        fn pieces_do_not_matter(noise in proptest::collection::vec(1_u8.., 0..50), cut in 1_usize..20) {
            let mut bytes = noise;
            bytes.extend_from_slice(b"\0done n1 1\0left\0done n2 2\0");
            let mut reports = Reports::default();
            let mut seen = Vec::new();
            for piece in bytes.chunks(cut) {
                reports.push(piece);
                seen.extend(std::iter::from_fn(|| reports.next()));
            }
            prop_assert!(seen.ends_with(&[done("n1", 1), Report::Left, done("n2", 2)]));
        }
    }
}
