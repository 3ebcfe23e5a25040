//! Where escape sequences and characters begin and end, so that a stream is joined at a whole one.

/// Bytes of an unfinished sequence that are kept. A longer one (a picture in a DCS) is cut for who joins in its middle.
const KEPT: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ground,
    /// After ESC, and intermediates (ECMA-35, 0x20 to 0x2f).
    Escape,
    /// After ESC `[`, up to the final byte.
    Csi,
    /// OSC, DCS, SOS, PM, APC: up to BEL or ST.
    Text,
    /// ESC inside such a text: `\` ends it.
    TextEscape,
    /// Bytes of a UTF-8 character to come.
    Utf8(u8),
}

/// Follows a stream of bytes.
#[derive(Debug)]
pub(crate) struct Boundary {
    state: State,
    unfinished: Vec<u8>,
}

impl Default for Boundary {
    fn default() -> Self {
        Self { state: State::Ground, unfinished: Vec::new() }
    }
}

impl Boundary {
    /// Takes what comes next.
    pub(crate) fn follow(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        loop {
            if self.state == State::Ground {
                // Plain text is passed over at the speed of a search.
                let Some(at) = rest.iter().position(|byte| *byte == 0x1b || *byte >= 0x80) else { return };
                rest = rest.get(at..).unwrap_or_default();
            }
            let Some((&byte, more)) = rest.split_first() else { return };
            rest = more;
            self.state = self.state.next(byte);
            if self.state == State::Ground {
                self.unfinished.clear();
            } else if self.unfinished.len() < KEPT {
                self.unfinished.push(byte);
            }
        }
    }

    /// The bytes since the last whole sequence: who joins here must see them first.
    pub(crate) fn unfinished(&self) -> &[u8] {
        &self.unfinished
    }
}

impl State {
    fn next(self, byte: u8) -> State {
        match (self, byte) {
            // CAN and SUB end any sequence (ECMA-48, 8.3.6); ESC begins a new one.
            (State::Escape | State::Csi | State::Text | State::TextEscape, 0x18 | 0x1a) => State::Ground,
            (State::Text, 0x1b) => State::TextEscape,
            (State::Ground | State::Escape | State::Csi | State::Utf8(_), 0x1b) => State::Escape,
            (State::Ground, 0xc2..=0xdf) => State::Utf8(1),
            (State::Ground, 0xe0..=0xef) => State::Utf8(2),
            (State::Ground, 0xf0..=0xf4) => State::Utf8(3),
            (State::Ground, _) => State::Ground,
            (State::Utf8(left @ 2..), 0x80..=0xbf) => State::Utf8(left - 1),
            (State::Utf8(_), 0x80..=0xbf) => State::Ground,
            // A character that was cut short: this byte begins anew.
            (State::Utf8(_), _) => State::Ground.next(byte),
            (State::Escape, b'[') => State::Csi,
            (State::Escape, b']' | b'P' | b'X' | b'^' | b'_') => State::Text,
            (State::Escape, 0x20..=0x2f) => State::Escape,
            (State::Escape, _) => State::Ground,
            (State::Csi, 0x40..=0x7e) => State::Ground,
            (State::Csi, _) => State::Csi,
            (State::Text, 0x07) => State::Ground,
            (State::Text, _) => State::Text,
            (State::TextEscape, b'\\') => State::Ground,
            (State::TextEscape, 0x1b) => State::TextEscape,
            // ESC that is no ST ends the text and begins another sequence.
            (State::TextEscape, _) => State::Escape.next(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfinished(bytes: &[u8]) -> Vec<u8> {
        let mut boundary = Boundary::default();
        boundary.follow(bytes);
        boundary.unfinished().to_vec()
    }

    #[test]
    fn whole_sequences_leave_nothing() {
        let whole: [&[u8]; 9] = [
            b"plain\r\n",
            b"\x1b[1;31mred\x1b[0m",
            b"\x1b]0;title\x07",
            b"\x1b]8;;http://x\x1b\\link",
            b"\x1bP1$r0m\x1b\\",
            "äöü 漢字 🦀".as_bytes(),
            b"\x1b(B\x1b=\x1b7",
            b"\x1b[12\x18after",
            b"\xff\xfe\x80",
        ];
        for bytes in whole {
            assert_eq!(unfinished(bytes), b"", "{bytes:?}");
        }
    }

    #[test]
    fn a_cut_sequence_is_kept_from_its_first_byte() {
        for whole in ["\x1b[38;2;1;2;3m", "\x1b]0;title\x07", "\x1bPx\x1b\\", "🦀", "\x1b(B"] {
            for cut in 1..whole.len() {
                let cut = whole.as_bytes().split_at(cut).0;
                assert_eq!(unfinished(&[b"text", cut].concat()), cut, "{whole:?}");
            }
        }
    }

    #[test]
    fn an_endless_sequence_is_bounded() {
        assert_eq!(unfinished(&[b"\x1b]".as_slice(), &[b'x'; 100_000]].concat()).len(), KEPT);
    }
}
