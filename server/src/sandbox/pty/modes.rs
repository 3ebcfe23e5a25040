//! What vt100 does not keep of a terminal's state: modes, character sets, the open link.

/// Private modes (DECSET) that are painted again, with what they are at the start.
const MODES: [(u16, bool); 7] = [
    // Reverse video.
    (5, false),
    // Wrap at the right margin.
    (7, true),
    // Blinking cursor.
    (12, false),
    // Reports of focus.
    (1004, false),
    // The wheel moves the cursor on the alternate screen.
    (1007, false),
    // Encodings of the mouse that vt100 does not know: urxvt's, and SGR in pixels.
    (1015, false),
    (1016, false),
];

/// Index of the mode for wrapping.
const WRAP: usize = 1;

/// The characters that DEC's line drawing set has for `` ` `` to `~`.
const LINE_DRAWING: &str = "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·";

/// The state that is followed beside the model.
#[derive(Debug)]
pub(crate) struct Modes {
    private: [bool; MODES.len()],
    /// Characters move what follows them to the right (IRM).
    pub(crate) insert: bool,
    /// Whether G0 and G1 are the line drawing set.
    drawing: [bool; 2],
    /// Whether G1 is in use (SO).
    shifted: bool,
    /// `modifyOtherKeys` of xterm.
    other_keys: Option<u8>,
    /// The sequence that opened a link (OSC 8), while it is open.
    link: Option<Vec<u8>>,
    /// Whether part of the screen may scroll alone.
    region: bool,
}

impl Default for Modes {
    fn default() -> Self {
        Self {
            private: MODES.map(|(_, initial)| initial),
            insert: false,
            drawing: [false; 2],
            shifted: false,
            other_keys: None,
            link: None,
            region: false,
        }
    }
}

impl Modes {
    /// Takes one whole sequence; `rows` is the height of the screen.
    pub(crate) fn follow(&mut self, sequence: &[u8], rows: u16) {
        match sequence {
            [0x0e] => self.shifted = true,
            [0x0f] => self.shifted = false,
            [0x1b, b'c'] => *self = Self::default(),
            [0x1b, b'(', set] => self.drawing[0] = *set == b'0',
            [0x1b, b')', set] => self.drawing[1] = *set == b'0',
            // DECSTR keeps the link and the modes that are xterm's own.
            [0x1b, b'[', b'!', b'p'] => {
                (self.insert, self.drawing, self.shifted, self.region) = (false, [false; 2], false, false);
                self.private[WRAP] = true;
            }
            [0x1b, b'[', b'?', numbers @ .., end @ (b'h' | b'l')] => {
                for number in params(numbers) {
                    if let Some(index) = MODES.iter().position(|(mode, _)| Some(*mode) == number) {
                        self.private[index] = *end == b'h';
                    }
                }
            }
            [0x1b, b'[', b'>', b'4', b';', level @ b'0'..=b'9', b'm'] => {
                self.other_keys = (*level != b'0').then_some(*level);
            }
            [0x1b, b'[', b'>', b'4', b'm'] => self.other_keys = None,
            [0x1b, b'[', numbers @ .., end @ (b'h' | b'l')] if params(numbers).any(|number| number == Some(4)) => {
                self.insert = *end == b'h';
            }
            [0x1b, b'[', numbers @ .., b'r'] if numbers.iter().all(|byte| matches!(byte, b'0'..=b'9' | b';')) => {
                let mut numbers = params(numbers).map(Option::unwrap_or_default);
                let (top, bottom) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
                self.region = top > 1 || (1..rows).contains(&bottom);
            }
            [0x1b, b']', b'8', b';', link @ ..] => {
                let closes = link.iter().position(|byte| *byte == b';').and_then(|at| link.get(at + 1..));
                let closes = closes.is_none_or(|target| matches!(target, [] | [0x07] | [0x1b, b'\\']));
                self.link = (!closes).then(|| sequence.to_vec());
            }
            _ => {}
        }
    }

    /// Whether characters of this set are lines.
    fn draws(&self) -> bool {
        self.drawing[usize::from(self.shifted)]
    }

    /// Whether text stops at the right margin.
    pub(crate) fn clips(&self) -> bool {
        !self.private[WRAP]
    }

    /// Whether a character is printed as it comes, where the cursor is, and the cursor moves on.
    pub(crate) fn is_plain(&self) -> bool {
        !self.insert && !self.clips() && !self.draws()
    }

    /// Whether a new line at the bottom moves the whole screen up.
    pub(crate) fn scrolls_whole(&self) -> bool {
        !self.region
    }

    /// The character that is seen for one that is printed.
    pub(crate) fn seen(&self, printed: char) -> char {
        let index = (printed as usize).checked_sub('`' as usize).filter(|_| self.draws());
        index.and_then(|index| LINE_DRAWING.chars().nth(index)).unwrap_or(printed)
    }

    /// The sequences that bring a terminal that was reset to this state.
    pub(crate) fn paint(&self, out: &mut Vec<u8>) {
        for ((mode, initial), now) in MODES.iter().zip(self.private) {
            if now != *initial {
                out.extend_from_slice(format!("\x1b[?{mode}{}", if now { 'h' } else { 'l' }).as_bytes());
            }
        }
        for (set, sequence) in [
            (self.insert, b"\x1b[4h".as_slice()),
            (self.drawing[0], b"\x1b(0"),
            (self.drawing[1], b"\x1b)0"),
            (self.shifted, b"\x0e"),
        ] {
            if set {
                out.extend_from_slice(sequence);
            }
        }
        if let Some(level) = self.other_keys {
            out.extend_from_slice(&[0x1b, b'[', b'>', b'4', b';', level, b'm']);
        }
        out.extend_from_slice(self.link.as_deref().unwrap_or_default());
    }
}

/// The numbers of a sequence; `None` for what is no number.
fn params(bytes: &[u8]) -> impl Iterator<Item = Option<u16>> {
    bytes.split(|byte| *byte == b';').map(|number| std::str::from_utf8(number).ok()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(sequences: &[&[u8]]) -> String {
        let mut modes = Modes::default();
        for sequence in sequences {
            modes.follow(sequence, 24);
        }
        let mut out = Vec::new();
        modes.paint(&mut out);
        out.escape_ascii().to_string()
    }

    #[test]
    fn what_was_set_is_painted_and_what_was_reset_is_not() {
        assert_eq!(painted(&[b"\x1b[?1004;7l", b"\x1b[?1004h", b"\x1b[4h"]), r"\x1b[?7l\x1b[?1004h\x1b[4h");
        assert_eq!(painted(&[b"\x1b(0", b"\x1b)0", b"\x0e"]), r"\x1b(0\x1b)0\x0e");
        assert_eq!(painted(&[b"\x1b(0", b"\x1b)0", b"\x0e", b"\x1b[4h", b"\x1b[?7l", b"\x1b[!p"]), "");
        assert_eq!(painted(&[b"\x1b[?1004h", b"\x1b[>4;2m", b"\x1bc"]), "");
        assert_eq!(painted(&[b"\x1b]8;id=1;http://x\x07", b"\x1b[>4;1m"]), r"\x1b[>4;1m\x1b]8;id=1;http://x\x07");
        assert_eq!(painted(&[b"\x1b]8;;http://x\x07", b"\x1b]8;;\x1b\\"]), "");
    }

    #[test]
    fn a_region_is_known_until_it_is_the_whole_screen_again() {
        let mut modes = Modes::default();
        for (sequence, whole) in
            [(&b"\x1b[2;24r"[..], false), (b"\x1b[r", true), (b"\x1b[1;23r", false), (b"\x1b[1;24r", true)]
        {
            modes.follow(sequence, 24);
            assert_eq!(modes.scrolls_whole(), whole, "{sequence:?}");
        }
    }

    #[test]
    fn lines_are_drawn_where_they_are_meant() {
        let mut modes = Modes::default();
        modes.follow(b"\x1b(0", 24);
        let drawn: String = "lqk x a~".chars().map(|c| modes.seen(c)).collect();
        assert_eq!(drawn, "┌─┐ │ ▒·");
        modes.follow(b"\x1b(B", 24);
        assert_eq!(modes.seen('q'), 'q');
    }
}
