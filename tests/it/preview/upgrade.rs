//! Upgrades: WebSockets, and half-closes of whatever it is.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

use super::{Place, exactly, header, read_head, rest, say};
use crate::common::noise;

const UPGRADE: &str = "GET /raw\nConnection: Upgrade\nUpgrade: raw";

/// A WebSocket through the server: the browser's end and the program's.
async fn websocket(place: &Place) -> (WebSocketStream<TcpStream>, WebSocketStream<TcpStream>) {
    let request = format!("ws://{}/socket?x=1", place.host).into_client_request().unwrap();
    let serve = async {
        let (program, _) = place.program.accept().await.unwrap();
        accept_async(program).await.unwrap()
    };
    let (browser, program) = tokio::join!(client_async(request, place.browser().await), serve);
    (browser.unwrap().0, program)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_websocket_carries_messages_both_ways_and_its_close_code() {
    let place = Place::start().await;
    let (mut browser, mut program) = websocket(&place).await;
    let echo = tokio::spawn(async move {
        loop {
            match program.next().await {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => program.send(message).await.unwrap(),
                Some(Ok(Message::Close(frame))) => {
                    // Its answer is said with the next look.
                    assert!(program.next().await.is_none_or(|ended| ended.is_err()));
                    return frame;
                }
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    });
    let large = noise(4, 1 << 20);
    for message in [Message::text("hello"), Message::Binary(large.clone()), Message::Binary(Bytes::new())] {
        browser.send(message.clone()).await.unwrap();
        assert!(browser.next().await.unwrap().unwrap() == message);
    }
    // A keep-alive of the browser is answered by the program, not by anybody in between.
    browser.send(Message::Ping("tick".into())).await.unwrap();
    assert_eq!(browser.next().await.unwrap().unwrap(), Message::Pong("tick".into()));
    let close = CloseFrame { code: CloseCode::Library(4001), reason: "done here".into() };
    browser.close(Some(close.clone())).await.unwrap();
    assert_eq!(echo.await.unwrap(), Some(close));
    assert!(
        matches!(browser.next().await, Some(Ok(Message::Close(Some(frame)))) if frame.code == CloseCode::Library(4001))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_program_that_dies_ends_its_websocket_and_unexposing_does() {
    let place = Place::start().await;
    let (mut browser, program) = websocket(&place).await;
    drop(program);
    assert!(matches!(browser.next().await, Some(Err(Error::Protocol(_) | Error::Io(_))) | None));
    let (mut browser, mut program) = websocket(&place).await;
    browser.send(Message::text("up")).await.unwrap();
    assert_eq!(program.next().await.unwrap().unwrap(), Message::text("up"));
    place.client.ports().unexpose(place.port).await.unwrap();
    assert!(matches!(browser.next().await, Some(Err(_)) | None));
    assert!(matches!(program.next().await, Some(Err(_)) | None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_direction_of_an_upgraded_connection_ends_by_itself() {
    let place = Place::start().await;
    for browser_first in [true, false] {
        let mut browser = place.ask(UPGRADE).await;
        let (mut program, head) = place.accept().await;
        assert_eq!((header(&head, "upgrade"), header(&head, "connection")), (Some("raw"), Some("upgrade")));
        // What comes right behind the head is not lost.
        say(&mut program, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\nfirst").await;
        let head = read_head(&mut browser).await;
        assert!(head.starts_with("HTTP/1.1 101 ") && header(&head, "upgrade") == Some("raw"), "{head}");
        assert_eq!(exactly(&mut browser, 5).await, "first");
        let (mut one, mut other) = if browser_first { (browser, program) } else { (program, browser) };
        one.write_all(b"question").await.unwrap();
        one.shutdown().await.unwrap();
        assert_eq!(rest(&mut other).await, b"question");
        other.write_all(b"answer").await.unwrap();
        drop(other);
        assert_eq!(rest(&mut one).await, b"answer");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_program_that_does_not_upgrade_answers_as_it_likes() {
    let place = Place::start().await;
    let mut browser = place.ask(UPGRADE).await;
    let (mut program, _) = place.accept().await;
    say(&mut program, "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno").await;
    assert!(read_head(&mut browser).await.starts_with("HTTP/1.1 426 "));
    assert_eq!(exactly(&mut browser, 2).await, "no");
    // Nobody asked for it: it is not passed on as if somebody had.
    let mut browser = place.ask("GET /plain").await;
    let (mut program, _) = place.accept().await;
    say(&mut program, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n").await;
    assert!(read_head(&mut browser).await.starts_with("HTTP/1.1 502 "));
    assert!(matches!(program.read(&mut [0]).await, Ok(0) | Err(_)));
}
