//! The model of a terminal's screen.

use std::num::NonZeroU16;
use std::panic::{AssertUnwindSafe, catch_unwind};

use unicode_width::UnicodeWidthChar;
use vt100::{Callbacks, Parser, Screen as Model};

use super::boundary::{Boundary, Part};
use super::modes::Modes;

/// Most columns and rows.
pub(crate) const MAX_SIDE: u16 = 1000;

/// Memory of one cell of the model, in bytes, as vt100 lays it out.
pub(crate) const CELL: u64 = 32;

/// Longest title that is kept, in characters.
const MAX_TITLE: usize = 256;

/// Columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) cols: u16,
    pub(crate) rows: u16,
}

impl Size {
    /// What was asked for, if neither is 0; cut to [`MAX_SIDE`].
    pub(crate) fn of(cols: Option<u16>, rows: Option<u16>) -> Option<Size> {
        match (cols, rows) {
            (Some(cols @ 1..), Some(rows @ 1..)) => Some(Size { cols: cols.min(MAX_SIDE), rows: rows.min(MAX_SIDE) }),
            (Some(_) | None, _) => None,
        }
    }

    /// What was asked for, where a side that was not, or is 0, is that of `otherwise`. `None` when neither was.
    pub(crate) fn asked(cols: Option<u16>, rows: Option<u16>, otherwise: Size) -> Option<Size> {
        let [cols, rows] = [cols, rows].map(|side| side.filter(|side| *side > 0));
        cols.or(rows)?;
        Size::of(cols.or(Some(otherwise.cols)), rows.or(Some(otherwise.rows)))
    }

    pub(super) fn parts(self) -> (NonZeroU16, NonZeroU16) {
        (NonZeroU16::new(self.rows).unwrap_or(NonZeroU16::MIN), NonZeroU16::new(self.cols).unwrap_or(NonZeroU16::MIN))
    }
}

/// What the model tells beside the screen.
#[derive(Debug, Default)]
pub(super) struct Told {
    title: String,
}

impl Callbacks for Told {
    fn set_window_title(&mut self, _: &mut Model, title: &[u8]) {
        self.title = String::from_utf8_lossy(title).chars().filter(|c| !c.is_control()).take(MAX_TITLE).collect();
    }
}

/// The screen of one terminal.
pub(crate) struct Screen {
    pub(super) parser: Parser<Told>,
    pub(super) boundary: Boundary,
    pub(super) modes: Modes,
    scrollback: usize,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").field("size", &self.size()).finish_non_exhaustive()
    }
}

impl Screen {
    /// An empty screen that keeps so many lines above it.
    pub(crate) fn new(size: Size, scrollback: usize) -> Self {
        let (rows, cols) = size.parts();
        let parser = Parser::new_with_callbacks(rows, cols, scrollback, Told::default());
        Self { parser, boundary: Boundary::default(), modes: Modes::default(), scrollback }
    }

    /// Takes what the program shows.
    pub(crate) fn process(&mut self, bytes: &[u8]) {
        let Self { parser, boundary, modes, .. } = self;
        let processed = catch_unwind(AssertUnwindSafe(|| {
            boundary.follow(bytes, |part| match part {
                Part::Text(text) if modes.is_plain() => parser.process(text),
                Part::Text(text) => print(parser, modes, text),
                Part::Sequence(sequence) => {
                    modes.follow(sequence, parser.screen().size().0.get());
                    obey(parser, sequence);
                }
            });
        }));
        // Whatever a program prints must not end the terminal: a model that fails begins anew.
        if processed.is_err() {
            tracing::error!("the terminal model failed, and begins with an empty screen");
            self.begin_anew(self.size());
        }
    }

    fn begin_anew(&mut self, size: Size) {
        let told = std::mem::take(self.parser.callbacks_mut());
        let (rows, cols) = size.parts();
        self.parser = Parser::new_with_callbacks(rows, cols, self.scrollback, told);
        self.boundary = Boundary::default();
    }

    /// Columns and rows now.
    pub(crate) fn size(&self) -> Size {
        let (rows, cols) = self.parser.screen().size();
        Size { cols: cols.get(), rows: rows.get() }
    }

    /// Takes another size.
    pub(crate) fn resize(&mut self, size: Size) {
        let (rows, cols) = size.parts();
        if catch_unwind(AssertUnwindSafe(|| self.parser.set_size(rows, cols))).is_err() {
            tracing::error!("the terminal model failed, and begins with an empty screen");
            self.begin_anew(size);
        }
    }

    /// Title that the program set.
    pub(crate) fn title(&self) -> &str {
        &self.parser.callbacks().title
    }

    /// Column and row of the cursor, from 0.
    pub(crate) fn cursor(&self) -> (u16, u16) {
        let (row, col) = self.parser.screen().cursor_position();
        (col.min(self.size().cols - 1), row)
    }

    /// Column of the cursor, from 0; the width when the next character goes to the next line.
    pub(crate) fn column(&self) -> usize {
        usize::from(self.parser.screen().cursor_position().1)
    }

    /// Whether the program uses the alternate screen.
    pub(crate) fn alternate(&self) -> bool {
        self.parser.screen().alternate_screen()
    }

    /// After how many lines of plain text nothing is left of what was before them; `None` when something may be.
    pub(crate) fn forgets_after(&self) -> Option<usize> {
        let ordinary = !self.alternate()
            && self.modes.is_plain()
            && self.modes.scrolls_whole()
            && self.boundary.unfinished().is_empty();
        // Down to the bottom, the whole screen up, through the scrollback; and as many as a later, higher screen could
        // pull back.
        ordinary.then(|| 2 * usize::from(self.size().rows) + self.scrollback.max(usize::from(MAX_SIDE)))
    }
}

/// Prints where modes that vt100 does not know change what that means.
fn print(parser: &mut Parser<Told>, modes: &Modes, text: &[u8]) {
    let cols = parser.screen().size().1.get();
    let mut utf8 = [0; 4];
    for printed in String::from_utf8_lossy(text).chars() {
        let seen = modes.seen(printed);
        let width = u16::try_from(seen.width().unwrap_or(0)).unwrap_or(0);
        if width > 0 {
            if modes.clips() && parser.screen().cursor_position().1 + width > cols {
                parser.process(format!("\x1b[{}G", (cols + 1).saturating_sub(width)).as_bytes());
            }
            if modes.insert {
                parser.process(format!("\x1b[{width}@").as_bytes());
            }
        }
        parser.process(seen.encode_utf8(&mut utf8).as_bytes());
    }
}

/// Does what a sequence says, also where vt100 does not know it by this name.
fn obey(parser: &mut Parser<Told>, sequence: &[u8]) {
    let (row, col) = parser.screen().cursor_position();
    let cols = parser.screen().size().1.get();
    match sequence {
        // SCOSC, SCORC and mode 1048 are DECSC and DECRC; IND, NEL.
        b"\x1b[s" | b"\x1b[?1048h" => parser.process(b"\x1b7"),
        b"\x1b[u" | b"\x1b[?1048l" => parser.process(b"\x1b8"),
        b"\x1b[?1047h" => parser.process(b"\x1b[?47h"),
        b"\x1b[?1047l" => parser.process(b"\x1b[?47l"),
        b"\x1bD" => parser.process(b"\n"),
        b"\x1bE" => parser.process(b"\r\n"),
        // DECSTR leaves the screen and the cursor as they are.
        b"\x1b[!p" => {
            parser.process(b"\x1b[?6l\x1b[r\x1b[?1l\x1b>\x1b[?25h\x1b[m");
            parser.process(format!("\x1b[{};{}H", row + 1, col + 1).as_bytes());
        }
        [0x1b, b'[', count @ .., end @ (b'Z' | b'I' | b'a' | b'e' | b'b')] => {
            // No count that moves the cursor or repeats a character makes a difference beyond the width.
            let count = std::str::from_utf8(count).ok().filter(|count| !count.is_empty()).unwrap_or("1");
            let Ok(count) = count.parse::<u16>() else { return };
            let count = count.clamp(1, cols);
            match end {
                // CBT, CHT, HPR, VPR, REP.
                b'Z' => {
                    let stop = col.min(cols).div_ceil(8).saturating_sub(count) * 8;
                    parser.process(format!("\x1b[{}G", stop + 1).as_bytes());
                }
                b'I' => parser.process(&vec![b'\t'; usize::from(count.min(cols.div_ceil(8)))]),
                b'a' => parser.process(format!("\x1b[{count}C").as_bytes()),
                b'e' => parser.process(format!("\x1b[{count}B").as_bytes()),
                _ => parser.process(format!("\x1b[{count}b").as_bytes()),
            }
        }
        _ => parser.process(sequence),
    }
}

#[cfg(test)]
pub(super) mod tests;
