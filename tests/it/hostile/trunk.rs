//! Many lanes on one connection, as a relay has them: what one client does wrong ends its lane and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt;
use sandwire::protocol::frame::{Body, Frame, GoAway, Hello, Outcome};
use sandwire::protocol::kind;
use sandwire::protocol::kind::command::Exit;
use sandwire_tests::server::Server;
use tokio_tungstenite::tungstenite::Message;

use super::{Raw, SLEEP, closed, hello, open};

/// Lanes on the trunk; the first carries the command.
const LANES: u32 = 50;

/// Bytes that the command writes.
const OUTPUT: usize = 4 << 20;

/// What came on a trunk.
#[derive(Default)]
struct Heard {
    /// Lanes that were ended, with the reason.
    ended: BTreeMap<u32, String>,
    /// Lanes that were welcomed.
    welcomed: Vec<u32>,
    /// Output of the command, and its end.
    output: Vec<u8>,
    exit: Option<Exit>,
    /// Counted frames of the command's lane.
    counted: u64,
}

struct Trunk {
    raw: Raw,
    heard: Heard,
}

impl Trunk {
    async fn connect(server: &Server) -> Self {
        Self { raw: Raw::connect(server).await, heard: Heard::default() }
    }

    /// Takes frames until that is so, and lets the command go on.
    async fn until(&mut self, what: &str, so: impl Fn(&Heard) -> bool) {
        let hear = async {
            while !so(&self.heard) {
                let frame = self.raw.next().await.unwrap_or_else(|verdict| panic!("{what}: {verdict:?}"));
                self.take(frame).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), hear).await.unwrap_or_else(|_| panic!("waits for {what}"));
    }

    async fn take(&mut self, frame: Frame) {
        let Frame { lane, channel, body } = frame;
        if lane == 1 {
            self.heard.counted += u64::from(body.is_counted());
        }
        match body {
            // The server asks how much is on its way to the client behind a relay.
            Body::Ping { nonce } if lane != 0 => {
                let received = if lane == 1 { self.heard.counted } else { 0 };
                self.raw.send(lane, 0, Body::Pong { nonce, received }).await;
            }
            Body::Welcome(_) => self.heard.welcomed.push(lane),
            Body::GoAway(payload) => {
                let go_away: GoAway = kind::decode(&payload).unwrap();
                assert!(self.heard.ended.insert(lane, go_away.reason).is_none(), "lane {lane} is ended once");
            }
            Body::Data { stream: 1, data } if lane == 1 => {
                let cost = u32::try_from(data.len().max(64)).unwrap();
                self.heard.output.extend_from_slice(&data);
                self.raw.send(1, channel, Body::Credit { bytes: cost }).await;
                self.raw.send(1, 0, Body::Ack { received: self.heard.counted }).await;
            }
            Body::Close(Outcome::Result(payload)) if lane == 1 => {
                self.heard.exit = Some(kind::decode(&payload).unwrap());
            }
            _ => {}
        }
    }

    async fn hello(&mut self, lane: u32) {
        let token: [u8; 16] = std::array::from_fn(|_| fastrand::u8(..));
        self.raw.send(lane, 0, hello(&token)).await;
        self.until("WELCOME", |heard| heard.welcomed.contains(&lane)).await;
    }
}

fn frame(lane: u32, channel: u32, body: Body) -> Bytes {
    Frame { lane, channel, body }.encode()
}

/// What a client may send that no client should, in its lane, with the name that it is told.
fn garbage(lane: u32) -> Vec<(&'static str, Vec<Bytes>)> {
    let [a, b, c, d] = lane.to_be_bytes();
    let header =
        |elements: u8, kind: u8, channel: u8| vec![0x90 | elements, kind, 0xce, a, b, c, d, 0xce, 0, 0, 0, channel];
    let with = |mut head: Vec<u8>, rest: &[u8]| {
        head.extend_from_slice(rest);
        Bytes::from(head)
    };
    let sleep = || frame(lane, 1, open("exec", SLEEP));
    let data = |channel, size: usize| frame(lane, channel, Body::Data { stream: 0, data: vec![0; size].into() });
    let valid = sleep();
    let refused = |hello: Hello| frame(lane, 0, Body::Hello(kind::encode(&hello).unwrap()));
    vec![
        ("MALFORMED_FRAME", vec![valid.slice(..valid.len() - 3)]),
        ("MALFORMED_FRAME", vec![Bytes::from([&valid[..], b"x"].concat())]),
        ("MALFORMED_FRAME", vec![with(header(5, 9, 1), &[0, 0xc4, 0])]),
        ("MALFORMED_FRAME", vec![with(header(4, 10, 1), &[0xc6, 0xff, 0xff, 0xff, 0xff])]),
        ("MALFORMED_FRAME", vec![with(header(4, 10, 0), &[0xc4, 0])]),
        ("MALFORMED_FRAME", vec![with(header(3, 14, 1), &[0; 100_000])]),
        ("MALFORMED_FRAME", vec![frame(lane, 0, Body::GoAway(Bytes::from_static(b"\xc1")))]),
        ("UNKNOWN_FRAME", vec![with(header(3, 15, 1), &[])]),
        ("UNKNOWN_FRAME", vec![with(header(3, 0xff, 1), &[])]),
        ("UNEXPECTED_FRAME", vec![refused(Hello { version: 1, token: vec![1; 16], ..Hello::default() })]),
        ("UNEXPECTED_FRAME", vec![refused(Hello::default())]),
        ("UNEXPECTED_FRAME", vec![frame(lane, 0, Body::Welcome(Bytes::from_static(b"\x80")))]),
        ("BAD_CHANNEL_ID", vec![frame(lane, 2, open("exec", SLEEP))]),
        ("BAD_CHANNEL_ID", vec![sleep(), sleep()]),
        ("NO_SUCH_CHANNEL", vec![data(7, 1)]),
        ("WRONG_STATE", vec![sleep(), frame(lane, 1, Body::Close(Outcome::Result(Bytes::new())))]),
        ("CREDIT_OVERFLOW", vec![sleep(), frame(lane, 1, Body::Credit { bytes: u32::MAX })]),
        ("BAD_ACK", vec![frame(lane, 0, Body::Ack { received: 1_000_000 })]),
        ("WINDOW_EXCEEDED", std::iter::once(sleep()).chain((0..40).map(|_| data(1, 60_000))).collect()),
    ]
}

/// R-GOAWAY-3, R-GOAWAY-4.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_in_a_lane_ends_that_lane_and_no_byte_of_another_is_lost() {
    let server = Server::start();
    let mut trunk = Trunk::connect(&server).await;
    for lane in 1..=LANES {
        trunk.hello(lane).await;
    }
    // Numbered lines, as fast as they are taken; it goes on for as long as there is garbage to send.
    let script = format!("seq 1 100000000 | head -c {OUTPUT}; read line; echo \"$line\"; exit 7");
    let params = kind::exec::Params { stdin: true, ..crate::common::shell(&script) };
    let params = kind::encode(&params).unwrap();
    trunk.raw.send(1, 1, Body::Open { kind: "exec".to_owned(), class: None, params }).await;

    let count = garbage(2).len();
    assert!(count + 1 < LANES as usize);
    for (lane, case) in (2..).zip(0..count) {
        let (name, messages) = garbage(lane).swap_remove(case);
        let before = trunk.heard.output.len();
        // More of it follows: nobody is told twice.
        let [(_, more), (_, other)] = [garbage(lane).swap_remove(0), garbage(lane).swap_remove(7)];
        for message in messages.into_iter().chain(more).chain(other) {
            trunk.raw.send_bytes(message).await;
        }
        trunk.until(name, |heard| heard.ended.contains_key(&lane)).await;
        assert_eq!(trunk.heard.ended[&lane], name, "case {case}");
        trunk.until("the command", |heard| heard.output.len() > before || heard.output.len() == OUTPUT).await;
    }
    // A HELLO that is none, in a lane that is not open; and the number is free for one that is.
    let [free, number] = [LANES + 1, 2];
    trunk.raw.send(free, 0, hello(b"short")).await;
    trunk.until("the refusal", |heard| heard.ended.contains_key(&free)).await;
    assert_eq!(trunk.heard.ended[&free], "MALFORMED_FRAME");
    trunk.heard.welcomed.clear();
    trunk.hello(number).await;
    trunk.hello(free).await;

    trunk.raw.send(1, 1, Body::Data { stream: 0, data: Bytes::from_static(b"the end\n") }).await;
    trunk.until("the end", |heard| heard.exit.is_some()).await;
    assert_eq!(trunk.heard.exit.as_ref().unwrap().code, Some(7));
    let mut expected: Vec<u8> = (1_u32..).flat_map(|number| format!("{number}\n").into_bytes()).take(OUTPUT).collect();
    expected.extend_from_slice(b"the end\n");
    assert!(trunk.heard.output == expected, "each byte, once, in order");
    assert_eq!(trunk.heard.ended.len(), count + 1, "no other lane was ended: {:?}", trunk.heard.ended);
    sandwire_tests::wait::wait_for("the commands of ended lanes are ended", || server.started().is_empty()).await;

    // What a relay has to keep from its trunk ends the trunk.
    trunk.raw.0.send(Message::Text("hello".into())).await.unwrap();
    assert_eq!(trunk.raw.verdict().await, closed(1002, "MALFORMED_FRAME"));
}

/// R-HELLO-5: one lane more than may be is refused, and the others go on.
#[tokio::test]
async fn too_many_lanes_are_refused_one_by_one() {
    let server = Server::builder().args(["--max-lanes-per-connection", "3"]).start();
    let mut trunk = Trunk::connect(&server).await;
    for lane in [1, 2, 3] {
        trunk.hello(lane).await;
    }
    for lane in [4, 5] {
        trunk.raw.send(lane, 0, hello(&[9; 16])).await;
        trunk.until("the refusal", |heard| heard.ended.contains_key(&lane)).await;
        assert_eq!(trunk.heard.ended[&lane], "TOO_MANY_LANES");
    }
    let done = GoAway { reason: "done".to_owned(), ..GoAway::default() };
    trunk.raw.send(3, 0, Body::GoAway(kind::encode(&done).unwrap())).await;
    trunk.hello(4).await;
}

/// A relay carries 200 browsers and more on one connection, with the defaults.
#[tokio::test]
async fn two_hundred_lanes_fit_on_one_connection() {
    let server = Server::start();
    let mut trunk = Trunk::connect(&server).await;
    for lane in 1..=220 {
        trunk.hello(lane).await;
    }
    assert!(trunk.heard.ended.is_empty());
}

/// R-PACE-1: a client behind a relay that does not say what has arrived gets so much bulk and no more, and keys go on. A
/// client on a connection of its own is not asked.
#[tokio::test]
async fn little_is_on_its_way_to_a_client_behind_a_relay() {
    let server = Server::start();
    for relayed in [true, false] {
        let mut raw = Raw::connect(&server).await;
        let token: [u8; 16] = std::array::from_fn(|_| fastrand::u8(..));
        let window = Some(64 << 20);
        let hello = Hello { version: 1, token: token.to_vec(), window, relayed, ..Hello::default() };
        raw.send(1, 0, Body::Hello(kind::encode(&hello).unwrap())).await;
        let flood = crate::common::argv(&["head", "-c", "2000000", "/dev/zero"]);
        raw.send(1, 1, Body::Open { kind: "exec".to_owned(), class: None, params: kind::encode(&flood).unwrap() })
            .await;
        let (mut bulk, mut nonces, mut closed) = (0, Vec::new(), false);
        // The answer to a unary call is interactive: when it comes, bulk that could come before it has come.
        let info = |id: u32| frame(1, id, open("sandbox.info", b"\x80"));
        let mut asked = 3;
        raw.send_bytes(info(asked)).await;
        let mut quiet = 0;
        while !closed && (quiet < 20 || !relayed) {
            quiet += usize::from(bulk >= 200_000);
            match raw.next().await.unwrap() {
                Frame { channel: 1, body: Body::Data { data, .. }, .. } => {
                    bulk += data.len();
                    quiet = 0;
                }
                Frame { lane: 1, body: Body::Ping { nonce }, .. } => {
                    nonces.push(nonce);
                    quiet = 0;
                }
                Frame { channel: 1, body: Body::Close(_), .. } => closed = true,
                Frame { body: Body::Close(_), .. } => {
                    asked += 2;
                    raw.send_bytes(info(asked)).await;
                }
                _ => {}
            }
        }
        if !relayed {
            assert!((closed, bulk, nonces.is_empty()) == (true, 2_000_000, true), "{bulk} {nonces:?}");
            continue;
        }
        assert!(!closed && (200_000..400_000).contains(&bulk), "{bulk}");
        assert!(nonces.len() > 3);
        let mut pending: Vec<u64> = nonces;
        while !closed {
            for nonce in pending.drain(..) {
                raw.send(1, 0, Body::Pong { nonce, received: 0 }).await;
            }
            match raw.next().await.unwrap() {
                Frame { channel: 1, body: Body::Data { data, .. }, .. } => bulk += data.len(),
                Frame { lane: 1, body: Body::Ping { nonce }, .. } => pending.push(nonce),
                Frame { channel: 1, body: Body::Close(_), .. } => closed = true,
                _ => {}
            }
        }
        assert_eq!(bulk, 2_000_000, "each byte");
    }
}
