//! `file.*`: files, directories, watches and trees.
//!
//! A relative path is taken from the server's workspace. A path with a NUL is refused. Symbolic links are followed
//! unless a kind says otherwise; `..` is resolved by the kernel as the path says. Where a token limits paths, the
//! limit holds for what a path resolves to, not for how it is written.
//!
//! A glob without a slash is for a name at any depth, one with a slash for the whole path below the directory; `*` and
//! `?` do not match a slash, `**` does. `?` and `[…]` stand for one byte, not for one character.

use serde::{Deserialize, Serialize};

use super::command::is_false;
use crate::byte_string::ByteString;

/// Parameters of `file.read`. The content is DATA on stream 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Read {
    /// The file. Devices, FIFOs and sockets are refused with `SPECIAL_FILE`.
    pub path: ByteString,
    /// First byte. Default: 0. Beyond the end there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// At most so many bytes. Default: to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// Only the last so many bytes; not together with `offset`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<u64>,
    /// Say `meta` before the content. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub meta: bool,
}

/// Events of `file.read`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadDown {
    /// What is read, before its content (with `meta`).
    Meta(Info),
}

/// Result of `file.read`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadEnd {
    /// Bytes delivered.
    pub bytes: u64,
    /// Entity tag of the file as it was read.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub etag: String,
    /// Whether size or time changed while it was read, so that the content may be of two states.
    #[serde(skip_serializing_if = "is_false")]
    pub changed: bool,
}

/// How `file.write` treats what is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// A temporary file beside it, renamed over it after END: readers see the old content or the new, never a part.
    /// Without END nothing has changed. A symbolic link is followed: its target is replaced and the link kept.
    #[default]
    Replace,
    /// As `replace`, and `FILE_EXISTS` when there is anything.
    Create,
    /// At the end of what is there, in place.
    Append,
    /// At `offset`, in place.
    Patch,
}

/// Parameters of `file.write`. The content is DATA on stream 0, then END.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Write {
    /// The file. Devices, FIFOs and sockets are refused with `SPECIAL_FILE`.
    pub path: ByteString,
    /// How to treat what is there. Default: `replace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub how: Option<WriteMode>,
    /// Where to write, with `patch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Permission bits. Default: those of the file that is replaced; 0644 less the umask for a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Make missing directories. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub parents: bool,
    /// fsync(2) the file, and the directory after the rename, before the result. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub fsync: bool,
    /// Fail with `PRECONDITION_FAILED` unless the file has this entity tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_match: Option<String>,
    /// Bytes that will come. When END comes after another number, nothing is replaced (`VALIDATION_FAILED`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// Result of `file.write`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Written {
    /// Bytes written by this call.
    pub bytes: u64,
    /// Entity tag of the file now.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub etag: String,
}

/// Parameters of `file.stat`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stat {
    /// The path.
    pub path: ByteString,
    /// Describe a symbolic link itself, not its target. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub no_follow: bool,
}

/// What something in the file system is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileType {
    /// A regular file.
    #[default]
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, FIFO or socket.
    Other,
}

/// What a path is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// The path: as asked for in `file.stat`, relative to the listed directory in `file.list`.
    pub path: ByteString,
    /// What it is.
    #[serde(rename = "type")]
    pub file_type: FileType,
    /// Size in bytes.
    pub size: u64,
    /// Permission bits, at most 0o7777.
    pub mode: u32,
    /// User id of the owner.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Last change of the content, in milliseconds since 1970.
    pub modified_ms: i64,
    /// Target of a symbolic link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<ByteString>,
    /// Changes when the content does: from inode, size and time of change. Only for regular files.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub etag: String,
}

/// Parameters of `file.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct List {
    /// The directory.
    pub path: ByteString,
    /// What is in its directories too. Symbolic links are not followed. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub recursive: bool,
    /// At most so many levels, with `recursive`. Default: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
    /// Leave out names that begin with a dot. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub no_hidden: bool,
    /// Only paths that match one of these globs (`*`, `**`, `?`, `[a-z]`, `{a,b}`). Default: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Leave out what matches one of these globs, with all that is in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Entries in one page, at most 10000. Default: 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Go on after this path: the `cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<ByteString>,
}

/// Result of `file.list`, sorted by the bytes of the path, directories before what is in them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Listing {
    /// The entries.
    pub entries: Vec<Info>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<ByteString>,
}

/// Parameters of `file.mkdir`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mkdir {
    /// The directory.
    pub path: ByteString,
    /// Make missing parents, and be content when it exists. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub parents: bool,
    /// Permission bits. Default: 0755 less the umask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

/// Parameters of `file.remove`. A symbolic link itself is removed, never its target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remove {
    /// What to remove.
    pub path: ByteString,
    /// A directory with all that is in it. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub recursive: bool,
    /// Be content when there is nothing. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub force: bool,
}

/// Result of `file.remove`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Removed {
    /// Files and directories removed.
    pub count: u64,
}

/// Parameters of `file.rename` and `file.move`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rename {
    /// What.
    pub from: ByteString,
    /// Where to.
    pub to: ByteString,
    /// Fail with `FILE_EXISTS` when there is something at `to`. Default: false, it is replaced as rename(2) does.
    #[serde(skip_serializing_if = "is_false")]
    pub no_replace: bool,
}

/// Parameters of `file.copy`. Modes and times are kept; symbolic links are copied as links.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Copy {
    /// What.
    pub from: ByteString,
    /// Where to: the new name itself, not a directory to put it in.
    pub to: ByteString,
    /// A directory with all that is in it. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub recursive: bool,
    /// Fail with `FILE_EXISTS` when there is something at `to`. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub no_replace: bool,
}

/// Result of `file.copy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Copied {
    /// Files and directories made.
    pub count: u64,
    /// Bytes copied.
    pub bytes: u64,
}

/// Parameters of `file.chmod`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Chmod {
    /// What.
    pub path: ByteString,
    /// Permission bits, at most 0o7777.
    pub mode: u32,
    /// A directory with all that is in it, symbolic links left out. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub recursive: bool,
}

/// Parameters of `file.symlink`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Symlink {
    /// The link.
    pub path: ByteString,
    /// What it points to, as it stands in the link.
    pub target: ByteString,
}

/// Parameters of `file.search`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Search {
    /// The directory.
    pub path: ByteString,
    /// Globs on the path below it; any is enough. Default: every file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Globs of what to leave out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// A regular expression to look for in the content, line by line. Default: names are enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Take `pattern` as plain text. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub literal: bool,
    /// Do not tell upper from lower case. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub ignore_case: bool,
    /// Leave out what `.gitignore` and hidden-file rules leave out. In a Git repository the ignore files above the
    /// directory hold too. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub gitignore: bool,
    /// Lines before and after each match. Default: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<u32>,
    /// Stop after so many matches, as `matches` counts them. Default: 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Events of `file.search`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchDown {
    /// A file whose name matches (without `pattern`).
    File(Info),
    /// A line that matches, or that is shown beside one.
    Line {
        /// The file, relative to the searched directory.
        path: ByteString,
        /// Number of the line, from 1.
        line: u64,
        /// Its bytes without the newline, at most 4096 of them.
        text: ByteString,
        /// Begin and end of each match in `text`, in bytes; empty for a line of context.
        matches: Vec<(u32, u32)>,
    },
}

/// Result of `file.search`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchEnd {
    /// Files looked at.
    pub files: u64,
    /// Lines that match, or files when there is no `pattern`.
    pub matches: u64,
    /// Files that could not be read.
    pub unreadable: u64,
    /// Whether `limit` stopped it.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// Parameters of `file.watch`. When what is watched is removed or moved away, that is told as a `remove` of the empty
/// path, and the channel ends with `WATCH_START_ERROR`. A file is watched through its replacement by another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watch {
    /// The file or directory.
    pub path: ByteString,
    /// Watch only the directory itself, not what is below its directories. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub flat: bool,
    /// Only paths that match one of these globs. Default: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Leave out what matches one of these globs, with all that is in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Changes of one path within this time are one event, 0 to 60000. Default: 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debounce_ms: Option<u64>,
}

/// Events of `file.watch`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchDown {
    /// The watch stands: every change after this is told.
    Ready {},
    /// A change.
    Change {
        /// What happened.
        change: Change,
        /// The path, relative to the watched one; empty for itself. After a rename the new path.
        path: ByteString,
        /// The old path of a rename.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<ByteString>,
        /// Whether it is (or was) a directory.
        #[serde(default, skip_serializing_if = "is_false")]
        directory: bool,
    },
    /// Changes were lost: the kernel's queue or this channel's overflowed. Look at everything again.
    Overflow {},
}

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It came to be, or was moved here from outside.
    Create,
    /// Its content changed.
    Modify,
    /// Its mode, owner or times changed.
    Attrib,
    /// It is gone, or was moved outside.
    Remove,
    /// It has another name.
    Rename,
}

/// Parameters of `file.tree_read`. The tar stream (POSIX pax) is DATA on stream 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TreeRead {
    /// The directory, or a single file. Names in the archive are relative to it.
    pub path: ByteString,
    /// Only paths that match one of these globs. Default: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Leave out what matches one of these globs, with all that is in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Leave out what `.gitignore` leaves out. In a Git repository the ignore files above the directory hold too.
    /// Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub gitignore: bool,
}

/// Parameters of `file.tree_write`. The tar stream is DATA on stream 0, then END. An entry that would land outside
/// `path`, by its name or through a symbolic link, is refused. Set-user-id and set-group-id bits are taken only with
/// `owners`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TreeWrite {
    /// The directory to unpack in; made when it is missing.
    pub path: ByteString,
    /// Take the owners in the archive; the server must be root. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub owners: bool,
}

/// Result of `file.tree_read` and `file.tree_write`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TreeEnd {
    /// Entries.
    pub entries: u64,
    /// Bytes of file content.
    pub bytes: u64,
    /// Paths that were left out because they are devices, FIFOs or sockets, or vanished or could not be read, and
    /// files whose size changed while they were read: the first 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<ByteString>,
}
