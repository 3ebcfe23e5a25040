//! The connections to a kernel: made when it is ready for them, and known to be heard.

use std::time::Duration;

use serde_json::json;
use zeromq::util::PeerIdentity;
use zeromq::{DealerSocket, Socket, SocketOptions, SocketRecv, SocketSend, SubSocket, ZmqMessage};

use super::kernel::Connection;
use super::message::{Message, Signer};

/// Pause before the next try to connect: a kernel listens a good while after it was started.
const PAUSE: Duration = Duration::from_millis(20);

/// Time for one try. A kernel that has just begun to listen may drop who comes first.
const TRY: Duration = Duration::from_secs(2);

/// Pause before the kernel is asked again whether it hears.
const NUDGE: Duration = Duration::from_millis(500);

/// All connections of one kernel.
pub(super) struct Sockets {
    pub(super) shell: DealerSocket,
    pub(super) published: SubSocket,
    pub(super) stdin: DealerSocket,
    pub(super) control: DealerSocket,
}

impl Sockets {
    /// Connects, and waits until the kernel answers and what it publishes comes here: whoever subscribes late misses what
    /// was published before. Without an end when the kernel never does.
    pub(super) async fn connect(connection: &Connection, signer: &mut Signer, name: &str) -> Sockets {
        let mut sockets = Sockets {
            shell: dealer(connection, 0, name).await,
            published: subscriber(connection).await,
            stdin: dealer(connection, 2, name).await,
            control: dealer(connection, 3, name).await,
        };
        let (mut answers, mut publishes) = (false, false);
        while !(answers && publishes) {
            let (_, request) = signer.request("kernel_info_request", &json!({}));
            send(&mut sockets.shell, request).await;
            let nudge = tokio::time::sleep(NUDGE);
            tokio::pin!(nudge);
            loop {
                tokio::select! {
                    message = receive(&mut sockets.shell, signer) => {
                        answers |= message.is_some_and(|message| message.kind == "kernel_info_reply");
                    }
                    _ = receive(&mut sockets.published, signer) => publishes = true,
                    () = &mut nudge => break,
                }
                if answers && publishes {
                    break;
                }
            }
        }
        sockets
    }
}

/// The next message, when it is one of the kernel's.
pub(super) async fn receive(socket: &mut impl SocketRecv, signer: &Signer) -> Option<Message> {
    match socket.recv().await {
        Ok(message) => signer.read(message),
        Err(_lost) => {
            // The connection is made anew, or the kernel has ended, which others see.
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

/// Sends a message. When it cannot be sent, the kernel is about to end, which others see.
pub(super) async fn send(socket: &mut DealerSocket, message: ZmqMessage) {
    let _sent = socket.send(message).await;
}

async fn dealer(connection: &Connection, channel: usize, name: &str) -> DealerSocket {
    loop {
        let mut options = SocketOptions::default();
        // The same on all: the kernel asks for input where the request came from.
        if let Ok(identity) = name.parse::<PeerIdentity>() {
            options.peer_identity(identity);
        }
        let mut socket = DealerSocket::with_options(options);
        if try_connect(&mut socket, connection, channel).await {
            return socket;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn subscriber(connection: &Connection) -> SubSocket {
    loop {
        let mut socket = SubSocket::new();
        if try_connect(&mut socket, connection, 1).await && socket.subscribe("").await.is_ok() {
            return socket;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn try_connect(socket: &mut impl Socket, connection: &Connection, channel: usize) -> bool {
    if !connection.is_there(channel) {
        return false;
    }
    let connect = tokio::time::timeout(TRY, socket.connect(&connection.endpoint(channel))).await;
    matches!(connect, Ok(Ok(())))
}
