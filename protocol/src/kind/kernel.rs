//! `kernel.*`: code contexts, each a Jupyter kernel that keeps what its cells have made. A context belongs to the sandbox,
//! not to a connection.
//!
//! Cells of one context run one at a time, in the order in which they were opened; contexts do not wait for each other. A
//! cell that names no context runs in the default one of its language, which is made by itself and whose id is the
//! language.
//!
//! Streams of `kernel.run`: 1 down is standard output, 2 down standard error, 0 down the contents of results.
//!
//! A kernel that ends while a cell runs ends that cell, and those that wait, with `KERNEL_DIED`. The next cell says so
//! once more, and the one after it gets a fresh kernel; `kernel.restart` gives one at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::command::{Exit, is_false};
use crate::byte_string::ByteString;

/// The language of a cell that names neither a context nor a language.
pub const DEFAULT_LANGUAGE: &str = "python";

/// The stream of `kernel.run` that carries the contents of results.
pub const CONTENT: u8 = 0;
/// The stream of `kernel.run` that carries what the cell wrote to standard output.
pub const STDOUT: u8 = 1;
/// The stream of `kernel.run` that carries what the cell wrote to standard error.
pub const STDERR: u8 = 2;

/// Parameters of `kernel.specs`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Specs {}

/// Result of `kernel.specs`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpecListing {
    /// The kernels that are installed, by name.
    pub specs: Vec<Spec>,
}

/// A kernel that is installed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// Its name: that of its directory, as `python3`.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// The language that it says it runs, in lower case.
    pub language: String,
}

/// Parameters of `kernel.create`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Create {
    /// The id: 1 to 128 characters of `A-Z a-z 0-9 . _ -`. Default: one is generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The kernel's name, of those that `kernel.specs` lists. Default: one of the language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<String>,
    /// The language: `python`, `javascript`, `typescript`, or what a kernel says of itself. Default: that of `spec`, else
    /// `python`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Working directory. Default: the server's workspace. A relative path is taken from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<ByteString>,
    /// Variables over the server's environment; null removes one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<ByteString, Option<ByteString>>,
    /// Start from an empty environment instead of the server's. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub clear_env: bool,
    /// Timeout of a cell that names none. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// When a context of that id is there already, answer with it as it is instead of failing. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub reuse: bool,
}

/// A code context.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// Its id.
    pub id: String,
    /// The name of its kernel; what was asked for, or empty, until that is found.
    pub spec: String,
    /// Its language; what was asked for, or empty, until its kernel is found.
    pub language: String,
    /// Where it is in its life.
    pub state: State,
    /// Process id of the kernel; absent when there is none now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The directory that its kernel begins in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// When a cell last began or ended in it, in milliseconds since 1970.
    pub used_ms: u64,
    /// The number that its kernel gave to its last cell.
    pub execution_count: u64,
    /// Cells that wait for their turn.
    pub queued: u32,
    /// How its kernel ended, when that has not been answered with `KERNEL_DIED` yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
}

/// Where a context is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its kernel is being looked for, or started.
    Starting,
    /// It waits for a cell.
    Idle,
    /// A cell runs in it.
    Busy,
    /// Its kernel has ended; the next cell hears of it, or gets a fresh one.
    Dead,
}

/// Parameters of `kernel.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct List {}

/// Result of `kernel.list`, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// The contexts.
    pub kernels: Vec<Info>,
}

/// Parameters of `kernel.get`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Get {
    /// The context.
    pub id: String,
}

/// Parameters of `kernel.delete`. A cell that runs is ended with the kernel, and those that wait fail with
/// `KERNEL_NOT_FOUND`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delete {
    /// The context.
    pub id: String,
    /// Time that the kernel and what it started have before KILL. Default: 2000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u64>,
}

/// Parameters of `kernel.restart`. A cell that runs ends with `KERNEL_DIED`, and so do those that wait, one whose kernel is
/// being started, and a restart that has not ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Restart {
    /// The context.
    pub id: String,
}

/// Parameters of `kernel.interrupt`. One whose kernel is being started is interrupted when it begins. When no cell has the turn,
/// nothing happens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interrupt {
    /// The context.
    pub id: String,
}

/// Parameters of `kernel.run`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// The context. Default: the default one of the language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The language, for a cell that names no context. Default: `python`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The cell.
    pub code: String,
    /// Time after which the cell is interrupted; when it has not ended 5 s later, its kernel is killed. The result says
    /// `timed_out`. It begins with the cell's turn; when it is over before the kernel is there, the cell is not run. Default:
    /// that of the context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Whether the cell may ask for input. Default: false, what asks for it fails in the cell.
    #[serde(skip_serializing_if = "is_false")]
    pub stdin: bool,
    /// Variables for this cell alone, of at most 16 KiB; null removes one. Only in Python, JavaScript and TypeScript, else
    /// `NOT_SUPPORTED`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Option<String>>,
    /// When the context's kernel has died, run in a fresh one instead of failing once with `KERNEL_DIED`. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub renew: bool,
}

/// Events from the opener of `kernel.run`. CANCEL interrupts the cell, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Up {
    /// Answers `input_request`.
    Input {
        /// What was typed, without the end of the line.
        value: String,
    },
    /// Interrupts the cell, as Ctrl-C would. Before its turn it is nothing; while its kernel is being started, the cell is
    /// interrupted when it begins. Deno's kernel ends by it.
    Interrupt {},
}

/// Events to the opener of `kernel.run`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Down {
    /// The cell runs.
    Started {
        /// Its number.
        execution_count: u64,
    },
    /// A result, in one or more formats. Their contents follow on stream 0, one after the other.
    Result(Rich),
    /// What was shown until now is to be cleared.
    Clear {
        /// Not before the next output comes.
        wait: bool,
    },
    /// The cell asks for a line of input. What it printed before is told before, as far as its kernel answers while it waits.
    InputRequest {
        /// What to show before it.
        prompt: String,
        /// Whether what is typed must not be shown.
        password: bool,
    },
    /// The cell has failed.
    Error(Failure),
}

/// A result, in one or more formats.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rich {
    /// Whether the cell displayed it, and it is not what its last expression gave.
    #[serde(skip_serializing_if = "is_false")]
    pub display: bool,
    /// The number of the cell, when the kernel says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_count: Option<u64>,
    /// By what it can be updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_id: Option<String>,
    /// Whether it takes the place of what was displayed by that id.
    #[serde(skip_serializing_if = "is_false")]
    pub update: bool,
    /// Its formats, by name: the same thing in each.
    pub parts: Vec<Part>,
    /// What the kernel says of its formats (sizes of pictures, for example): a JSON object as text. Left out when there is
    /// nothing, and when it has more than 8 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}

/// One format of a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its MIME type. Contents of `text/*` and `image/svg+xml` are text, of JSON types JSON; others are raw bytes.
    pub mime: String,
    /// Bytes of its content.
    pub size: u64,
}

/// How a cell failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Failure {
    /// The name of the exception, as `ZeroDivisionError`. At most 1 KiB.
    pub name: String,
    /// What it says. At most 8 KiB.
    pub value: String,
    /// Lines for people, often with escape sequences for colours. At most 16 KiB: of a longer one, the first lines are
    /// left out.
    pub traceback: Vec<String>,
}

/// How a cell ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// To its end.
    #[default]
    Ok,
    /// By an exception, an interrupt included.
    Error,
    /// The kernel did not run it, or did not get to its end.
    Aborted,
}

/// Result of `kernel.run`. A cell that fails is a result, too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ran {
    /// How it ended.
    pub status: Status,
    /// The number of the cell, when the kernel gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_count: Option<u64>,
    /// From its turn to its end, in milliseconds.
    pub duration_ms: u64,
    /// Whether it was interrupted because its time was over, or not run because it was, and has not ended well all the same.
    #[serde(skip_serializing_if = "is_false")]
    pub timed_out: bool,
    /// Whether its kernel ended by that interrupt, as Deno's does, or was killed because it did not heed it.
    #[serde(skip_serializing_if = "is_false")]
    pub kernel_died: bool,
    /// How the kernel ended then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
}
