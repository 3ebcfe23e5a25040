//! Many lanes on one connection, as a relay has them, frame by frame: the Rust client has one lane.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use sandwire::protocol::frame::{Body, Frame, Hello, Outcome};
use sandwire::protocol::kind::{self, process};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::subject::Failure;
use crate::server::url;

/// The one connection.
pub(super) struct Trunk(WebSocketStream<TcpStream>);

impl Trunk {
    /// Connects, opens so many lanes one after the other, and has one request answered in each.
    ///
    /// # Errors
    /// When the connection breaks or an answer is not what it should be.
    pub(super) async fn open(address: SocketAddr, lanes: usize) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (socket, _) = client_async(url(address), stream).await.map_err(broken)?;
        let mut trunk = Self(socket);
        let hello = |lane: u32| {
            let token = [[7; 28].as_slice(), &lane.to_be_bytes()].concat();
            kind::encode(&Hello { version: 1, token, ..Hello::default() })
        };
        let params = kind::encode(&process::List::default())?;
        for lane in 1..=u32::try_from(lanes).map_err(broken)? {
            trunk.say(lane, 0, Body::Hello(hello(lane)?)).await?;
            let list = Body::Open { kind: "process.list".to_owned(), class: None, params: params.clone() };
            trunk.say(lane, 1, list).await?;
            trunk.answer(lane).await?;
        }
        Ok(trunk)
    }

    async fn say(&mut self, lane: u32, channel: u32, body: Body) -> Result<(), Failure> {
        let bytes: Bytes = Frame { lane, channel, body }.encode();
        self.0.send(Message::Binary(bytes)).await.map_err(broken)
    }

    async fn answer(&mut self, lane: u32) -> Result<(), Failure> {
        loop {
            let message = self.0.next().await.ok_or_else(|| broken("the server closed the connection"))?;
            let Message::Binary(bytes) = message.map_err(broken)? else { continue };
            match Frame::decode(&bytes).map_err(broken)? {
                Frame { lane: of, body: Body::Close(Outcome::Result(_)), .. } if of == lane => return Ok(()),
                Frame { body: Body::Welcome(_) | Body::Ack { .. } | Body::Credit { .. }, .. } => {}
                other => return Err(broken(format!("{other:?} is no answer"))),
            }
        }
    }
}

fn broken(why: impl ToString) -> Failure {
    Failure::Broken(why.to_string())
}
