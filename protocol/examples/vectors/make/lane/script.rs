//! Records what a lane does, or plays a record again.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sandwire_protocol::channel::{Blocked, Item};
use sandwire_protocol::frame::{Body, Frame, Outcome};
use sandwire_protocol::lane::{Config, Epoch, Lane, LaneEvent, Role};
use sandwire_protocol::schedule::Class;

use super::super::frames::{class_name, shown};
use super::super::value::{Value, unhex};

/// A lane, and the record of all that was done with it.
pub struct Script {
    name: &'static str,
    head: Vec<(&'static str, Value)>,
    lane: Lane,
    epoch: Option<Epoch>,
    now: Instant,
    steps: Vec<Value>,
}

/// The bounds of the lanes in transcripts, unless a transcript says otherwise.
pub const fn config() -> Config {
    Config { max_channels: 4, retain: 512 << 10, recv_window: 64 << 10, send_window: 64 << 10, growth: 1 << 20 }
}

impl Script {
    pub fn new(name: &'static str, about: &str, rules: &[&str], role: Role, config: Config) -> Self {
        let int = |value: usize| Value::Int(value as i128);
        let bounds = Value::map([
            (
                "role",
                Value::text(match role {
                    Role::Client => "client",
                    Role::Server => "server",
                }),
            ),
            ("max_channels", int(config.max_channels)),
            ("retain", int(config.retain)),
            ("recv_window", int(config.recv_window as usize)),
            ("send_window", int(config.send_window as usize)),
            ("growth", int(config.growth)),
        ]);
        let rules = rules.iter().map(|rule| Value::text(*rule)).collect();
        let head = vec![("about", Value::text(about)), ("rules", Value::List(rules)), ("config", bounds)];
        Self { name, head, lane: Lane::new(role, config), epoch: None, now: Instant::now(), steps: vec![] }
    }

    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub fn file(self) -> Value {
        let mut entries: Vec<_> = self.head.into_iter().map(|(key, value)| (Value::text(key), value)).collect();
        entries.push((Value::text("steps"), Value::List(self.steps)));
        Value::Map(entries)
    }

    /// Does a step, given as in the file, and records what comes of it. Returns that.
    pub fn step(&mut self, input: Value) -> Vec<(Value, Value)> {
        let outcome = self.perform(&input);
        let Value::Map(mut entries) = input else { panic!("a step is a map") };
        entries.extend(outcome.clone());
        let mut events = vec![];
        while let Some(event) = self.lane.poll_event() {
            events.push(told(event));
        }
        let mut outcome = outcome;
        if !events.is_empty() {
            let events = (Value::text("events"), Value::List(events));
            entries.push(events.clone());
            outcome.push(events);
        }
        self.steps.push(Value::Map(entries));
        outcome
    }

    fn perform(&mut self, step: &Value) -> Vec<(Value, Value)> {
        let id = || u32::try_from(int(step, "channel")).unwrap();
        let gives = |value: Value| vec![(Value::text("gives"), value)];
        match text(step, "do") {
            "attach" => match self.lane.attach(u64::try_from(int(step, "received")).unwrap()) {
                Ok(epoch) => {
                    self.epoch = Some(epoch);
                    gives(Value::text("ok"))
                }
                Err(error) => gives(Value::text(error.name())),
            },
            "detach" => {
                self.lane.detach();
                vec![]
            }
            "fail" => {
                self.lane.fail(text(step, "reason"));
                vec![]
            }
            "drain" => {
                self.lane.drain();
                vec![]
            }
            "open" => {
                let class = class_of(step);
                let explicit = matches!(field(step, "explicit"), Some(Value::Bool(true)));
                let opened = self.lane.open(text(step, "kind"), class, explicit, bytes(step, "params"));
                gives(opened.map_or(Value::Nil, |id| Value::Int(id.into())))
            }
            "send" => {
                let stream = u8::try_from(int(step, "stream")).unwrap();
                gives(blocked(self.lane.send(id(), stream, bytes(step, "data"))))
            }
            "event" => gives(blocked(self.lane.event(id(), bytes(step, "payload")))),
            "end" => gives(blocked(self.lane.end(id(), u8::try_from(int(step, "stream")).unwrap()))),
            "close" => {
                let outcome = match field(step, "error") {
                    Some(_) => Outcome::Error(bytes(step, "error")),
                    None => Outcome::Result(bytes(step, "result")),
                };
                gives(blocked(self.lane.close(id(), outcome)))
            }
            "cancel" => {
                self.lane.cancel(id());
                vec![]
            }
            "release" => {
                self.lane.release(id());
                vec![]
            }
            "room" => gives(self.lane.room(id()).map_or_else(|why| blocked(Err(why)), |room| Value::Int(room as i128))),
            "recv" => gives(self.lane.recv(id()).map_or(Value::Nil, item)),
            "wait" => {
                self.now += Duration::from_millis(u64::try_from(int(step, "ms")).unwrap());
                self.lane.handle_timeout(self.now);
                vec![]
            }
            "hear" => {
                let mut encoded = unhex(text(step, "hex"));
                if let Some(Value::List(run)) = field(step, "then") {
                    let [Value::Text(byte), Value::Int(times)] = run.as_slice() else { panic!("{run:?}") };
                    encoded.extend(unhex(byte).repeat(usize::try_from(*times).unwrap()));
                }
                let frame = Frame::decode(&encoded.into()).unwrap();
                match self.lane.handle_frame(self.now, frame) {
                    Ok(()) => vec![],
                    Err(error) => vec![(Value::text("error"), Value::text(error.name()))],
                }
            }
            "say" => {
                let most = field(step, "most").map_or(usize::MAX, |_| usize::try_from(int(step, "most")).unwrap());
                let mut frames = vec![];
                while let Some(epoch) = self.epoch
                    && frames.len() < most
                    && let Some(frame) = self.lane.poll_transmit(epoch)
                {
                    frames.push(shown(&Frame { lane: 1, ..frame }));
                }
                vec![(Value::text("frames"), Value::List(frames))]
            }
            other => panic!("no step is called {other}"),
        }
    }

    // What transcripts say often.

    fn named<const N: usize>(&mut self, name: &str, fields: [(&str, Value); N]) -> Vec<(Value, Value)> {
        let mut entries = vec![(Value::text("do"), Value::text(name))];
        entries.extend(fields.into_iter().map(|(key, value)| (Value::text(key), value)));
        self.step(Value::Map(entries))
    }

    pub fn attach(&mut self, received: u64) {
        self.named("attach", [("received", Value::Int(received.into()))]);
    }

    pub fn detach(&mut self) {
        self.named("detach", []);
    }

    pub fn fail(&mut self, reason: &str) {
        self.named("fail", [("reason", Value::text(reason))]);
    }

    pub fn drain(&mut self) {
        self.named("drain", []);
    }

    pub fn open(&mut self, kind: &str, class: Class) {
        let class = Value::text(class_name(class));
        self.named("open", [("kind", Value::text(kind)), ("class", class), ("params", Value::Bin(vec![0x80]))]);
    }

    pub fn open_as(&mut self, kind: &str, class: Class) {
        let class = Value::text(class_name(class));
        let params = Value::Bin(vec![0x80]);
        let explicit = Value::Bool(true);
        self.named("open", [("kind", Value::text(kind)), ("class", class), ("explicit", explicit), ("params", params)]);
    }

    pub fn send(&mut self, id: u32, stream: u8, byte: u8, times: usize) {
        let data = Value::Bin(vec![byte; times]);
        self.named("send", [("channel", Value::Int(id.into())), ("stream", Value::Int(stream.into())), ("data", data)]);
    }

    pub fn event(&mut self, id: u32, times: usize) {
        self.named("event", [("channel", Value::Int(id.into())), ("payload", Value::Bin(vec![0x65; times]))]);
    }

    pub fn end(&mut self, id: u32, stream: u8) {
        self.named("end", [("channel", Value::Int(id.into())), ("stream", Value::Int(stream.into()))]);
    }

    pub fn close(&mut self, id: u32) {
        self.named("close", [("channel", Value::Int(id.into())), ("result", Value::Bin(vec![0x80]))]);
    }

    pub fn cancel(&mut self, id: u32) {
        self.named("cancel", [("channel", Value::Int(id.into()))]);
    }

    pub fn release(&mut self, id: u32) {
        self.named("release", [("channel", Value::Int(id.into()))]);
    }

    pub fn room(&mut self, id: u32) {
        self.named("room", [("channel", Value::Int(id.into()))]);
    }

    pub fn recv(&mut self, id: u32) {
        self.named("recv", [("channel", Value::Int(id.into()))]);
    }

    pub fn wait(&mut self, ms: u64) {
        self.named("wait", [("ms", Value::Int(ms.into()))]);
    }

    pub fn hear(&mut self, channel: u32, body: Body) {
        let frame = Frame { lane: 1, channel, body };
        let Value::Map(mut entries) = shown(&frame) else { panic!("a map") };
        entries.insert(0, (Value::text("do"), Value::text("hear")));
        self.step(Value::Map(entries));
    }

    pub fn say(&mut self) {
        self.named("say", []);
    }

    pub fn say_most(&mut self, most: usize) {
        self.named("say", [("most", Value::Int(most as i128))]);
    }
}

/// Plays a transcript on a fresh lane, and says at which step it came out otherwise.
pub fn replay(file: &Value) -> Result<(), String> {
    let bounds = field(file, "config").ok_or("no config")?;
    let number = |name: &str| usize::try_from(int(bounds, name)).unwrap();
    let role = if text(bounds, "role") == "client" { Role::Client } else { Role::Server };
    let config = Config {
        max_channels: number("max_channels"),
        retain: number("retain"),
        recv_window: u32::try_from(number("recv_window")).unwrap(),
        send_window: u32::try_from(number("send_window")).unwrap(),
        growth: number("growth"),
    };
    let mut script = Script::new("", "", &[], role, config);
    let Some(Value::List(steps)) = field(file, "steps") else { return Err("no steps".to_owned()) };
    for (index, step) in steps.iter().enumerate() {
        let Value::Map(entries) = step else { return Err(format!("step {index} is no map")) };
        // `error` is an input of `close`, and what comes out of everything else.
        let given = |key: &str| {
            !matches!(key, "gives" | "frames" | "events") && (key != "error" || text(step, "do") == "close")
        };
        let named =
            |entry: &&(Value, Value), wanted: bool| matches!(&entry.0, Value::Text(key) if given(key) == wanted);
        let input: Vec<_> = entries.iter().filter(|entry| named(entry, true)).cloned().collect();
        let mut expected: Vec<_> = entries.iter().filter(|entry| named(entry, false)).cloned().collect();
        let mut outcome = script.step(Value::Map(input));
        let order = |(key, _): &(Value, Value)| format!("{key:?}");
        expected.sort_by_key(order);
        outcome.sort_by_key(order);
        let (expected, outcome) = (Value::Map(expected).json(), Value::Map(outcome).json());
        // Through JSON, where maps have no order.
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        if parse(&expected) != parse(&outcome) {
            return Err(format!("step {index}: expected {expected}, came {outcome}"));
        }
    }
    Ok(())
}

fn field<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Map(entries) = map else { panic!("not a map: {map:?}") };
    entries.iter().find(|(key, _)| matches!(key, Value::Text(key) if key == name)).map(|(_, value)| value)
}

fn text<'a>(map: &'a Value, name: &str) -> &'a str {
    match field(map, name) {
        Some(Value::Text(text)) => text,
        other => panic!("{name} is {other:?}"),
    }
}

fn int(map: &Value, name: &str) -> i128 {
    match field(map, name) {
        Some(Value::Int(value)) => *value,
        other => panic!("{name} is {other:?}"),
    }
}

fn bytes(map: &Value, name: &str) -> Bytes {
    match field(map, name) {
        Some(Value::Bin(bytes)) => bytes.clone().into(),
        other => panic!("{name} is {other:?}"),
    }
}

fn class_of(step: &Value) -> Class {
    match text(step, "class") {
        "interactive" => Class::Interactive,
        "bulk" => Class::Bulk,
        other => panic!("no class is called {other}"),
    }
}

fn blocked(result: Result<(), Blocked>) -> Value {
    Value::text(match result {
        Ok(()) => "ok",
        Err(Blocked::Window) => "window",
        Err(Blocked::Done) => "done",
    })
}

fn item(item: Item) -> Value {
    let bin = |bytes: Bytes| Value::Bin(bytes.to_vec());
    match item {
        Item::Data(stream, data) => Value::map([("stream", Value::Int(stream.into())), ("data", bin(data))]),
        Item::Event(payload) => Value::map([("event", bin(payload))]),
        Item::End(stream) => Value::map([("end", Value::Int(stream.into()))]),
        Item::Close(Outcome::Result(payload)) => Value::map([("result", bin(payload))]),
        Item::Close(Outcome::Error(payload)) => Value::map([("error", failure(&payload))]),
    }
}

/// Code and details of an error, whose message is free.
fn failure(payload: &[u8]) -> Value {
    match Value::read(payload) {
        Value::Map(entries) if !entries.is_empty() => {
            Value::Map(entries.into_iter().filter(|(key, _)| *key != Value::text("message")).collect())
        }
        other => other,
    }
}

fn told(event: LaneEvent) -> Value {
    let (name, id) = match event {
        LaneEvent::Opened { id, kind, params } => {
            return Value::map([
                ("event", Value::text("opened")),
                ("channel", Value::Int(id.into())),
                ("kind", Value::text(kind)),
                ("params", Value::Bin(params.to_vec())),
            ]);
        }
        LaneEvent::Readable(id) => ("readable", id),
        LaneEvent::Writable(id) => ("writable", id),
        LaneEvent::Cancelled(id) => ("cancelled", id),
    };
    Value::map([("event", Value::text(name)), ("channel", Value::Int(id.into()))])
}
