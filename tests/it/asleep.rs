//! A client behind a relay: the sandbox goes to sleep and is woken; a connection that ends for a defect.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{SinkExt, StreamExt};
use sandwire::protocol::Code;
use sandwire::protocol::frame::header::{Header, kind as number};
use sandwire::protocol::frame::{Body, Frame, GoAway, Reset};
use sandwire::protocol::kind::{self, Exec};
use sandwire::{Client, State};
use sandwire_tests::server::Server;
use sandwire_tests::wait::wait_for;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::common::{collect, run, shell};

/// What the relay is to do.
enum Deed {
    /// Say GOAWAY in the client's lane, as when the sandbox was put to sleep.
    Sleep,
    /// Close the client's connection with this code.
    Close(u16),
}

/// A relay with a trunk of its own for each client, which it dials when there is a HELLO.
struct Relay {
    url: String,
    deeds: mpsc::Sender<Deed>,
    /// Connections of clients, and HELLOs, so far.
    connections: Arc<AtomicUsize>,
    hellos: Arc<AtomicUsize>,
    /// Connections that are over.
    ended: Arc<AtomicUsize>,
}

impl Relay {
    async fn start(server: &Server) -> Self {
        Self::cold(server, 0).await
    }

    /// One that has no trunk yet when it hears the first of these many HELLOs.
    async fn cold(server: &Server, mut unheard: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let (deeds, mut orders) = mpsc::channel(1);
        let (connections, hellos) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, heard, to) = (Arc::clone(&connections), Arc::clone(&hellos), server.url().to_owned());
        let (address, ended) = (server.address(), Arc::new(AtomicUsize::new(0)));
        let over = Arc::clone(&ended);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                serve(stream, &to, address, &mut orders, &heard, &mut unheard).await;
                over.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { url, deeds, connections, hellos, ended }
    }

    fn counts(&self) -> (usize, usize) {
        (self.connections.load(Ordering::SeqCst), self.hellos.load(Ordering::SeqCst))
    }
}

async fn serve(
    stream: TcpStream,
    url: &str,
    address: SocketAddr,
    orders: &mut mpsc::Receiver<Deed>,
    hellos: &AtomicUsize,
    unheard: &mut usize,
) {
    let mut client = tokio_tungstenite::accept_async(stream).await.unwrap();
    let mut trunk = None;
    loop {
        let from_trunk = async {
            match &mut trunk {
                Some(trunk) => StreamExt::next(trunk).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            message = client.next() => {
                let Some(Ok(message @ Message::Binary(_))) = message else { return };
                let kind = Header::read(&message.clone().into_data()).unwrap().kind;
                if kind == number::HELLO {
                    hellos.fetch_add(1, Ordering::SeqCst);
                    if *unheard > 0 {
                        *unheard -= 1;
                        let reset = Reset { reason: "no-trunk".to_owned(), message: Some("it starts".to_owned()) };
                        let body = Body::Reset(kind::encode(&reset).unwrap());
                        client.send(Message::Binary(Frame { lane: 1, channel: 0, body }.encode())).await.unwrap();
                        continue;
                    }
                    let stream = TcpStream::connect(address).await.unwrap();
                    trunk = Some(tokio_tungstenite::client_async(url, stream).await.unwrap().0);
                }
                if let Some(trunk) = &mut trunk {
                    trunk.send(message).await.unwrap();
                }
            }
            message = from_trunk => match message {
                Some(Ok(message)) => client.send(message).await.unwrap(),
                Some(Err(_)) | None => trunk = None,
            },
            Some(deed) = orders.recv() => match deed {
                Deed::Sleep => {
                    trunk = None;
                    let message = "it was idle".to_owned();
                    let go_away = GoAway { reason: "asleep".to_owned(), message, deadline_ms: None };
                    let body = Body::GoAway(kind::encode(&go_away).unwrap());
                    client.send(Message::Binary(Frame { lane: 1, channel: 0, body }.encode())).await.unwrap();
                }
                Deed::Close(code) => {
                    let frame = CloseFrame { code: code.into(), reason: "MALFORMED_FRAME: for a test".into() };
                    client.close(Some(frame)).await.unwrap();
                    // Its answer says that it knows.
                    while let Some(Ok(_)) = client.next().await {}
                    return;
                }
            },
        }
    }
}

/// R-RELAY-5: what is open is told the truth; the connection stays; only what the user wants wakes the sandbox.
#[tokio::test]
async fn a_sandbox_that_sleeps_is_left_alone_until_something_is_wanted() {
    let server = Server::start();
    let relay = Relay::start(&server).await;
    let client = Client::connect(&relay.url).await.unwrap();
    assert_eq!(run(&client, &shell("echo here")).await.0, b"here\n");
    let open = client.open::<Exec>(&shell("echo up; sleep 1000")).unwrap();
    assert!(matches!(open.recv().await, sandwire::Reply::Data(1, data) if data == "up\n"));
    relay.deeds.send(Deed::Sleep).await.unwrap();
    let error = collect(&open).await.result.unwrap_err();
    assert_eq!((error.code, &error.details["admitted"]), (Code::OperationInterrupted, &"true".into()), "{error}");
    assert!(error.message.contains("asleep: it was idle"), "{error}");
    assert!(matches!(client.state(), State::Asleep { reason } if reason.contains("it was idle")));
    assert_eq!(relay.counts(), (1, 1), "nobody was asked for anything");
    assert_eq!(run(&client, &shell("echo again")).await.0, b"again\n");
    assert_eq!(relay.counts(), (1, 2), "a new lane on the same connection");
    assert!(matches!(client.state(), State::Connected { .. }));
    relay.deeds.send(Deed::Sleep).await.unwrap();
    client.states().wait_for(|state| matches!(state, State::Asleep { .. })).await.unwrap();
    client.close().await;
    assert_eq!(relay.counts(), (1, 2), "to close wakes nobody");
}

/// Who loses the connection to a relay while the sandbox sleeps does not dial before there is something to do.
#[tokio::test]
async fn a_connection_that_is_lost_in_sleep_is_made_when_it_is_needed() {
    let server = Server::start();
    let relay = Relay::start(&server).await;
    let client = Client::connect(&relay.url).await.unwrap();
    run(&client, &shell("true")).await.2.unwrap();
    relay.deeds.send(Deed::Sleep).await.unwrap();
    client.states().wait_for(|state| matches!(state, State::Asleep { .. })).await.unwrap();
    relay.deeds.send(Deed::Close(1001)).await.unwrap();
    wait_for("the client knows", || relay.ended.load(Ordering::SeqCst) == 1).await;
    assert_eq!(relay.counts(), (1, 1));
    assert_eq!(run(&client, &shell("echo again")).await.0, b"again\n");
    assert_eq!(relay.counts(), (2, 2));
}

/// After 1002 and 1009 the lane is not gone on with: what broke it would break it again.
#[tokio::test]
async fn a_connection_that_ends_for_a_defect_takes_its_lane_along() {
    let server = Server::start();
    let relay = Relay::start(&server).await;
    let client = Client::connect(&relay.url).await.unwrap();
    for code in [1002, 1009, 1001] {
        // The one that goes on waits until the connection is another.
        let script = "echo up; until [ -e go ]; do sleep 0.01; done";
        let open = client.open::<Exec>(&shell(script)).unwrap();
        assert!(matches!(open.recv().await, sandwire::Reply::Data(1, _)));
        relay.deeds.send(Deed::Close(code)).await.unwrap();
        if code == 1001 {
            client.states().wait_for(|state| matches!(state, State::Reconnecting { .. })).await.unwrap();
            std::fs::write(server.workspace().join("go"), "").unwrap();
        }
        let result = collect(&open).await.result;
        if code == 1001 {
            assert_eq!(result.unwrap().code, Some(0), "a lane whose connection was lost goes on");
        } else {
            assert_eq!(result.unwrap_err().code, Code::OperationInterrupted, "{code}");
        }
        assert_eq!(run(&client, &shell("echo on")).await.0, b"on\n");
    }
}

/// R-RELAY-1: a HELLO that no server has heard does not count, and what came behind it is said again.
#[tokio::test]
async fn what_is_asked_of_a_relay_without_a_trunk_runs_once() {
    let server = Server::start();
    let relay = Relay::cold(&server, 2).await;
    let client = Client::connect(&relay.url).await.unwrap();
    let file = server.workspace().join("runs");
    let command = format!("echo run >> {}; echo done", file.display());
    assert_eq!(run(&client, &shell(&command)).await.0, b"done\n");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "run\n");
    assert_eq!(relay.counts().1, 3);
}
