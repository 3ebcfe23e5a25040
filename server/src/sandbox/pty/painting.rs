//! The escape sequences that paint a model's screen elsewhere, and its text.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use vt100::{Parser, Screen as Model};

use super::screen::Screen;

/// Held while a model is copied to be painted: the copies of one screen at a time are what there is memory for.
static COPIES: Mutex<()> = Mutex::new(());

/// Most bytes that paint the scrollback; of a longer one the newest lines are painted.
pub(crate) const HISTORY: usize = 256 << 10;

/// Ends whatever sequence a viewer is in the middle of, and resets it (CAN, RIS).
pub(crate) const RESET: &[u8] = b"\x18\x1bc";

impl Screen {
    /// Escape sequences that paint the last lines of the scrollback and the screen on a terminal that was reset, with
    /// cursor, attributes, modes and title; then the bytes of a sequence that is not complete yet.
    pub(crate) fn paint(&self, scrollback: usize) -> Vec<u8> {
        let _one_at_a_time = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
        catch_unwind(AssertUnwindSafe(|| self.painting(scrollback))).unwrap_or_else(|_panic| {
            tracing::error!("the terminal model could not be painted");
            RESET.to_vec()
        })
    }

    fn painting(&self, scrollback: usize) -> Vec<u8> {
        let screen = self.parser.screen();
        let mut probe = Parser::default();
        *probe.screen_mut() = screen.clone();
        let mut out = String::new();
        if screen.alternate_screen() {
            // What is below the alternate screen comes back when the program leaves it.
            probe.process(b"\x1b[?1049l");
            paint_history(&mut out, probe.screen_mut(), scrollback);
            let normal = probe.screen().clone();
            out.push_str(&normal.contents_formatted());
            paint_hidden(&mut out, &normal, &mut probe);
            out.push_str("\x1b[?1049h");
            *probe.screen_mut() = screen.clone();
        } else {
            paint_history(&mut out, probe.screen_mut(), scrollback);
        }
        out.push_str(&screen.state_formatted());
        if !self.title().is_empty() {
            out.push_str("\x1b]0;");
            out.push_str(self.title());
            out.push('\x07');
        }
        paint_hidden(&mut out, screen, &mut probe);
        let mut out = out.into_bytes();
        self.modes.paint(&mut out);
        out.extend_from_slice(self.boundary.unfinished());
        out
    }

    /// The last lines of the scrollback and the screen as text, trailing blanks left out.
    pub(crate) fn text(&self, scrollback: usize) -> String {
        let _one_at_a_time = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
        catch_unwind(AssertUnwindSafe(|| self.plain(scrollback))).unwrap_or_else(|_panic| {
            tracing::error!("the terminal model could not be read");
            String::new()
        })
    }

    fn plain(&self, scrollback: usize) -> String {
        let screen = self.parser.screen();
        let cols = screen.size().1.get();
        let mut lines = if scrollback == 0 {
            Vec::new()
        } else {
            history(&mut screen.clone(), scrollback, |screen| screen.rows(0, cols).collect())
        };
        lines.extend(screen.rows(0, cols));
        for line in &mut lines {
            line.truncate(line.trim_end().len());
        }
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines.join("\n")
    }
}

/// The last lines of the scrollback, oldest first, as `rows` makes them of a screenful: at most so many, and at most
/// [`HISTORY`] bytes.
fn history(screen: &mut Model, most: usize, rows: impl Fn(&Model) -> Vec<String>) -> Vec<String> {
    let height = usize::from(screen.size().0.get());
    let available = screen.scrollback_len().min(most);
    let mut newest_first = Vec::new();
    let mut bytes = 0;
    let mut above = 0;
    'pages: while above < available {
        let page = (available - above).min(height);
        above += page;
        screen.set_scrollback(above);
        for line in rows(screen).into_iter().take(page).rev() {
            bytes += line.len();
            if bytes > HISTORY {
                break 'pages;
            }
            newest_first.push(line);
        }
    }
    screen.set_scrollback(0);
    newest_first.reverse();
    newest_first
}

fn paint_history(out: &mut String, screen: &mut Model, most: usize) {
    let (height, cols) = screen.size();
    let lines = history(screen, most, |screen| screen.rows_formatted(0, cols.get()).collect());
    if lines.is_empty() {
        return;
    }
    for line in &lines {
        // Each line from its begin, then on to the next.
        out.push_str("\x1b[m\r");
        out.push_str(line);
        out.push_str("\x1b[m\r\n");
    }
    // From wherever that ended, a screenful of newlines pushes the last of them off the screen.
    for _ in 1..height.get() {
        out.push_str("\r\n");
    }
}

/// What the model knows and does not show: it is found by asking a copy where the cursor goes.
fn paint_hidden(out: &mut String, screen: &Model, probe: &mut Parser) {
    let last = screen.size().0.get() - 1;
    let mut row_after = |sequence: &[u8]| {
        probe.process(sequence);
        probe.screen().cursor_position().0
    };
    let reach = (row_after(b"\x1b[1;1H"), row_after(b"\x1b[9999;1H"));
    // Origin mode (DECOM) confines the cursor to the scroll region.
    let region = (row_after(b"\x1b[?6h"), row_after(b"\x1b[9999;1H"));
    let scrolls_whole = region == (0, last);
    let origin = !scrolls_whole && reach == region;
    probe.process(b"\x1b[?6l\x1b8");
    let saved = probe.screen();
    if saved.cursor_position() != (0, 0) || saved.attributes_formatted() != "\x1b[m" || screen.alternate_screen() {
        place_cursor(out, saved, 0);
        out.push_str("\x1b7");
    }
    // Some terminals have one region for both screens.
    if !scrolls_whole || screen.alternate_screen() {
        out.push_str(&format!("\x1b[{};{}r", region.0 + 1, region.1 + 1));
    }
    if origin {
        out.push_str("\x1b[?6h");
    }
    place_cursor(out, screen, if origin { region.0 } else { 0 });
}

/// Puts the cursor where it is, also behind the last column, and sets the attributes of what comes next. `top` is the
/// row that counts as the first.
fn place_cursor(out: &mut String, screen: &Model, top: u16) {
    let (row, col) = screen.cursor_position();
    let cols = screen.size().1.get();
    let line = row.saturating_sub(top) + 1;
    let mut last = cols - 1;
    if screen.cell(row, last).is_some_and(vt100::Cell::is_wide_continuation) {
        last = last.saturating_sub(1);
    }
    if col >= cols && screen.cell(row, last).is_some_and(vt100::Cell::has_contents) {
        // A character in the last column leaves the cursor behind it until the next one comes.
        let mut end = screen.rows_formatted(last, cols - last);
        let cell = end.nth(usize::from(row)).unwrap_or_default();
        out.push_str(&format!("\x1b[m\x1b[{line};{}H{cell}", last + 1));
    } else {
        out.push_str(&format!("\x1b[{line};{}H", col.min(cols - 1) + 1));
    }
    out.push_str(&screen.attributes_formatted());
}
