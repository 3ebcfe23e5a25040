//! A TCP proxy on loopback that does to connections what networks do: cuts them at a chosen byte, stalls, delays,
//! slows, splits and refuses. It counts what it carried.
//!
//! What it holds has a bound: [`QUEUE`] pieces of [`PIECE`] bytes for each direction of a connection. A delay longer
//! than these can cover slows the stream, as a network with a small window does.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use self::shared::Shared;

mod connection;
mod pump;
mod shared;
#[cfg(test)]
mod tests;

/// Most bytes that are read and passed on as one piece.
pub const PIECE: usize = 16 << 10;

/// Most pieces that wait in one direction of one connection.
pub const QUEUE: usize = 64;

/// One way through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// How a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Both sides see RST: `ECONNRESET`.
    Reset,
    /// Both sides see FIN: an end of the stream in the middle of whatever was going on.
    Finish,
}

/// What went through, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes handed to the server.
    pub up: u64,
    /// Bytes handed to clients.
    pub down: u64,
    /// Connections accepted and passed on.
    pub connections: u64,
    /// Connections accepted and reset at once, because of [`Proxy::refuse`].
    pub refused: u64,
    /// Connections ended by one of the cuts.
    pub cuts: u64,
    /// Connections open now.
    pub open: u64,
}

/// A running proxy. Dropping it resets all its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of loopback and passes connections to `upstream`. Needs a tokio runtime.
    ///
    /// # Errors
    /// When no port is to be had.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new());
        let accepting = tokio::spawn(accept(listener, upstream, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// Where clients connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts the connection that carries the `bytes`-th byte from now in `direction`, right behind that byte. Once.
    /// 0 takes a cut back.
    pub fn cut_after(&self, direction: Direction, bytes: u64, cut: Cut) {
        self.shared.cut_after(direction, bytes, cut);
    }

    /// Cuts every connection that is made from now on, in a direction and behind a number of bytes that `seed`
    /// chooses, in `after`. [`Proxy::keep_whole`] ends this.
    pub fn cut_randomly(&self, seed: u64, after: Range<u64>) {
        self.shared.cut_randomly(seed, after);
    }

    /// No cut is planned any more, for open connections too.
    pub fn keep_whole(&self) {
        self.shared.keep_whole();
    }

    /// Cuts all connections that are open.
    pub fn cut_now(&self, cut: Cut) {
        self.shared.change(|settings| settings.cut_now = Some((settings.cut_now.map_or(1, |(n, _)| n + 1), cut)));
    }

    /// Passes nothing on in this direction, while all connections stay open; or goes on.
    pub fn stall(&self, direction: Direction, stalled: bool) {
        self.shared.change_way(direction, |way| way.stalled = stalled);
    }

    /// Each byte arrives this much later. Default: none.
    pub fn delay(&self, direction: Direction, delay: Duration) {
        self.shared.change_way(direction, |way| way.delay = delay);
    }

    /// Most bytes a second, for each connection. `None`, the default: as fast as it goes.
    pub fn throttle(&self, direction: Direction, bytes_per_second: Option<u32>) {
        self.shared.change_way(direction, |way| way.rate = bytes_per_second.filter(|rate| *rate > 0));
    }

    /// Passes bytes on in pieces of a random size from 1 to `most`, each written by itself. `None`, the default: as
    /// they come.
    pub fn split(&self, direction: Direction, most: Option<usize>) {
        self.shared.change_way(direction, |way| way.split = most.filter(|most| *most > 0));
    }

    /// Resets new connections at once, or takes them again. Those that are open stay.
    pub fn refuse(&self, refuse: bool) {
        self.shared.change(|settings| settings.refuse = refuse);
    }

    /// What went through.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.counters()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut_now(Cut::Reset);
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, shared: Arc<Shared>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        if shared.settings().refuse {
            shared.count(|counters| counters.refused += 1);
            connection::reset(&client);
            continue;
        }
        // Taken here, so that a cut of all connections counts this one in from the moment that it is accepted.
        let turn = shared.join();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            match TcpStream::connect(upstream).await {
                Ok(server) => connection::carry(&shared, turn, client, server).await,
                Err(_) => connection::reset(&client),
            }
            shared.count(|counters| counters.open -= 1);
        });
    }
}
