//! Sends every message back: the server of Autobahn's cases (`tests/autobahn.sh`). It reads with the bounds of the real
//! server; the real server's writer, which lays out binary frames itself, is not in it.

use std::io::{self, Write};

use futures_util::{SinkExt, StreamExt};
use sandwire_link::websocket_config;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            // Most cases break the protocol on purpose.
            echo(stream).await.ok();
        });
    }
}

async fn echo(stream: TcpStream) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    let mut socket = tokio_tungstenite::accept_async_with_config(stream, Some(websocket_config())).await?;
    while let Some(message) = socket.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).await?,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
        }
    }
    Ok(())
}
