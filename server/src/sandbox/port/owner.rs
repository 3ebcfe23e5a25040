//! Which process has a socket: the one with a descriptor of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;

use super::table::Socket;
use crate::sandbox::process::owner::{Seen, start_of};

/// Bytes of a command line that are told.
const COMMAND: usize = 160;

/// A process that has a socket.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) seen: Seen,
    /// Its command line.
    pub(super) command: String,
}

/// Processes by the inode of their socket; nothing where the server may not see whose it is.
pub(super) type Processes = BTreeMap<u64, Option<Known>>;

/// The processes that have these sockets. What is known is kept for as long as the process lives, so that to look again
/// where nothing changed takes no walk through the descriptors of all processes.
pub(super) fn processes(sockets: &[Socket], known: &Processes) -> Processes {
    let mut all: Processes = sockets
        .iter()
        .filter_map(|socket| {
            let process = known.get(&socket.inode)?;
            process.as_ref().is_none_or(|process| process.seen.lives()).then(|| (socket.inode, process.clone()))
        })
        .collect();
    let wanted: Vec<u64> = sockets.iter().map(|socket| socket.inode).filter(|inode| !all.contains_key(inode)).collect();
    if !wanted.is_empty() {
        let mut found = holders(&wanted);
        all.extend(wanted.into_iter().map(|inode| (inode, found.remove(&inode).and_then(|(_, pid)| look(pid)))));
    }
    all
}

/// The oldest process with a descriptor of each socket: when it began, and its pid.
fn holders(wanted: &[u64]) -> BTreeMap<u64, (u64, i32)> {
    let mut found: BTreeMap<u64, (u64, i32)> = BTreeMap::new();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
        let mut began = None;
        // Not those of other users, unless the server is root.
        for descriptor in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let Some(inode) = socket_of(&descriptor).filter(|inode| wanted.contains(inode)) else { continue };
            let Some(start) = began.or_else(|| start_of(pid)) else { break };
            began = Some(start);
            let oldest = found.entry(inode).or_insert((start, pid));
            *oldest = (*oldest).min((start, pid));
        }
    }
    found
}

/// The inode that a descriptor stands for: `socket:[INODE]`.
fn socket_of(descriptor: &fs::DirEntry) -> Option<u64> {
    let link = fs::read_link(descriptor.path()).ok()?;
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn look(pid: i32) -> Option<Known> {
    let seen = Seen::look(pid)?;
    let mut line = Vec::new();
    File::open(format!("/proc/{pid}/cmdline")).ok()?.take(COMMAND as u64).read_to_end(&mut line).ok()?;
    let words = String::from_utf8_lossy(&line).replace('\0', " ");
    // What was no text has become longer.
    let end = (0..=words.len().min(COMMAND)).rev().find(|end| words.is_char_boundary(*end))?;
    Some(Known { seen, command: words.get(..end)?.trim_end().to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::net::TcpListener;

    use super::super::table::listening;
    use super::*;

    #[test]
    fn a_socket_is_its_process_and_known_until_that_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sockets, _) = listening(usize::MAX).unwrap();
        let sockets: Vec<_> = sockets.into_iter().filter(|socket| socket.address == address).collect();
        let first = processes(&sockets, &Processes::new());
        let inode = sockets[0].inode;
        let known = first[&inode].clone().unwrap();
        assert_eq!(known.seen.pid, i32::try_from(std::process::id()).unwrap());
        assert!(!known.command.is_empty() && known.command.len() <= COMMAND);
        // Of what is known nobody asks the kernel again.
        let marked = Known { command: "kept".to_owned(), ..known };
        let again = processes(&sockets, &[(inode, Some(marked.clone()))].into());
        assert_eq!(again[&inode].clone().unwrap().command, "kept");
        // Unless that process has ended.
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let seen = Seen::look(i32::try_from(child.id()).unwrap()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let other = Known { seen, ..marked };
        let again = processes(&sockets, &[(inode, Some(other))].into());
        assert_ne!(again[&inode].clone().unwrap().command, "kept");
        assert!(processes(&[], &again).is_empty(), "what is gone is forgotten");
    }
}
