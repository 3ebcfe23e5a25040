//! `tcp.connect`: a connection to a port in the sandbox.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use sandwire_protocol::kind::tcp::Connect;
use sandwire_protocol::{Code, Error};
use tokio::net::TcpStream;

use crate::sandbox::resolve::resolve;

const DEFAULT_TIMEOUT: u64 = 10_000;
const MAX_TIMEOUT: u64 = 600_000;

/// Connects. Without a host, and for `localhost`, IPv4 is tried first, then IPv6; no name is looked up. Other hosts
/// have to be in `hosts`, by the same spelling; `*` allows every one. The server itself, which listens on `own`, is not
/// reached: what comes from this machine may be more trusted there than who asks.
pub(crate) async fn connect(params: &Connect, hosts: &[String], own: Option<SocketAddr>) -> Result<TcpStream, Error> {
    let port = params.port;
    if port == 0 {
        return Err(Error::new(Code::InvalidPort, "port 0 cannot be connected to; give one from 1"));
    }
    let timeout = params.timeout_ms.unwrap_or(DEFAULT_TIMEOUT);
    if timeout == 0 || timeout > MAX_TIMEOUT {
        let text = format!("timeout_ms is {timeout}; it has to be from 1 to {MAX_TIMEOUT}");
        return Err(Error::new(Code::ValidationFailed, text).with("parameter", "timeout_ms"));
    }
    let host = params.host.as_deref().unwrap_or("localhost");
    allowed(host, hosts)?;
    let failed = |what: String| {
        Error::new(Code::ConnectFailed, format!("{host}:{port}: {what}"))
            .with("host", host)
            .with("port", u32::from(port))
    };
    let connected = tokio::time::timeout(Duration::from_millis(timeout), dial(host, port)).await;
    let result = match connected {
        Ok(result) => result.and_then(|stream| stream.set_nodelay(true).map(|()| stream)),
        Err(_) => return Err(failed(format!("no answer within {timeout} ms")).with("timeout_ms", timeout)),
    };
    // Asked of the connection, whatever name led to it.
    if let (Ok(stream), Some(own)) = (&result, own)
        && is_to(stream, own).unwrap_or(true)
    {
        let text = format!("{host}:{port} is this server itself, which has to be connected to from outside");
        return Err(Error::new(Code::PermissionDenied, text).with("port", u32::from(port)));
    }
    result.map_err(|error: io::Error| {
        let failure = failed(error.to_string());
        match error.raw_os_error() {
            Some(errno) => failure.with("errno", errno),
            None => failure,
        }
    })
}

/// Whether a connection leads to what listens on `own` on this machine.
fn is_to(stream: &TcpStream, own: SocketAddr) -> io::Result<bool> {
    let (peer, local) = (stream.peer_addr()?, stream.local_addr()?);
    let here = peer.ip().to_canonical().is_loopback() || peer.ip() == local.ip();
    let listens = own.ip().is_unspecified() || own.ip().to_canonical() == peer.ip().to_canonical();
    Ok(peer.port() == own.port() && here && listens)
}

/// Whether a host may be connected to: the sandbox's own, and those in `hosts`.
pub(crate) fn allowed(host: &str, hosts: &[String]) -> Result<(), Error> {
    let own = host.eq_ignore_ascii_case("localhost") || address(host).is_some_and(|address| address.is_loopback());
    if own || hosts.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    let text = format!("connections to {host:?} are not allowed; the server's `tcp_hosts` setting has to name it");
    Err(Error::new(Code::PermissionDenied, text).with("host", host))
}

/// Connects to a host that is allowed.
pub(crate) async fn dial(host: &str, port: u16) -> io::Result<TcpStream> {
    if let Some(address) = address(host) {
        return TcpStream::connect((address, port)).await;
    }
    if !host.eq_ignore_ascii_case("localhost") {
        return any(&resolve(host).await?, port).await;
    }
    match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        // The IPv6 error would hide the one that people expect.
        Err(first) => TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.map_err(|_| first),
        stream => stream,
    }
}

/// Connects to the first address that lets it; the error is the last one's.
async fn any(addresses: &[IpAddr], port: u16) -> io::Result<TcpStream> {
    let addresses: Vec<_> = addresses.iter().map(|address| SocketAddr::new(*address, port)).collect();
    TcpStream::connect(addresses.as_slice()).await
}

/// An address, perhaps in brackets.
fn address(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use tokio::net::TcpListener;

    fn to(port: u16, host: Option<&str>) -> Connect {
        Connect { port, host: host.map(str::to_owned), timeout_ms: None }
    }

    #[tokio::test]
    async fn localhost_is_reached_on_both_families() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let stream = connect(&to(port, None), &[], None).await.unwrap();
            assert!(stream.nodelay().unwrap());
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, stream.local_addr().unwrap());
        }
    }

    #[tokio::test]
    async fn a_closed_port_tells_its_errno() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let error = connect(&to(port, None), &[], None).await.unwrap_err();
        assert_eq!(error.code, Code::ConnectFailed);
        assert_eq!(error.details.get("errno"), Some(&libc::ECONNREFUSED.into()));
        assert_eq!(connect(&to(0, None), &[], None).await.unwrap_err().code, Code::InvalidPort);
    }

    #[tokio::test]
    async fn the_server_itself_is_not_reached() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, own.port()));
        for host in [None, Some("localhost"), Some("127.0.0.1")] {
            for own in [own, everywhere] {
                let error = connect(&to(own.port(), host), &[], Some(own)).await.unwrap_err();
                assert_eq!(error.code, Code::PermissionDenied, "{host:?}");
            }
        }
        let elsewhere = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 9), own.port()));
        assert!(connect(&to(own.port(), None), &[], Some(elsewhere)).await.is_ok());
    }

    #[tokio::test]
    async fn other_hosts_have_to_be_allowed() {
        let error = connect(&to(9, Some("192.0.2.1")), &["example.org".to_owned()], None).await.unwrap_err();
        assert_eq!(error.code, Code::PermissionDenied);
        for trick in ["localhost.example.org", "0.0.0.0", "::ffff:192.0.2.1"] {
            assert_eq!(connect(&to(9, Some(trick)), &[], None).await.unwrap_err().code, Code::PermissionDenied);
        }
    }
}
