//! The TCP sockets that listen, as `/proc/net/tcp` and `/proc/net/tcp6` show them (proc(5)). Line by line: a crate that
//! gives the whole table would take memory for every connection of the machine.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The state LISTEN in those files (net/tcp_states.h).
const LISTEN: &str = "0A";

/// A socket that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) address: SocketAddr,
    pub(super) uid: u32,
    pub(super) inode: u64,
}

/// The sockets that listen, by port and then by address; at most so many, and whether there are more. Of several at the
/// same address (SO_REUSEPORT) the oldest.
///
/// # Errors
/// When the files cannot be read. A kernel without IPv6 has only the first.
pub(super) fn listening(most: usize) -> io::Result<(Vec<Socket>, bool)> {
    let mut found = BTreeMap::new();
    let mut truncated = read(&mut BufReader::new(File::open("/proc/self/net/tcp")?), &mut found, most)?;
    match File::open("/proc/self/net/tcp6") {
        Ok(file) => truncated |= read(&mut BufReader::new(file), &mut found, most)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok((found.into_values().collect(), truncated))
}

type Found = BTreeMap<(u16, IpAddr), Socket>;

fn read(lines: &mut impl BufRead, found: &mut Found, most: usize) -> io::Result<bool> {
    let mut truncated = false;
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        if let Some(socket) = parse(&line) {
            let place = found.entry((socket.address.port(), socket.address.ip())).or_insert_with(|| socket.clone());
            // The number of a socket grows with time.
            if socket.inode < place.inode {
                *place = socket;
            }
            if found.len() > most {
                found.pop_last();
                truncated = true;
            }
        }
        line.clear();
    }
    Ok(truncated)
}

/// `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …`
fn parse(line: &str) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = fields.next()?;
    if fields.nth(1)? != LISTEN {
        return None;
    }
    let uid = fields.nth(3)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    let (address, port) = local.split_once(':')?;
    let address = SocketAddr::new(ip(address)?, u16::from_str_radix(port, 16).ok()?);
    Some(Socket { address, uid, inode })
}

/// Words of 32 bits in hexadecimal, each in the byte order of the machine.
fn ip(digits: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let number = u32::from_str_radix(digits.get(at * 8..at * 8 + 8)?, 16).ok()?;
        Some(number.to_ne_bytes())
    };
    match digits.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (at, place) in bytes.chunks_exact_mut(4).enumerate() {
                place.copy_from_slice(&word(at)?);
            }
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_listens_is_found_on_both_families() {
        for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let address = listener.local_addr().unwrap();
            let (all, truncated) = listening(usize::MAX).unwrap();
            let socket = all.iter().find(|socket| socket.address == address).unwrap();
            assert_eq!((socket.uid, truncated), (rustix::process::getuid().as_raw(), false));
            let keys: Vec<_> = all.iter().map(|socket| (socket.address.port(), socket.address.ip())).collect();
            assert!(keys.is_sorted(), "{keys:?}");
            drop(listener);
            assert!(!listening(usize::MAX).unwrap().0.contains(socket));
        }
    }

    #[test]
    fn connections_are_none_and_what_is_too_much_is_told() {
        let line = |port: u16, state: &str, inode: u64| {
            format!(
                "   0: 0100007F:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1000  0 {inode} 1 0 100 0\n"
            )
        };
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
        let text =
            [head, &line(9000, "0A", 7), &line(22, "01", 8), &line(80, "0A", 9), &line(80, "0A", 5), "rubbish\n"];
        let mut found = Found::new();
        assert!(!read(&mut text.concat().as_bytes(), &mut found, 2).unwrap());
        let inodes: Vec<_> = found.values().map(|socket| (socket.address.port(), socket.inode, socket.uid)).collect();
        assert_eq!(inodes, [(80, 5, 1000), (9000, 7, 1000)]);
        let mut found = Found::new();
        assert!(read(&mut text.concat().as_bytes(), &mut found, 1).unwrap());
        assert_eq!(found.into_values().map(|socket| socket.address.port()).collect::<Vec<_>>(), [80]);
    }
}
