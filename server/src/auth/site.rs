//! [`Site`]: the server as its pages see it. The name in it comes from who asks, so it is checked to the last letter.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest name of a host (RFC 1035, section 2.3.4), with brackets and a port.
const LONGEST: usize = 253 + 8;

/// The server as the pages see it that were loaded under one `Host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    authority: Authority,
    secure: bool,
}

impl Site {
    /// By TLS or not, under this name and port.
    pub(super) const fn new(authority: Authority, secure: bool) -> Self {
        Self { authority, secure }
    }

    /// Whether its pages come through TLS.
    pub(crate) const fn secure(&self) -> bool {
        self.secure
    }

    /// The Origin of its pages (RFC 6454, section 6.2).
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.authority.text)
    }

    /// Its name and port, in small letters: letters, digits, `-`, `.`, `_`, `:` and the brackets of an address.
    pub(crate) fn authority(&self) -> &str {
        &self.authority.text
    }

    /// The port, which need not be in the name.
    pub(crate) fn port(&self) -> u16 {
        self.authority.port.unwrap_or(if self.secure { 443 } else { 80 })
    }

    /// The name and port below which names are its own: its own, `localhost` for addresses of this machine, and none for
    /// other addresses.
    pub(crate) fn parent(&self) -> Option<String> {
        let Authority { text, host, port } = &self.authority;
        match host {
            Host::Name => Some(text.clone()),
            Host::Address(address) if address.is_loopback() => {
                Some(port.map_or_else(|| "localhost".to_owned(), |port| format!("localhost:{port}")))
            }
            Host::Address(_) => None,
        }
    }

    /// Whether a Content-Security-Policy can name it: there is no way to write an address of IPv6 there.
    pub(crate) const fn is_source(&self) -> bool {
        !matches!(self.authority.host, Host::Address(IpAddr::V6(_)))
    }
}

/// A host and at most a port, as browsers write them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    text: String,
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    Name,
    Address(IpAddr),
}

impl Authority {
    /// Nothing for what no browser writes: user names, spaces, quotes, `;`, `*`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let text = text.to_ascii_lowercase();
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            Some(_) | None => (text.as_str(), None),
        };
        let host = match host.strip_prefix('[') {
            Some(rest) => Host::Address(rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.into()),
            None if is_name(host) => {
                host.parse::<Ipv4Addr>().map_or(Host::Name, |address| Host::Address(address.into()))
            }
            None => return None,
        };
        let port = match port {
            Some(digits) => Some(digits.parse().ok().filter(|port| *port > 0 && !digits.starts_with(['+', '0']))?),
            None => None,
        };
        Some(Self { text, host, port })
    }

    /// Whether it is this machine without any doubt.
    pub(super) fn is_loopback(&self) -> bool {
        match self.host {
            Host::Name => self.text.split(':').next() == Some("localhost"),
            Host::Address(address) => address.is_loopback(),
        }
    }
}

fn is_name(host: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    host.split('.').all(|label| !label.is_empty() && label.bytes().all(letter))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn site(text: &str, secure: bool) -> Site {
        Site::new(Authority::parse(text).unwrap(), secure)
    }

    #[test]
    fn what_no_browser_writes_is_no_authority() {
        for good in ["box", "BOX.test:7070", "a_b-c.d:1", "127.0.0.1:7070", "[::1]", "[fe80::1]:65535", "1.2.3"] {
            assert!(Authority::parse(good).is_some(), "{good}");
        }
        let long = "a".repeat(300);
        for bad in [
            "",
            ":",
            ":80",
            "a:",
            "a:0",
            "a:+1",
            "a:080",
            "a:65536",
            "a:1:2",
            "a b",
            "a;b",
            "a'b",
            "a\"b",
            "a,b",
            "*",
            "*.a",
            "u@a",
            "a/b",
            "a?b",
            "a#b",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]:x",
            "[v1.a]",
            "[fe80::1%25eth0]",
            "a..b",
            ".a",
            "a.",
            "a%2e",
            "ä",
            "a\n",
            &long,
        ] {
            assert_eq!(Authority::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn origin_port_and_parent_are_those_that_the_browser_means() {
        let (plain, tls) = (site("Box.test:7070", false), site("box.test", true));
        assert_eq!((plain.origin().as_str(), plain.port()), ("http://box.test:7070", 7070));
        assert_eq!((tls.origin().as_str(), tls.port()), ("https://box.test", 443));
        for (host, parent) in [
            ("box.test:7070", Some("box.test:7070")),
            ("127.0.0.1:7070", Some("localhost:7070")),
            ("[::1]", Some("localhost")),
            ("10.0.0.1:7070", None),
        ] {
            assert_eq!(site(host, false).parent().as_deref(), parent, "{host}");
        }
        assert!(site("127.0.0.1", false).is_source() && !site("[::1]", false).is_source());
    }
}
