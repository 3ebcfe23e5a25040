//! The file operations against a real file system, real tar and real git.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod change;
mod content;
mod list;
mod policy;
mod search;
mod tree;
mod watch;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use sandwire_protocol::kind::file::{Read, ReadEnd, Write, Written};
use sandwire_protocol::{ByteString, Error};
use tempfile::TempDir;

use super::Files;

/// A directory of the test's own, and its files.
fn workspace() -> (TempDir, Files) {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::new(dir.path().to_owned(), Arc::default());
    (dir, files)
}

async fn read(files: &Files, params: Read) -> Result<(Vec<u8>, ReadEnd), Error> {
    let mut reader = files.read(params).await?;
    let mut all = Vec::new();
    while let Some(piece) = reader.next(64 << 10).await? {
        assert!(piece.len() <= 64 << 10);
        all.extend_from_slice(&piece);
    }
    Ok((all, reader.end().await?))
}

async fn write(files: &Files, params: Write, content: &[u8]) -> Result<Written, Error> {
    let mut writer = files.write(params)?;
    for piece in content.chunks(10_000) {
        writer.push(Bytes::copy_from_slice(piece)).await?;
    }
    writer.finish().await
}

fn path(path: impl AsRef<[u8]>) -> ByteString {
    ByteString::new(path.as_ref())
}

fn shell(dir: &Path, command: &str) -> String {
    let output = Command::new("bash").arg("-ec").arg(command).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Everything below a directory, as text that two equal trees share.
fn picture(dir: &Path) -> String {
    shell(
        dir,
        "find . -mindepth 1 -printf '%P %y %m %l %n %Ts\\n' | LC_ALL=C sort; find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum",
    )
}

/// The names in a directory.
fn names(dir: &Path) -> BTreeMap<std::ffi::OsString, u64> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        // A temporary file may go meanwhile.
        .filter_map(|entry| Some((entry.file_name(), entry.metadata().ok()?.len())))
        .collect()
}

/// A small file system, unmounted when dropped.
struct Mount(TempDir);

impl Mount {
    fn tmpfs(size: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir.path()).status();
        assert!(status.unwrap().success());
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let status = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(status.unwrap().success());
    }
}
