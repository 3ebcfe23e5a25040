//! Where to listen: an address of the network, or a socket in the file system.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// Begins what names a socket in the file system.
const UNIX: &str = "unix:";

/// Where to listen, written as `127.0.0.1:7070` or `unix:/run/sandwire.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Address and port; port 0 takes a free one.
    Tcp(SocketAddr),
    /// Path of a socket, which is made for the server's own user alone, and removed at the end.
    Unix(PathBuf),
}

impl Listen {
    /// A port of this machine.
    pub const fn loopback(port: u16) -> Self {
        Self::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }

    /// The address, when other machines can reach it.
    pub(crate) fn beyond_loopback(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => (!address.ip().is_loopback()).then_some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Where a server that listens on `address` is reached from its own machine.
    pub(crate) fn local(address: SocketAddr) -> SocketAddr {
        let ip = match address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
        };
        SocketAddr::new(ip, address.port())
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix(UNIX) {
            Some("") => Err("the path behind `unix:` is missing".to_owned()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text
                .parse()
                .map(Self::Tcp)
                .map_err(|_| format!("{text:?} is neither an address and a port as 127.0.0.1:7070, nor unix:PATH")),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn an_address_or_a_path_is_written_as_it_is_read() {
        for text in ["127.0.0.1:7070", "[::1]:0", "0.0.0.0:80", "unix:/run/sandwire.sock", "unix:here"] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        for bad in ["", "unix:", "7070", "localhost:7070", "/run/sandwire.sock"] {
            assert!(bad.parse::<Listen>().is_err_and(|error| error.contains("unix:")), "{bad}");
        }
        assert_eq!("unix:x".parse::<Listen>().unwrap().beyond_loopback(), None);
        assert!("[::]:1".parse::<Listen>().unwrap().beyond_loopback().is_some());
    }
}
