//! `backup.*`: a directory as one compressed archive that proves itself, and back, whole or not at all.
//!
//! The archive is a tar (POSIX pax) in a Zstandard or gzip frame, or plain, as `tar -x` unpacks it: with owners, modes, times to
//! the nanosecond, symbolic and hard links, empty directories, and the directory itself as `./`. Extended attributes are not
//! in it, holes of sparse files come back as zeros.
//!
//! It ends in a seal: a SHA-256 over every byte before it, in a form that other programs pass over. Zstandard: a skippable
//! frame, `5e 2a 4d 18 28 00 00 00`, the 8 bytes `sandwire`, the digest. Gzip: an empty member whose extra field has the
//! subfield `SW` with the digest. Plain: after tar's end mark a pax global header with `comment=sandwire ` and the digest in
//! hexadecimal, and the end mark once more. An archive whose seal is missing or wrong is not restored, so none that was damaged or cut off.

use serde::{Deserialize, Serialize};

use super::command::is_false;
use crate::byte_string::ByteString;

/// How an archive is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Zstandard, with a window of 1 MiB and a checksum.
    #[default]
    Zstd,
    /// Gzip.
    Gzip,
    /// A plain tar.
    None,
}

/// Parameters of `backup.create`. The archive is DATA on stream 1, then END.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Create {
    /// The directory. Names in the archive are relative to it.
    pub path: ByteString,
    /// Leave out what matches one of these globs, with all that is in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Leave out what `.gitignore` leaves out. In a Git repository the ignore files above the directory hold too.
    /// Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub gitignore: bool,
    /// How to compress. Default: `zstd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// How hard to compress: for `zstd` from 1, the fastest, to 6, by default 3; for `gzip` to 9, by default 6. Not with `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
}

/// Events of `backup.create` and `backup.restore`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Down {
    /// How far it is: at most four times a second.
    Progress {
        /// Entries packed or unpacked.
        entries: u64,
        /// Bytes of file content packed or unpacked.
        bytes: u64,
        /// Bytes of the archive sent or received.
        archive_bytes: u64,
    },
}

/// Result of `backup.create`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Created {
    /// Entries in the archive, the directory itself included.
    pub entries: u64,
    /// Bytes of file content.
    pub bytes: u64,
    /// Bytes of the archive.
    pub archive_bytes: u64,
    /// SHA-256 of the whole archive, in hexadecimal.
    pub sha256: String,
    /// Paths that were left out because they are devices, FIFOs or sockets, or vanished or could not be read, and
    /// files whose size changed while they were read: the first 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<ByteString>,
}

/// Parameters of `backup.restore`. The archive is DATA on stream 0, then END; how it is compressed is seen from it.
///
/// It is unpacked beside the directory, on the same file system, checked, written to disk, and then takes the place of what is
/// there in one step. Until then, and when anything is wrong, nothing has changed. Owners are taken when the server is root;
/// otherwise set-user-id and set-group-id bits are not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Restore {
    /// The directory, made when it is missing, with its parents. What it becomes is exactly what is in the archive. Of a
    /// token that is limited to paths, it has to be below one of them.
    pub path: ByteString,
    /// SHA-256 that the archive has to have, in hexadecimal. Default: its own seal is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Replace what is in the directory. Default: false, and `DIRECTORY_NOT_EMPTY` when it has anything.
    #[serde(skip_serializing_if = "is_false")]
    pub replace: bool,
}

/// Result of `backup.restore`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Restored {
    /// Entries unpacked, the directory itself included.
    pub entries: u64,
    /// Bytes of file content.
    pub bytes: u64,
    /// Whether a directory was there before, which is gone now.
    #[serde(skip_serializing_if = "is_false")]
    pub replaced: bool,
}
