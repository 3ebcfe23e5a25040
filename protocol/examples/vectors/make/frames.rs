//! Each kind of frame, at its edges.

use bytes::Bytes;
use sandwire_protocol::ByteString;
use sandwire_protocol::frame::header::kind as number;
use sandwire_protocol::frame::{Body, Frame, GoAway, Hello, Outcome, Reset, Welcome};
use sandwire_protocol::kind::encode;
use sandwire_protocol::limits::{MAX_DATA, MAX_KIND_NAME, VERSION};
use sandwire_protocol::schedule::Class;
use serde::Serialize;

use super::value::{Value, hex, run};

/// Name, number and fields of a frame, as the vectors have them.
pub fn describe(frame: &Frame) -> (&'static str, u8, Value) {
    let bin = |bytes: &Bytes| Value::Bin(bytes.to_vec());
    let int = |value: u64| Value::Int(value.into());
    let payload = |bytes: &Bytes| vec![("payload", bin(bytes))];
    let (name, number, fields) = match &frame.body {
        Body::Hello(bytes) => ("HELLO", number::HELLO, payload(bytes)),
        Body::Welcome(bytes) => ("WELCOME", number::WELCOME, payload(bytes)),
        Body::Ack { received } => ("ACK", number::ACK, vec![("received", int(*received))]),
        Body::Ping { nonce } => ("PING", number::PING, vec![("nonce", int(*nonce))]),
        Body::Pong { nonce, received } => {
            ("PONG", number::PONG, vec![("nonce", int(*nonce)), ("received", int(*received))])
        }
        Body::GoAway(bytes) => ("GOAWAY", number::GOAWAY, payload(bytes)),
        Body::Reset(bytes) => ("RESET", number::RESET, payload(bytes)),
        Body::Open { kind, class, params } => {
            let class = class.map_or(Value::Nil, |class| Value::text(class_name(class)));
            ("OPEN", number::OPEN, vec![("kind", Value::text(kind)), ("class", class), ("params", bin(params))])
        }
        Body::Data { stream, data } => {
            ("DATA", number::DATA, vec![("stream", int(u64::from(*stream))), ("data", bin(data))])
        }
        Body::Event(bytes) => ("EVENT", number::EVENT, payload(bytes)),
        Body::Credit { bytes } => ("CREDIT", number::CREDIT, vec![("bytes", int(u64::from(*bytes)))]),
        Body::End { stream } => ("END", number::END, vec![("stream", int(u64::from(*stream)))]),
        Body::Close(Outcome::Result(bytes)) => ("CLOSE", number::CLOSE, vec![("result", bin(bytes))]),
        Body::Close(Outcome::Error(bytes)) => ("CLOSE", number::CLOSE, vec![("error", bin(bytes))]),
        Body::Cancel => ("CANCEL", number::CANCEL, vec![]),
    };
    let mut all = vec![("lane", int(u64::from(frame.lane))), ("channel", int(u64::from(frame.channel)))];
    all.extend(fields);
    (name, number, Value::Map(all.into_iter().map(|(key, value)| (Value::text(key), value)).collect()))
}

pub const fn class_name(class: Class) -> &'static str {
    match class {
        Class::Control => "control",
        Class::Interactive => "interactive",
        Class::Bulk => "bulk",
    }
}

/// The bytes as `hex`, and `then` for a long run of one byte at the end.
pub fn bytes_of(encoded: &[u8], payload: usize) -> Vec<(Value, Value)> {
    let (head, tail) = encoded.split_at(encoded.len() - payload);
    match run(tail) {
        Some((byte, times)) => vec![
            (Value::text("hex"), Value::text(hex(head))),
            (Value::text("then"), Value::List(vec![Value::text(hex(&[byte])), Value::Int(times as i128)])),
        ],
        None => vec![(Value::text("hex"), Value::text(hex(encoded)))],
    }
}

/// A frame as the transcripts show it: name, bytes, fields.
pub fn shown(frame: &Frame) -> Value {
    let (name, _, fields) = describe(frame);
    let mut entries = vec![(Value::text("frame"), Value::text(name))];
    entries.extend(bytes_of(&frame.encode(), frame.body.payload().map_or(0, Bytes::len)));
    entries.push((Value::text("fields"), fields));
    Value::Map(entries)
}

struct File {
    kind: u8,
    name: &'static str,
    cases: Vec<Value>,
}

struct Maker(Vec<File>);

impl Maker {
    fn case(&mut self, about: &str, lane: u32, channel: u32, body: Body) {
        let frame = Frame { lane, channel, body };
        assert_eq!(Frame::decode(&frame.encode()).expect("a frame"), frame);
        let (name, kind, fields) = describe(&frame);
        let mut entries = vec![(Value::text("name"), Value::text(about))];
        entries.extend(bytes_of(&frame.encode(), frame.body.payload().map_or(0, Bytes::len)));
        entries.push((Value::text("fields"), fields));
        if matches!(frame.body, Body::Hello(_) | Body::Welcome(_) | Body::GoAway(_) | Body::Reset(_)) {
            let payload = frame.body.payload().expect("a payload");
            entries.push((Value::text("payload"), Value::read(payload)));
        }
        let case = Value::Map(entries);
        match self.0.iter_mut().find(|file| file.name == name) {
            Some(file) => file.cases.push(case),
            None => self.0.push(File { kind, name, cases: vec![case] }),
        }
    }
}

fn packed<T: Serialize>(value: &T) -> Bytes {
    encode(value).expect("it fits")
}

/// The files, by name.
pub fn files() -> Vec<(String, Value)> {
    let mut make = Maker(vec![]);
    hello_and_welcome(&mut make);
    connection(&mut make);
    channels(&mut make);
    let file = |file: File| {
        let path = format!("frames/{}.json", file.name.to_lowercase());
        let cases = Value::List(file.cases);
        (
            path,
            Value::map([("frame", Value::text(file.name)), ("number", Value::Int(file.kind.into())), ("cases", cases)]),
        )
    };
    make.0.into_iter().map(file).collect()
}

fn hello_and_welcome(make: &mut Maker) {
    let token: Vec<u8> = (0..16).collect();
    let least = Hello { version: VERSION, token: token.clone(), ..Hello::default() };
    make.case("a new lane", 1, 0, Body::Hello(packed(&least)));
    let full = Hello {
        version: VERSION,
        token: vec![0xff; 64],
        received: 1 << 40,
        attempt: 3,
        age_ms: Some(1500),
        client: "sandwire-rs/0.1.0".to_owned(),
        window: Some(256 << 10),
        scopes: Some(vec!["exec".to_owned(), "file-read".to_owned()]),
        terminals: Some(vec!["work".to_owned()]),
        paths: Some(vec!["/workspace/site".into(), ByteString::new(b"/caf\xe9".as_slice())]),
        relayed: true,
    };
    make.case("every field", u32::MAX, 0, Body::Hello(packed(&full)));
    let newer = Value::map([
        ("later", Value::map([("field", Value::List(vec![Value::Nil, Value::Bool(true)]))])),
        ("token", Value::Bin(token)),
        ("version", Value::Int(7)),
    ]);
    make.case("of a newer client: an unknown field, another order", 1, 0, Body::Hello(newer.write().into()));
    let welcome = Welcome {
        version: VERSION,
        boot_id: "b".to_owned(),
        server: "sandwire-server/0.1.0".to_owned(),
        lane_ttl_ms: 120_000,
        max_channels: 1024,
        retain: 4 << 20,
        ..Welcome::default()
    };
    make.case("a new lane", 1, 0, Body::Welcome(packed(&welcome)));
    let resumed = Welcome { resumed: true, received: 300, ..welcome };
    make.case("a lane that goes on", 1, 0, Body::Welcome(packed(&resumed)));
}

fn connection(make: &mut Maker) {
    for (name, received) in integers() {
        make.case(&name, 1, 0, Body::Ack { received });
    }
    make.case("of the connection", 0, 0, Body::Ping { nonce: 1 });
    make.case("in a lane", 7, 0, Body::Ping { nonce: u64::MAX });
    make.case("of the connection", 0, 0, Body::Pong { nonce: 1, received: 0 });
    make.case("in a lane", 7, 0, Body::Pong { nonce: u64::MAX, received: 70_000 });
    let draining = GoAway { reason: "draining".to_owned(), message: "bye".to_owned(), deadline_ms: Some(30_000) };
    make.case("the server drains", 0, 0, Body::GoAway(packed(&draining)));
    let done = GoAway { reason: "done".to_owned(), ..GoAway::default() };
    make.case("the client ends its lane", 1, 0, Body::GoAway(packed(&done)));
    let broken = GoAway {
        reason: "WINDOW_EXCEEDED".to_owned(),
        message: "channel 1 sent more than its window".to_owned(),
        deadline_ms: None,
    };
    make.case("the server ends a lane", 1, 0, Body::GoAway(packed(&broken)));
    for reason in ["trunk-lost", "client-gone"] {
        make.case(reason, 9, 0, Body::Reset(packed(&Reset { reason: reason.to_owned(), message: None })));
    }
    let message = Some("the sandbox was not there".to_owned());
    make.case("no-trunk", 9, 0, Body::Reset(packed(&Reset { reason: "no-trunk".to_owned(), message })));
}

fn channels(make: &mut Maker) {
    let params = || Bytes::from_static(&[0x80]);
    let open = |kind: &str, class| Body::Open { kind: kind.to_owned(), class, params: params() };
    make.case("the kind's own class", 1, 1, open("exec", None));
    make.case("interactive", 1, 3, open("file.read", Some(Class::Interactive)));
    make.case("bulk", 1, u32::MAX, open("pty.open", Some(Class::Bulk)));
    make.case("an empty name", 1, 1, open("", None));
    make.case("a name of 31 bytes", 1, 1, open(&"k".repeat(31), None));
    make.case("a name of 32 bytes", 1, 1, open(&"k".repeat(32), None));
    make.case("the longest name", 1, 1, open(&"k".repeat(MAX_KIND_NAME), None));
    make.case("a name in UTF-8", 1, 1, open("größe", None));

    let data = |stream, len| Body::Data { stream, data: vec![0x61; len].into() };
    make.case("one byte of standard input", 1, 1, data(0, 1));
    make.case("standard output", 1, 1, Body::Data { stream: 1, data: Bytes::from_static(b"hello\n") });
    make.case("standard error", 2, 0x0102_0304, Body::Data { stream: 2, data: Bytes::from_static(&[0, 0xff]) });
    make.case("255 bytes: the longest bin8", 1, 1, data(1, 255));
    make.case("256 bytes: the shortest bin16", 1, 1, data(1, 256));
    make.case("65535 bytes: the longest bin16", 1, 1, data(1, 65_535));
    make.case("65536 bytes: the shortest bin32, and the largest DATA", 1, 1, data(1, MAX_DATA));

    make.case("an event", 1, 1, Body::Event(Value::map([("live", Value::Map(vec![]))]).write().into()));
    make.case("no payload", 1, 1, Body::Event(Bytes::new()));
    for bytes in [1, 127, 128, 255, 256, 65_535, 65_536, u32::MAX] {
        make.case(&format!("{bytes}"), 1, 1, Body::Credit { bytes });
    }
    for stream in 0..=2 {
        make.case(&format!("stream {stream}"), 1, 1, Body::End { stream });
    }
    make.case("a result", 1, 1, Body::Close(Outcome::Result(params())));
    make.case("a result for an even channel", 1, 2, Body::Close(Outcome::Result(params())));
    let error = sandwire_protocol::Error::new(sandwire_protocol::Code::FileNotFound, "no such file").with("path", "/x");
    make.case("an error", 1, 1, Body::Close(Outcome::Error(packed(&error))));
    make.case("the opener gives up", 1, 1, Body::Cancel);
}

fn integers() -> Vec<(String, u64)> {
    let edges = [0, 127, 128, 255, 256, 65_535, 65_536, 0xffff_ffff, 0x1_0000_0000, u64::MAX];
    edges.into_iter().map(|value| (format!("{value}"), value)).collect()
}
