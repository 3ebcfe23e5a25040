//! `pty.*`: terminals. A terminal belongs to the sandbox and outlives its viewers.
//!
//! `pty.open` and `pty.attach` share their streams: 0 up are keys, 0 down is what the terminal shows. Down, the first
//! bytes are escape sequences that paint the scrollback and the screen as they are (between `attached` and `live`),
//! then come the program's own bytes, with no gap and no repeat. CANCEL detaches. The channel closes by itself when the
//! terminal ends.

use serde::{Deserialize, Serialize};

use super::command::{Exit, Launch, is_false};
use crate::byte_string::bin;

/// Parameters of `pty.open`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Open {
    /// The id: 1 to 128 characters of `A-Z a-z 0-9 . _ -`. Default: one is generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What to run. Default: the user's login shell.
    pub run: Launch,
    /// Columns. Default: 80. 0 is taken for the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cols: Option<u16>,
    /// Rows. Default: 24. 0 is taken for the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u16>,
    /// TERM. Default: `xterm-256color`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
    /// Lines kept above the screen. Default and upper bound: the server's setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scrollback: Option<u32>,
    /// When a terminal of that id lives already, attach to it instead of failing. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub reuse: bool,
    /// End the terminal when the last viewer has gone. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub transient: bool,
    /// Start with the working directory, the exported variables and the user of this session, as they are when its commands
    /// before this have ended. A command there that runs for longer than a second is not waited for: then it is as what that
    /// runs has them. `run` says what differs. The terminal is no part of the session. Needs the scope `exec` too.
    /// Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// Parameters of `pty.attach`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attach {
    /// The terminal.
    pub id: String,
    /// Columns of the viewer. Default: those of the terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cols: Option<u16>,
    /// Rows of the viewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u16>,
    /// Look only: keys and sizes are refused. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// Lines of scrollback to paint. Default: all that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scrollback: Option<u32>,
}

/// Events from a viewer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Up {
    /// The viewer's size. The terminal takes the size of the viewer that typed, or said its size, last. A size with a
    /// 0 in it is ignored.
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// Sends a signal to the foreground process group.
    Signal {
        /// Name (`SIGINT`, `INT`) or number.
        signal: String,
    },
}

/// Events to a viewer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Down {
    /// The channel is attached; the painting of the screen follows as DATA.
    Attached {
        /// The terminal.
        id: String,
        /// Process id of its first program.
        pid: u32,
        /// Columns now.
        cols: u16,
        /// Rows now.
        rows: u16,
        /// Whether this channel made it.
        created: bool,
    },
    /// The painting is complete; what follows is live.
    Live {},
    /// The terminal has another size now.
    Resized {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
}

/// Result of `pty.open` and `pty.attach`: the terminal ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The terminal.
    pub id: String,
    /// How its first program ended.
    pub exit: Exit,
}

/// Parameters of `pty.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct List {}

/// Result of `pty.list`, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// The terminals.
    pub terminals: Vec<Info>,
}

/// A terminal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// Its id.
    pub id: String,
    /// Process id of its first program.
    pub pid: u32,
    /// What runs in it, for people.
    pub command: String,
    /// Title that the program set.
    #[serde(default)]
    pub title: String,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// Viewers now.
    pub viewers: u32,
    /// When it was opened, in milliseconds since 1970.
    pub started_ms: u64,
    /// How it ended; absent while it lives. Ended terminals are kept for a time with their last screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
}

/// Parameters of `pty.snapshot`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The terminal.
    pub id: String,
    /// Lines of scrollback above the screen. Default: 0.
    #[serde(default)]
    pub scrollback: u32,
    /// Escape sequences that paint it, instead of plain text. Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ansi: bool,
}

/// Result of `pty.snapshot`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Screen {
    /// The content.
    #[serde(with = "bin")]
    pub content: Vec<u8>,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// Column of the cursor, from 0.
    pub cursor_col: u16,
    /// Row of the cursor, from 0.
    pub cursor_row: u16,
    /// Whether the program uses the alternate screen, as editors and pagers do.
    pub alternate: bool,
}

/// Parameters of `pty.resize`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResizeParams {
    /// The terminal.
    pub id: String,
    /// Columns, from 1.
    pub cols: u16,
    /// Rows, from 1.
    pub rows: u16,
}

/// Parameters of `pty.close`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Close {
    /// The terminal. One that has ended is forgotten at once.
    pub id: String,
    /// Time between HUP and KILL. Default: 2000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u64>,
}
