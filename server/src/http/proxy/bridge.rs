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
        let ended = held.hold.ended.clone();
        let both = async {
            let (browser, program) = tokio::try_join!(browser, program).map_err(std::io::Error::other)?;
            let (mut browser, mut program) = (TokioIo::new(browser), TokioIo::new(program));
            copy_bidirectional_with_sizes(&mut browser, &mut program, PIECE, PIECE).await
        };
        tokio::select! {
            result = both => match result {
                Ok((sent, received)) => tracing::debug!(sent, received, "an upgraded connection ended"),
                Err(error) => tracing::debug!(%error, "an upgraded connection broke"),
            },
            () = ended.cancelled() => tracing::debug!("an upgraded connection was ended"),
        }
        drop(held);
    });
}
