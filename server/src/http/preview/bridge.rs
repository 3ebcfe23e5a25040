//! What was upgraded, a WebSocket for example: bytes both ways, each direction at the other side's speed and with its own
//! end, for as long as both sides want.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional_with_sizes;

use super::Held;

/// Bytes on their way in each direction.
const PIECE: usize = 16 << 10;

/// Bridges both sides in a task of its own, once both have changed their protocol.
pub(super) fn start(browser: OnUpgrade, program: OnUpgrade, held: Held) {
    tokio::spawn(async move {
        let ended = held.leave.ended.clone();
        let both = async {
            let (browser, program) = tokio::try_join!(browser, program).map_err(std::io::Error::other)?;
            let (mut browser, mut program) = (TokioIo::new(browser), TokioIo::new(program));
            copy_bidirectional_with_sizes(&mut browser, &mut program, PIECE, PIECE).await
        };
        let port = held.leave.port;
        tokio::select! {
            result = both => match result {
                Ok((sent, received)) => tracing::debug!(port, sent, received, "an upgraded connection ended"),
                Err(error) => tracing::debug!(port, %error, "an upgraded connection broke"),
            },
            () = ended.cancelled() => tracing::debug!(port, "an upgraded connection was ended: unexposed"),
        }
        drop(held);
    });
}
