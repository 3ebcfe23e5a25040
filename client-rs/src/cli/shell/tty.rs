//! The local terminal: raw while a shell is shown, and as it was afterwards on every way out.

use std::io;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Leaves the alternate screen, mouse and paste modes and colours that the program may have switched on. The alternate
/// screen by 1047, which moves no cursor when it was not in use.
const RESET: &[u8] =
    b"\x1b[?1047l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b[?25h\x1b[0m";

/// Raw mode, until it is dropped.
#[derive(Debug)]
pub(crate) struct Raw {
    before: Termios,
}

impl Raw {
    /// Switches standard input, which must be a terminal, to raw mode.
    pub(crate) fn enter() -> io::Result<Self> {
        let before = tcgetattr(rustix::stdio::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Drain, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs no modes.
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Drain, &self.before).unwrap_or_default();
    }
}

/// Undoes what the program in the sandbox did to the screen and cannot undo any more.
pub(crate) fn reset() {
    // As above.
    super::stdio::stdout(RESET).unwrap_or_default();
}

/// Columns and rows of the local terminal.
pub(crate) fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(rustix::stdio::stdout()).or_else(|_| tcgetwinsize(rustix::stdio::stdin())).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
}
