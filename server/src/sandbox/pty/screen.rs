//! The model of a terminal's screen, and the escape sequences that paint it elsewhere.

use std::num::NonZeroU16;
use std::panic::{AssertUnwindSafe, catch_unwind};

use vt100::{Callbacks, Parser, Screen as Model};

use super::boundary::Boundary;

/// Most columns and rows.
pub(crate) const MAX_SIDE: u16 = 1000;

/// Longest title that is kept, in characters.
const MAX_TITLE: usize = 256;

/// Ends whatever sequence a viewer is in the middle of, and resets it (CAN, RIS).
pub(crate) const RESET: &[u8] = b"\x18\x1bc";

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

    fn parts(self) -> (NonZeroU16, NonZeroU16) {
        (NonZeroU16::new(self.rows).unwrap_or(NonZeroU16::MIN), NonZeroU16::new(self.cols).unwrap_or(NonZeroU16::MIN))
    }
}

/// What the model tells beside the screen.
#[derive(Debug, Default)]
struct Told {
    title: String,
}

impl Callbacks for Told {
    fn set_window_title(&mut self, _: &mut Model, title: &[u8]) {
        self.title = String::from_utf8_lossy(title).chars().filter(|c| !c.is_control()).take(MAX_TITLE).collect();
    }
}

/// The screen of one terminal.
pub(crate) struct Screen {
    parser: Parser<Told>,
    boundary: Boundary,
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
        Self { parser, boundary: Boundary::default(), scrollback }
    }

    /// Takes what the program shows.
    pub(crate) fn process(&mut self, bytes: &[u8]) {
        self.boundary.follow(bytes);
        // Whatever a program prints must not end the terminal: a model that fails begins anew.
        if catch_unwind(AssertUnwindSafe(|| self.parser.process(bytes))).is_err() {
            tracing::error!("the terminal model failed, and begins with an empty screen");
            let told = std::mem::take(self.parser.callbacks_mut());
            let (rows, cols) = self.size().parts();
            self.parser = Parser::new_with_callbacks(rows, cols, self.scrollback, told);
        }
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
            let told = std::mem::take(self.parser.callbacks_mut());
            self.parser = Parser::new_with_callbacks(rows, cols, self.scrollback, told);
        }
    }

    /// Title that the program set.
    pub(crate) fn title(&self) -> &str {
        &self.parser.callbacks().title
    }

    /// Column and row of the cursor, from 0.
    pub(crate) fn cursor(&self) -> (u16, u16) {
        let (row, col) = self.parser.screen().cursor_position();
        (col, row)
    }

    /// Whether the program uses the alternate screen.
    pub(crate) fn alternate(&self) -> bool {
        self.parser.screen().alternate_screen()
    }

    /// Escape sequences that paint the last lines of the scrollback and the screen on a terminal that was reset, with
    /// cursor, attributes, modes and title; then the bytes of a sequence that is not complete yet.
    pub(crate) fn paint(&self, scrollback: usize) -> Vec<u8> {
        let screen = self.parser.screen();
        let mut out = String::new();
        if screen.alternate_screen() {
            // What is below the alternate screen comes back when the program leaves it.
            let (rows, cols) = self.size().parts();
            let mut normal = Parser::new(rows, cols, self.scrollback);
            *normal.screen_mut() = screen.clone();
            normal.process(b"\x1b[?1049l");
            paint_history(&mut out, normal.screen(), scrollback);
            out.push_str(&normal.screen().contents_formatted());
            out.push_str("\x1b[?1049h");
        } else {
            paint_history(&mut out, screen, scrollback);
        }
        out.push_str(&screen.state_formatted());
        if !self.title().is_empty() {
            out.push_str("\x1b]0;");
            out.push_str(self.title());
            out.push('\x07');
        }
        let mut out = out.into_bytes();
        out.extend_from_slice(self.boundary.unfinished());
        out
    }

    /// The last lines of the scrollback and the screen as text, trailing blanks left out.
    pub(crate) fn text(&self, scrollback: usize) -> String {
        let mut lines: Vec<String> = history(self.parser.screen(), scrollback, |screen| {
            let (_, cols) = screen.size();
            screen.rows(0, cols.get()).collect()
        });
        let (_, cols) = self.parser.screen().size();
        lines.extend(self.parser.screen().rows(0, cols.get()));
        for line in &mut lines {
            line.truncate(line.trim_end().len());
        }
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines.join("\n")
    }
}

/// The last `most` lines of the scrollback, oldest first, as `rows` makes them of a screenful.
fn history(screen: &Model, most: usize, rows: impl Fn(&Model) -> Vec<String>) -> Vec<String> {
    let available = screen.scrollback_len().min(most);
    if available == 0 {
        return Vec::new();
    }
    let mut screen = screen.clone();
    let height = usize::from(screen.size().0.get());
    let mut lines = Vec::with_capacity(available);
    let mut above = available;
    while above > 0 {
        screen.set_scrollback(above);
        let take = above.min(height);
        lines.extend(rows(&screen).into_iter().take(take));
        above -= take;
    }
    lines
}

fn paint_history(out: &mut String, screen: &Model, most: usize) {
    let (height, cols) = screen.size();
    let lines = history(screen, most, |screen| screen.rows_formatted(0, cols.get()).collect());
    if lines.is_empty() {
        return;
    }
    for line in &lines {
        // Each line on the bottom row, painted from its begin, then pushed up by a newline.
        out.push_str("\x1b[m\r");
        out.push_str(line);
        out.push_str("\x1b[m\r\n");
    }
    // From wherever that ended, a screenful of newlines pushes the last of them off the screen.
    for _ in 1..height.get() {
        out.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests;
