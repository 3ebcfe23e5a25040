//! The arguments of the tools. Their descriptions are what the model reads.

use std::collections::BTreeMap;

use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Exec {
    /// A line for the shell (bash where there is one), as `cd src && make -j4 2>&1 | tail`.
    pub(super) command: String,
    /// Working directory; relative to the workspace.
    pub(super) cwd: Option<String>,
    /// Variables to set for it.
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    /// Run it in this shell session, whose directory, variables and functions last from one command to the next. The session
    /// `default` is there by itself. Without one, nothing lasts.
    pub(super) session: Option<String>,
    /// How long to wait for its end, in milliseconds. Then it goes on as a process, whose id is told; in a session it is
    /// ended. Default 60000, at most 600000.
    pub(super) wait_ms: Option<u64>,
    /// End it after this time, in milliseconds. Default: never.
    pub(super) timeout_ms: Option<u64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunCode {
    /// The cell.
    pub(super) code: String,
    /// `python` (the default), `javascript` or `typescript`, where their kernels are installed.
    pub(super) language: Option<String>,
    /// The context to run in, by its id. Default: the one of the language, which is made by itself.
    pub(super) context: Option<String>,
    /// Interrupt it after this time, in milliseconds. Default 60000, at most 600000.
    pub(super) timeout_ms: Option<u64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartProcess {
    /// A line for the shell.
    pub(super) command: String,
    /// Its id, to ask for it by: letters, digits, `.`, `_`, `-`. Default: one is made up.
    pub(super) id: Option<String>,
    /// Working directory; relative to the workspace.
    pub(super) cwd: Option<String>,
    /// Variables to set for it.
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    /// Whether `send_input` is going to write to it. Default: no, its input is empty.
    #[serde(default)]
    pub(super) stdin: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListProcesses {
    /// Only those that run.
    #[serde(default)]
    pub(super) running: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProcessLogs {
    /// The process.
    pub(super) id: String,
    /// Begin at this byte of its output, for example where the call before ended. Default: the last bytes that fit.
    pub(super) offset: Option<u64>,
    /// Only the last so many lines. Not with `offset`.
    pub(super) tail_lines: Option<u64>,
    /// Wait up to this time, in milliseconds, for output after `offset`, or for its end. Default 0, at most 600000.
    pub(super) wait_ms: Option<u64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StopProcess {
    /// The process.
    pub(super) id: String,
    /// Send only this signal, as `INT`, and do not wait. Default: TERM, and KILL when it has not ended after 5 seconds.
    pub(super) signal: Option<String>,
    /// Forget it and its output once it has ended.
    #[serde(default)]
    pub(super) remove: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SendInput {
    /// The process, started with `stdin`.
    pub(super) id: String,
    /// What to write; most programs want a newline at its end.
    #[serde(default)]
    pub(super) text: String,
    /// Close its input after that.
    #[serde(default)]
    pub(super) end: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitForPort {
    /// The TCP port on the sandbox's localhost.
    pub(super) port: u16,
    /// Give up when this process ends first.
    pub(super) id: Option<String>,
    /// Ask for this path by HTTP, and wait for a status below 400. Default: a connection is enough.
    pub(super) path: Option<String>,
    /// Give up after this time, in milliseconds. Default 30000, at most 600000.
    pub(super) timeout_ms: Option<u64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadFile {
    /// The file; relative to the workspace.
    pub(super) path: String,
    /// First line, from 1. Default: 1.
    pub(super) start_line: Option<u64>,
    /// At most so many lines. Default: as many as fit.
    pub(super) lines: Option<u64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteFile {
    /// The file; relative to the workspace. Missing directories are made.
    pub(super) path: String,
    /// All that is to be in it.
    pub(super) content: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EditFile {
    /// The file; relative to the workspace.
    pub(super) path: String,
    /// Text that is in the file, exactly, with its white space and line ends; once, unless `all` is said.
    pub(super) old: String,
    /// What to put there.
    pub(super) new: String,
    /// Replace it everywhere.
    #[serde(default)]
    pub(super) all: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListFiles {
    /// The directory; relative to the workspace. Default: the workspace.
    pub(super) path: Option<String>,
    /// What is in its directories too.
    #[serde(default)]
    pub(super) recursive: bool,
    /// Only paths that match, as `*.rs` at any depth, or `src/**/*.ts`.
    pub(super) glob: Option<String>,
    /// Go on after this path, which the call before ended with.
    pub(super) after: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchFiles {
    /// A regular expression (the syntax of Rust's regex and ripgrep), looked for line by line. Default: names are enough.
    pub(super) pattern: Option<String>,
    /// The directory; relative to the workspace. Default: the workspace.
    pub(super) path: Option<String>,
    /// Only files that match, as `*.rs` at any depth, or `src/**/*.ts`.
    pub(super) glob: Option<String>,
    /// Take `pattern` as plain text.
    #[serde(default)]
    pub(super) literal: bool,
    /// Do not tell upper from lower case.
    #[serde(default)]
    pub(super) ignore_case: bool,
    /// Hidden files too, and what .gitignore leaves out.
    #[serde(default)]
    pub(super) all: bool,
    /// Lines to show before and after each match. Default 0, at most 20.
    pub(super) context: Option<u32>,
    /// Stop after so many matches. Default 200.
    pub(super) limit: Option<u32>,
}
