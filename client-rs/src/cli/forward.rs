//! `forward`: local ports that lead into the sandbox.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sandwire::Client;
use sandwire::protocol::kind::tcp::Connect;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::connect::Global;
use super::fail::{self, Failure};
use super::stdio;

/// Connections at once, of all ports together; more wait in the kernel. A lane may have 1024 channels.
const CONNECTIONS: usize = 512;

/// Forward local ports to ports of the sandbox, until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire forward 8000                     localhost:8000 to port 8000 of the sandbox
  sandwire forward 8080:8000 5432           two ports
  sandwire forward 0:8000                   a free local port, which is told
  sandwire forward 0.0.0.0:8080:8000        for others too: they need no token
  sandwire forward 8080:db.internal:5432    another host, which the server must allow")]
pub(crate) struct Args {
    /// What to forward.
    #[arg(required = true, value_name = "[[ADDRESS:]LOCAL:[HOST:]]REMOTE", value_parser = spec)]
    ports: Vec<Spec>,
}

/// A forwarded port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spec {
    address: String,
    local: u16,
    host: Option<String>,
    remote: u16,
}

/// `REMOTE`, `LOCAL:REMOTE`, `LOCAL:HOST:REMOTE`, `ADDRESS:LOCAL:REMOTE`, `ADDRESS:LOCAL:HOST:REMOTE`. IPv6 is in
/// brackets.
fn spec(text: &str) -> Result<Spec, String> {
    let parts = parts(text)?;
    let port = |text: &str| text.parse::<u16>().map_err(|_| format!("{text:?} is no port"));
    let remote = |text: &str| match port(text)? {
        0 => Err("port 0 of the sandbox cannot be reached".to_owned()),
        port => Ok(port),
    };
    let (address, local, host, remote) = match parts.as_slice() {
        [only] => (None, remote(only)?, None, remote(only)?),
        [local, to] => (None, port(local)?, None, remote(to)?),
        // The second part tells which of the two forms it is.
        [first, second, to] => match port(second) {
            Ok(local) if port(first).is_err() => (Some(first.clone()), local, None, remote(to)?),
            Ok(_) | Err(_) => (None, port(first)?, Some(second.clone()), remote(to)?),
        },
        [address, local, host, to] => (Some(address.clone()), port(local)?, Some(host.clone()), remote(to)?),
        _ => return Err("write it as 8080:8000".to_owned()),
    };
    Ok(Spec { address: address.unwrap_or_else(|| "127.0.0.1".to_owned()), local, host, remote })
}

fn parts(text: &str) -> Result<Vec<String>, String> {
    let mut parts = vec![String::new()];
    let mut bracket = false;
    for letter in text.chars() {
        match letter {
            '[' if !bracket => bracket = true,
            ']' if bracket => bracket = false,
            ':' if !bracket => parts.push(String::new()),
            other => {
                if let Some(part) = parts.last_mut() {
                    part.push(other);
                }
            }
        }
    }
    if bracket { Err("a bracket is not closed".to_owned()) } else { Ok(parts) }
}

/// What is printed with `--json`.
#[derive(Serialize)]
struct Listening<'a> {
    local: SocketAddr,
    host: &'a str,
    remote: u16,
}

pub(crate) async fn run(args: Args, client: &Client, global: &Global) -> Result<i32, Failure> {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut listeners = JoinSet::new();
    let mut interrupt = super::interrupts()?;
    for spec in args.ports {
        let listener = TcpListener::bind((spec.address.as_str(), spec.local)).await.map_err(|error| {
            let message = format!("cannot listen on {}:{}: {error}", spec.address, spec.local);
            Failure::Error(io::Error::new(error.kind(), message).into())
        })?;
        let local = listener.local_addr()?;
        let host = spec.host.as_deref().unwrap_or("localhost");
        if global.json {
            stdio::json(&Listening { local, host, remote: spec.remote })?;
        } else if !global.quiet {
            eprintln!("sandwire: {local} leads to {host}:{} in the sandbox", spec.remote);
        }
        listeners.spawn(serve(listener, spec, client.clone(), Arc::clone(&places)));
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        Some(ended) = listeners.join_next() => return Err(ended.map_err(io::Error::other)?.into()),
    }
    Ok(0)
}

/// Accepts until that fails for good.
async fn serve(listener: TcpListener, spec: Spec, client: Client, places: Arc<Semaphore>) -> sandwire::Error {
    let connect = Connect { port: spec.remote, host: spec.host, timeout_ms: None };
    let mut connections = JoinSet::new();
    loop {
        let place = match Arc::clone(&places).acquire_owned().await {
            Ok(place) => place,
            Err(error) => return io::Error::other(error).into(),
        };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Such an error is of one connection, or of too many open files: the next may do better.
                Err(error) => {
                    eprintln!("sandwire: a connection could not be accepted: {error}");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        let (client, connect) = (client.clone(), connect.clone());
        connections.spawn(async move {
            if let Err(error) = carry(stream, &client, &connect).await {
                eprintln!("sandwire: {}", fail::describe(&error));
            }
            drop(place);
        });
    }
}

/// Carries one connection, each direction to its own end.
async fn carry(mut local: TcpStream, client: &Client, connect: &Connect) -> Result<(), sandwire::Error> {
    local.set_nodelay(true)?;
    let mut remote = match client.tcp_with(connect).await {
        Ok(remote) => remote,
        Err(error) => {
            // Reset instead of an orderly end: nobody has answered.
            local.set_zero_linger()?;
            return Err(error);
        }
    };
    match tokio::io::copy_bidirectional_with_sizes(&mut local, &mut remote, 64 << 10, 64 << 10).await {
        Ok(_) => Ok(()),
        // One of the two went away: the other sees it by the end of its own connection.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected
            ) =>
        {
            Ok(())
        }
        Err(error) => {
            local.set_zero_linger()?;
            Err(error.into())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn all_forms_are_understood() {
        for (text, address, local, host, remote) in [
            ("8000", "127.0.0.1", 8000, None, 8000),
            ("0:8000", "127.0.0.1", 0, None, 8000),
            ("8080:db:5432", "127.0.0.1", 8080, Some("db"), 5432),
            ("0.0.0.0:80:8000", "0.0.0.0", 80, None, 8000),
            ("[::1]:80:8000", "::1", 80, None, 8000),
            ("1.2.3.4:80:[fe80::1]:22", "1.2.3.4", 80, Some("fe80::1"), 22),
        ] {
            let expected = Spec { address: address.into(), local, host: host.map(str::to_owned), remote };
            assert_eq!(spec(text).unwrap(), expected, "{text}");
        }
        for text in ["", "x", "0", "1:0", "70000", "1:2:3:4:5", "[::1:80"] {
            assert!(spec(text).is_err(), "{text}");
        }
    }
}
