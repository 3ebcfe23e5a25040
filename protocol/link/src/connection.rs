//! [`Connection`]: one WebSocket. Its owner drives the reading; the writing is a task of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use sandwire_protocol::conn::{Conn, Step};
use sandwire_protocol::frame::{Body, Frame, GoAway, Hello, Reset, Welcome};
use sandwire_protocol::kind;
use sandwire_protocol::lane::{Epoch, Role};
use sandwire_protocol::{LaneError, WireError};
use tokio::task::JoinHandle;
use tokio::time::Sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::Role as WsRole;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::lane::{Incoming, Link};
use crate::signal::Signal;
use crate::socket::{ReadSide, Socket, websocket_config};
use crate::writer::{Links, Writer};

/// What the owner of a connection has to act on.
#[derive(Debug)]
pub enum Inbound {
    /// A client opens or resumes a lane.
    Hello(u32, Hello),
    /// The server's answer to HELLO.
    Welcome(u32, Welcome),
    /// The peer opened a channel in this lane.
    Opened(u32, Incoming),
    /// The peer goes away: lane 0 means the whole connection.
    GoAway(u32, GoAway),
    /// A relay lost the other side of this lane.
    Reset(u32, Reset),
    /// The peer broke this lane's rules, and the connection no longer carries it.
    Broken(u32, LaneError),
}

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
pub enum Closed {
    /// The peer said so, with this code and reason.
    #[error("closed by the peer: {0} {1}")]
    ByPeer(u16, String),
    /// The peer sent what it must not.
    #[error("{name}: {0}", name = .0.name())]
    Wire(WireError),
    /// The network failed, or the peer vanished or is silent: on another connection the lanes may go on.
    #[error("connection lost: {0}")]
    Lost(String),
}

impl From<WireError> for Closed {
    fn from(error: WireError) -> Self {
        // Silence breaks no rule: it is what a lost network is like.
        if error == WireError::Silent { Self::Lost(format!("{}: {error}", error.name())) } else { Self::Wire(error) }
    }
}

/// Time for a last frame to be written once the connection is over.
const FAREWELL: Duration = Duration::from_secs(1);

/// One WebSocket and the lanes on it. When it is dropped, the lanes go on without a connection.
pub struct Connection {
    conn: Conn,
    reader: WebSocketStream<ReadSide>,
    handle: Handle,
    /// Gone once it has ended.
    writer: Option<JoinHandle<()>>,
    timer: std::pin::Pin<Box<Sleep>>,
    armed: Instant,
    /// When the first of the lanes wants to acknowledge.
    ack_by: Option<Instant>,
}

/// What may be done to a connection while its owner reads. Clones are the same connection.
#[derive(Clone)]
pub struct Handle {
    signal: Arc<Signal>,
    links: Links,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("conn", &self.conn).finish_non_exhaustive()
    }
}

impl Handle {
    /// Sends a frame that no lane counts. Waits while too many wait.
    pub async fn send(&self, frame: Frame) {
        self.signal.reply(frame).await;
    }

    /// Says GOAWAY, of the connection (lane 0) or of one lane.
    pub async fn go_away(&self, lane: u32, go_away: &GoAway) {
        let payload = kind::encode(go_away).unwrap_or_default();
        self.send(Frame { lane, channel: 0, body: Body::GoAway(payload) }).await;
    }

    /// Closes the connection after what waits, with a WebSocket close code and reason.
    pub fn close(&self, code: u16, reason: impl Into<String>) {
        self.signal.close(code, reason.into());
    }

    /// The lanes that the connection carries.
    pub fn links(&self) -> Vec<(u32, Link)> {
        self.lock().iter().map(|(lane, (link, _))| (*lane, link.clone())).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, (Link, Epoch)>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Takes over a socket whose upgrade is done. `max_lanes` bounds what one connection may carry.
    pub async fn new(socket: Socket, role: Role, max_lanes: usize) -> Self {
        let signal = Arc::new(Signal::default());
        let links: Links = Arc::new(Mutex::new(BTreeMap::new()));
        let ws_role = match role {
            Role::Client => WsRole::Client,
            Role::Server => WsRole::Server,
        };
        let (side, leftover, write) = socket.split(&signal);
        let reader = WebSocketStream::from_partially_read(side, leftover, ws_role, Some(websocket_config())).await;
        let writer = Writer::new(write, Arc::clone(&signal), Arc::clone(&links), role);
        let dropped = Arc::clone(&signal);
        let writer = tokio::spawn(async move {
            tokio::select! {
                result = writer.run() => if let Err(error) = result {
                    tracing::debug!(%error, "the connection takes nothing more");
                },
                // A peer that does not even read why it is closed is not waited for.
                () = async { dropped.dropped().await; tokio::time::sleep(FAREWELL).await; } => {}
            }
        });
        let now = Instant::now();
        let conn = Conn::new(role, now, max_lanes);
        let armed = conn.poll_timeout().unwrap_or(now + Duration::from_secs(1));
        let timer = Box::pin(tokio::time::sleep_until(armed.into()));
        Self { conn, reader, handle: Handle { signal, links }, writer: Some(writer), timer, armed, ack_by: None }
    }

    /// What may be done from elsewhere.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Lets the connection expect a lane whose HELLO the client is about to send.
    pub fn expect(&mut self, lane: u32) {
        self.conn.attach(lane);
    }

    /// The connection carries this lane from here on; the peer has received this many of its frames.
    ///
    /// # Errors
    /// [`LaneError::BadAck`] when the peer cannot have received that many.
    pub fn attach(&mut self, lane: u32, link: &Link, peer_received: u64) -> Result<(), LaneError> {
        // The place in the table comes first: the writer may be told of the lane at once.
        let mut links = self.handle.lock();
        let epoch = link.attach(&self.handle.signal, lane, peer_received)?;
        links.insert(lane, (link.clone(), epoch));
        drop(links);
        self.conn.attach(lane);
        Ok(())
    }

    /// The connection no longer carries this lane, which goes on without.
    pub fn detach(&mut self, lane: u32) -> Option<Link> {
        self.conn.detach(lane);
        let (link, epoch) = self.handle.lock().remove(&lane)?;
        link.detach(epoch);
        Some(link)
    }

    /// Reads until something has to be acted on. Frames of channels go to their lanes on the way.
    ///
    /// Cancel safe: nothing that was read is lost when the future is dropped.
    ///
    /// # Errors
    /// [`Closed`]; the connection must then be dropped. A peer that broke the rules has been told.
    pub async fn next(&mut self) -> Result<Inbound, Closed> {
        loop {
            self.arm();
            let message = tokio::select! {
                biased;
                message = self.reader.next() => message,
                () = self.timer.as_mut() => {
                    self.armed = Instant::now() + Duration::from_secs(3600);
                    self.handle_timeout().await?;
                    continue;
                }
                () = ended(&mut self.writer) => return Err(Closed::Lost("nothing more can be written".to_owned())),
            };
            self.reader.get_mut().end_message();
            let bytes = match message {
                Some(Ok(Message::Binary(bytes))) => bytes,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                    self.conn.handle_sign_of_life(Instant::now());
                    continue;
                }
                Some(Ok(Message::Text(text))) => match self.conn.handle_text(Instant::now(), text.as_bytes()) {
                    Ok(answer) => {
                        if let Some(answer) = answer {
                            self.handle.signal.text(answer);
                        }
                        continue;
                    }
                    Err(error) => return Err(self.fail(error).await),
                },
                Some(Ok(Message::Close(close))) => {
                    let (code, reason) =
                        close.map_or((1005, String::new()), |close| (close.code.into(), close.reason.to_string()));
                    // The code is echoed (RFC 6455, section 5.5.1); one that may not be sent becomes a normal close.
                    self.handle.close(if code == 1005 { 1000 } else { code }, "");
                    return Err(Closed::ByPeer(code, reason));
                }
                Some(Ok(Message::Frame(_))) => continue,
                Some(Err(tungstenite::Error::Capacity(error))) => {
                    tracing::debug!(%error, "oversized message");
                    return Err(self.fail(WireError::TooLarge(sandwire_protocol::limits::MAX_FRAME + 1)).await);
                }
                // A connection that was cut, not one that says nonsense.
                Some(Err(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) | None => {
                    return Err(Closed::Lost("the peer vanished".to_owned()));
                }
                Some(Err(tungstenite::Error::Protocol(error))) => {
                    tracing::debug!(%error, "not WebSocket");
                    return Err(self.fail(WireError::Malformed("not the WebSocket protocol")).await);
                }
                Some(Err(error)) => return Err(Closed::Lost(error.to_string())),
            };
            match self.handle_message(&bytes).await {
                Ok(Some(inbound)) => return Ok(inbound),
                Ok(None) => {}
                Err(error) => return Err(self.fail(error).await),
            }
        }
    }

    async fn handle_message(&mut self, bytes: &Bytes) -> Result<Option<Inbound>, WireError> {
        let now = Instant::now();
        match self.conn.handle_message(now, bytes)? {
            Step::Done => Ok(None),
            Step::Reply(frame) => {
                self.handle.send(frame).await;
                Ok(None)
            }
            Step::Hello(lane, hello) => Ok(Some(Inbound::Hello(lane, hello))),
            Step::Welcome(lane, welcome) => Ok(Some(Inbound::Welcome(lane, welcome))),
            Step::LanePing(lane, nonce) => {
                let received = self.link(lane).map_or(0, |(link, _)| link.acknowledge_now());
                self.handle.send(Frame { lane, channel: 0, body: Body::Pong { nonce, received } }).await;
                Ok(None)
            }
            Step::Lane(frame) => Ok(self.handle_lane_frame(now, frame)),
            Step::GoAway(lane, go_away) => Ok(Some(Inbound::GoAway(lane, go_away))),
            Step::Reset(lane, reset) => Ok(Some(Inbound::Reset(lane, reset))),
            Step::Broken(lane, error) => Ok(Some(Inbound::Broken(lane, LaneError::Wire(error)))),
        }
    }

    fn handle_lane_frame(&mut self, now: Instant, frame: Frame) -> Option<Inbound> {
        let lane = frame.lane;
        let (link, epoch) = self.link(lane)?;
        match link.handle_frame(epoch, now, frame) {
            Ok(opened) => {
                if let Some(by) = link.poll_timeout() {
                    self.ack_by = Some(self.ack_by.map_or(by, |first| first.min(by)));
                }
                opened.map(|incoming| Inbound::Opened(lane, incoming))
            }
            Err(error) => Some(Inbound::Broken(lane, error)),
        }
    }

    fn link(&self, lane: u32) -> Option<(Link, Epoch)> {
        self.handle.lock().get(&lane).cloned()
    }

    async fn handle_timeout(&mut self) -> Result<(), Closed> {
        let now = Instant::now();
        if self.ack_by.is_some_and(|by| by <= now) {
            self.ack_by = None;
            for (_, link) in self.handle.links() {
                link.handle_timeout(now);
                if let Some(by) = link.poll_timeout().filter(|by| *by > now) {
                    self.ack_by = Some(self.ack_by.map_or(by, |first| first.min(by)));
                }
            }
        }
        match self.conn.handle_timeout(now) {
            Ok(None) => Ok(()),
            Ok(Some(ping)) => {
                self.handle.send(ping).await;
                Ok(())
            }
            Err(error) => Err(self.fail(error).await),
        }
    }

    /// Sets the timer forward when something is due earlier. One that rings too early does no harm.
    fn arm(&mut self) {
        let due = [self.conn.poll_timeout(), self.ack_by].into_iter().flatten().min();
        if let Some(due) = due.filter(|due| *due < self.armed) {
            self.armed = due;
            self.timer.as_mut().reset(due.into());
        }
    }

    /// Closes the connection after what waits, and throws away what still comes until the peer has closed it too, for a
    /// second at most. A socket that is let go with unread bytes in it is reset, and the reset may destroy what the peer
    /// has not read yet: a farewell, for example.
    pub async fn close(mut self, code: u16, reason: impl Into<String>) {
        self.handle.close(code, reason);
        let silence = async { while matches!(self.reader.next().await, Some(Ok(_))) {} };
        if tokio::time::timeout(FAREWELL, silence).await.is_err() {
            tracing::debug!("the peer does not close the connection");
        }
    }

    /// Tells the peer what it did wrong, and waits shortly until that is written.
    async fn fail(&mut self, error: WireError) -> Closed {
        self.handle.close(error.close_code(), format!("{}: {error}", error.name()));
        if tokio::time::timeout(FAREWELL, ended(&mut self.writer)).await.is_err() {
            tracing::debug!("the peer does not read why it is closed");
        }
        error.into()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let links = std::mem::take(&mut *self.handle.lock());
        for (link, epoch) in links.into_values() {
            link.detach(epoch);
        }
        self.handle.close(1001, "");
        self.handle.signal.drop_connection();
    }
}

/// Resolves when the writer has ended; never, when that was seen before.
async fn ended(writer: &mut Option<JoinHandle<()>>) {
    match writer {
        Some(task) => {
            if let Err(error) = task.await {
                tracing::error!(%error, "the writer of a connection failed");
            }
            *writer = None;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_a_loss_and_not_the_end_of_a_lane() {
        assert!(matches!(WireError::Silent.into(), Closed::Lost(reason) if reason.contains("PEER_SILENT")));
        assert!(matches!(WireError::UnknownFrame(99).into(), Closed::Wire(WireError::UnknownFrame(99))));
    }
}
