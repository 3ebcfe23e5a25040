//! `tcp.connect`: bytes both ways between a channel and a port, each direction at the other side's speed.

use bytes::{Bytes, BytesMut};
use sandwire_link::{Channel, Item};
use sandwire_protocol::kind::TcpConnect;
use sandwire_protocol::kind::tcp::{Connect, Down, Ended};
use sandwire_protocol::{Code, Error};
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::Context;
use crate::sandbox::tcp;

/// The only stream of this kind.
const BYTES: u8 = 0;

pub(super) async fn connect(params: Connect, channel: &Channel<TcpConnect>, context: &Context) -> Result<Ended, Error> {
    let sandbox = &context.sandbox;
    let stream =
        channel.until_cancelled(tcp::connect(&params, &sandbox.tcp_hosts, sandbox.listens.get().copied())).await?;
    channel.event(Down::Connected {}).await?;
    let (from_port, to_port) = stream.into_split();
    let both = async { tokio::try_join!(up(channel, to_port), down(channel, from_port)) };
    let (sent, received) = channel.until_cancelled(both).await?;
    Ok(Ended { sent: sent?, received })
}

/// From the opener to the port, until the opener's END. The port may close its side for reading before that: what it
/// still says is delivered all the same, so that error is told only when the other direction has ended.
async fn up(channel: &Channel<TcpConnect>, mut port: OwnedWriteHalf) -> Result<Result<u64, Error>, Error> {
    let mut sent = 0;
    loop {
        let written = match channel.recv().await? {
            Item::Data(BYTES, bytes) => {
                sent += bytes.len() as u64;
                port.write_all(&bytes).await
            }
            Item::End(BYTES) => return Ok(port.shutdown().await.map(|()| sent).map_err(|error| broken(&error))),
            Item::Data(stream, _) | Item::End(stream) => {
                let text = format!("the connection is stream {BYTES}, not {stream}");
                return Err(Error::new(Code::ValidationFailed, text));
            }
            Item::Event(event) => match event {},
        };
        if let Err(error) = written {
            return Ok(Err(broken(&error)));
        }
    }
}

/// From the port to the opener, until the port's end.
async fn down(channel: &Channel<TcpConnect>, port: OwnedReadHalf) -> Result<u64, Error> {
    let mut received = 0;
    loop {
        let room = channel.reserve().await?;
        port.readable().await.map_err(|error| broken(&error))?;
        // Only now, so that a silent connection holds no buffer.
        let mut buffer = BytesMut::with_capacity(room);
        let read = match port.try_read_buf(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            read => read.map_err(|error| broken(&error))?,
        };
        if read == 0 {
            channel.end(BYTES)?;
            return Ok(received);
        }
        received += read as u64;
        // Few bytes must not keep a large buffer until they are acknowledged.
        let whole = read >= buffer.capacity() / 2;
        channel.send(BYTES, if whole { buffer.freeze() } else { Bytes::copy_from_slice(&buffer) })?;
    }
}

fn broken(error: &std::io::Error) -> Error {
    let failure = Error::new(Code::ConnectFailed, format!("the connection broke: {error}"));
    match error.raw_os_error() {
        Some(errno) => failure.with("errno", errno),
        None => failure,
    }
}
