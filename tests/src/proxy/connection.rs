//! One connection through the proxy, from its two sockets to its end.

use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::pump::pump;
use super::shared::{Shared, Turn};
use super::{Cut, Direction};

/// Time that both sides have to answer a FIN before the sockets go.
const LINGER: Duration = Duration::from_secs(5);

/// Carries bytes both ways until both sides have ended, one has failed, or a cut.
pub(super) async fn carry(shared: &Shared, turn: Turn, mut client: TcpStream, mut server: TcpStream) {
    // Pieces are to leave as they are. A socket that refuses this is about to fail anyway.
    drop(client.set_nodelay(true).and(server.set_nodelay(true)));
    let end = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both = async {
            tokio::try_join!(
                pump(shared, &turn, Direction::Up, from_client, to_server),
                pump(shared, &turn, Direction::Down, from_server, to_client),
            )
        };
        tokio::select! {
            biased;
            cut = all_cut(shared, &turn) => Err(Some(cut)),
            end = both => end,
        }
    };
    match end {
        Ok(_) => {}
        Err(None) | Err(Some(Cut::Reset)) => {
            reset(&client);
            reset(&server);
        }
        Err(Some(Cut::Finish)) => {
            // Both are read to their end, since closing a socket with unread bytes would send RST.
            let ended = async { tokio::try_join!(finish(&mut client), finish(&mut server)) };
            shared.count(|counters| counters.cuts += 1);
            drop(tokio::time::timeout(LINGER, ended).await);
            return;
        }
    }
    if end == Err(Some(Cut::Reset)) {
        shared.count(|counters| counters.cuts += 1);
    }
}

/// Makes the close of this socket a RST.
pub(super) fn reset(socket: &TcpStream) {
    // It fails only when the socket has failed already.
    drop(SockRef::from(socket).set_linger(Some(Duration::ZERO)));
}

async fn all_cut(shared: &Shared, turn: &Turn) -> Cut {
    let mut settings = shared.watch();
    let changed = settings.wait_for(|now| now.cut_now.is_some_and(|(times, _)| times > turn.cuts_before)).await;
    changed.ok().and_then(|now| now.cut_now).map_or(Cut::Reset, |(_, cut)| cut)
}

async fn finish(socket: &mut TcpStream) -> io::Result<()> {
    socket.shutdown().await?;
    let mut rest = [0; 4096];
    while socket.read(&mut rest).await? > 0 {}
    Ok(())
}
