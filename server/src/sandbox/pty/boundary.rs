//! Where escape sequences and characters begin and end, so that a stream is joined, and fed to the model, by whole ones.

/// Longest sequence that is kept, in bytes. A longer one (a picture) does not reach the model, and is cut for who joins
/// in its middle.
const KEPT: usize = 4096;

/// A part of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// Characters and control characters, whole ones.
    Text(&'a [u8]),
    /// One escape sequence, or a shift between character sets (SO, SI).
    Sequence(&'a [u8]),
}

/// States of ECMA-48's grammar, as far as they decide where a sequence ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ground,
    /// Bytes of a UTF-8 character to come.
    Utf8(u8),
    /// After ESC.
    Escape,
    /// After ESC and intermediates (ECMA-35, 0x20 to 0x2f).
    Intermediate,
    /// After ESC `[`, up to the final byte.
    Csi,
    /// After ESC `]`, up to BEL or ST.
    Osc,
    /// DCS, SOS, PM, APC: up to ST.
    Text,
    /// ESC inside of one of these: `\` makes it ST.
    TextEscape,
}

/// Follows a stream of bytes.
#[derive(Debug)]
pub(crate) struct Boundary {
    state: State,
    /// What has come of a sequence that is not complete, cut to [`KEPT`].
    unfinished: Vec<u8>,
    /// Whether it was cut.
    overlong: bool,
}

impl Default for Boundary {
    fn default() -> Self {
        Self { state: State::Ground, unfinished: Vec::new(), overlong: false }
    }
}

impl Boundary {
    /// Takes what comes next, and hands on what is complete.
    pub(crate) fn follow(&mut self, bytes: &[u8], mut take: impl FnMut(Part<'_>)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.state {
                State::Ground => self.text(rest, &mut take),
                State::Utf8(left) => self.character(left, rest, &mut take),
                State::Escape | State::Intermediate | State::Csi | State::Osc | State::Text | State::TextEscape => {
                    self.sequence(rest, &mut take)
                }
            };
        }
    }

    /// The bytes since the last whole sequence: who joins here must see them first.
    pub(crate) fn unfinished(&self) -> &[u8] {
        &self.unfinished
    }

    fn text<'a>(&mut self, bytes: &'a [u8], take: &mut impl FnMut(Part<'_>)) -> &'a [u8] {
        let special = memchr::memchr3(0x1b, 0x0e, 0x0f, bytes);
        let (text, rest) = bytes.split_at(special.unwrap_or(bytes.len()));
        let (begun, missing) = if special.is_none() { begun_character(text) } else { (0, 0) };
        let (text, begun) = text.split_at(text.len() - begun);
        if !text.is_empty() {
            take(Part::Text(text));
        }
        if !begun.is_empty() {
            self.unfinished.extend_from_slice(begun);
            self.state = State::Utf8(missing);
        }
        match rest.split_first() {
            Some((0x1b, _)) => self.sequence(rest, take),
            Some((_, after)) => {
                take(Part::Sequence(rest.split_at(1).0));
                after
            }
            None => rest,
        }
    }

    fn character<'a>(&mut self, left: u8, bytes: &'a [u8], take: &mut impl FnMut(Part<'_>)) -> &'a [u8] {
        let mut rest = bytes;
        if let Some((byte @ 0x80..=0xbf, after)) = bytes.split_first() {
            self.unfinished.push(*byte);
            rest = after;
            if left > 1 {
                self.state = State::Utf8(left - 1);
                return rest;
            }
        }
        // Complete, or cut short by something else.
        take(Part::Text(&self.unfinished));
        self.unfinished.clear();
        self.state = State::Ground;
        rest
    }

    fn sequence<'a>(&mut self, bytes: &'a [u8], take: &mut impl FnMut(Part<'_>)) -> &'a [u8] {
        let mut length = 0;
        for byte in bytes {
            self.state = self.state.next(*byte);
            length += 1;
            if self.state == State::Ground {
                break;
            }
        }
        let (piece, rest) = bytes.split_at(length);
        self.overlong |= self.unfinished.len() + piece.len() > KEPT;
        let complete = self.state == State::Ground;
        if complete && self.unfinished.is_empty() && !self.overlong {
            take(Part::Sequence(piece));
            return rest;
        }
        let room = KEPT - self.unfinished.len();
        self.unfinished.extend_from_slice(piece.get(..room).unwrap_or(piece));
        if complete {
            if !self.overlong {
                take(Part::Sequence(&self.unfinished));
            }
            self.unfinished.clear();
            self.overlong = false;
        }
        rest
    }
}

/// How many bytes at the end begin a character, and how many of it are missing.
fn begun_character(text: &[u8]) -> (usize, u8) {
    for (back, byte) in (1..=3_u8).zip(text.iter().rev()) {
        let length = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return (0, 0),
        };
        return if length > back { (usize::from(back), length - back) } else { (0, 0) };
    }
    (0, 0)
}

impl State {
    fn next(self, byte: u8) -> State {
        match (self, byte) {
            // CAN and SUB end any sequence (ECMA-48, 8.3.6).
            (_, 0x18 | 0x1a) => State::Ground,
            (State::Osc | State::Text | State::TextEscape, 0x1b) => State::TextEscape,
            (_, 0x1b) => State::Escape,
            // ESC that is no ST ends the text and begins another sequence.
            (State::TextEscape | State::Escape, b'[') => State::Csi,
            (State::TextEscape | State::Escape, b']') => State::Osc,
            (State::TextEscape | State::Escape, b'P' | b'X' | b'^' | b'_') => State::Text,
            (State::TextEscape | State::Escape | State::Intermediate, 0x20..=0x2f) => State::Intermediate,
            (State::TextEscape | State::Escape | State::Intermediate, 0x30..=0x7e) => State::Ground,
            // Control characters inside a sequence do what they do, and it goes on.
            (State::TextEscape, _) => State::Escape,
            (State::Csi, 0x40..=0x7e) => State::Ground,
            (State::Osc, 0x07) => State::Ground,
            (same, _) => same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfinished(bytes: &[u8]) -> Vec<u8> {
        let mut boundary = Boundary::default();
        boundary.follow(bytes, |_| ());
        boundary.unfinished().to_vec()
    }

    /// All that was handed on, texts in brackets.
    fn parts(pieces: &[&[u8]]) -> String {
        let mut boundary = Boundary::default();
        let mut all = String::new();
        for piece in pieces {
            boundary.follow(piece, |part| match part {
                Part::Text(text) => all.push_str(&format!("({})", String::from_utf8_lossy(text))),
                Part::Sequence(sequence) => all.push_str(&sequence.escape_ascii().to_string()),
            });
        }
        all
    }

    #[test]
    fn whole_sequences_leave_nothing() {
        let whole: [&[u8]; 10] = [
            b"plain\r\n",
            b"\x1b[1;31mred\x1b[0m",
            b"\x1b]0;title\x07",
            b"\x1b]8;;http://x\x1b\\link",
            b"\x1bP1$r0m\x1b\\",
            "äöü 漢字 🦀".as_bytes(),
            b"\x1b(B\x1b=\x1b7",
            b"\x1b([\x1b(0",
            b"\x1b[12\x18after",
            b"\xff\xfe\x80",
        ];
        for bytes in whole {
            assert_eq!(unfinished(bytes), b"", "{bytes:?}");
        }
    }

    #[test]
    fn a_cut_sequence_is_kept_from_its_first_byte() {
        for whole in ["\x1b[38;2;1;2;3m", "\x1b]0;title\x07", "\x1bPx\x07\x1b\\", "🦀", "\x1b(B", "\x1b\n[\r3m"] {
            for cut in 1..whole.len() {
                let (first, second) = whole.as_bytes().split_at(cut);
                assert_eq!(unfinished(&[b"text", first].concat()), first, "{whole:?}");
                assert_eq!(parts(&[first, second]), parts(&[whole.as_bytes()]), "{whole:?}");
            }
        }
        assert_eq!(
            parts(&[b"a\x1b[1mb\x0ec\xf0\x9f", b"x\x1b[0", b"m"]),
            "(a)\\x1b[1m(b)\\x0e(c)(\u{fffd})(x)\\x1b[0m"
        );
    }

    #[test]
    fn an_endless_sequence_is_bounded_and_not_handed_on() {
        let endless = [b"\x1b]0;".as_slice(), &[b'x'; 100_000]].concat();
        assert_eq!(unfinished(&endless).len(), KEPT);
        assert_eq!(parts(&[&endless, b"more", b"\x07text"]), "(text)");
        assert_eq!(parts(&[&[endless.as_slice(), b"\x07text"].concat()]), "(text)");
    }
}
