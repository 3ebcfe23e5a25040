//! The committed vectors, read as a stranger reads them: from JSON alone, in both directions.
#![allow(clippy::disallowed_methods, reason = "the machines are handed a beginning of time")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sandwire_protocol::frame::header::{Header, readdress};
use sandwire_protocol::frame::{Body, Frame, GoAway, Hello, Outcome, Reset, Welcome};
use sandwire_protocol::kind::{self, Kind, TABLE};
use sandwire_protocol::schedule::Class;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

#[path = "../examples/vectors/make/all.rs"]
mod make;

use make::value::{Value, unhex};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> Json {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &str) -> Vec<(String, Json)> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(root().join("vectors").join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(path))).collect()
}

fn list<'a>(json: &'a Json, name: &str) -> &'a Vec<Json> {
    json[name].as_array().unwrap_or_else(|| panic!("no list {name}"))
}

fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_else(|| panic!("no text {name} in {json}"))
}

fn encoded(case: &Json) -> Bytes {
    let mut bytes = unhex(text(case, "hex"));
    if let Some(run) = case.get("then") {
        let times = usize::try_from(run[1].as_u64().unwrap()).unwrap();
        bytes.extend(unhex(run[0].as_str().unwrap()).repeat(times));
    }
    bytes.into()
}

/// The committed files are what the generator makes: `cargo run -p sandwire-protocol --example vectors`.
#[test]
fn committed_files_are_fresh() {
    let fresh = make::everything(root());
    for (path, text) in &fresh {
        let committed = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        assert!(committed == *text, "{path} is stale: run `cargo run -p sandwire-protocol --example vectors`");
    }
    let mut folders = vec![root().join("vectors")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
                assert!(fresh.iter().any(|(path, _)| path == name), "{name} is made by nothing: remove it");
            }
        }
    }
}

/// A frame of its name and fields, as a stranger would build it. R-FRAME-1, R-FRAME-2, R-FRAME-3, R-FRAME-5.
fn frame_of(name: &str, fields: &Value) -> Frame {
    let Value::Map(entries) = fields else { panic!("{fields:?}") };
    let field = |name: &str| entries.iter().find(|(key, _)| *key == Value::text(name)).map(|(_, value)| value);
    let bin = |name: &str| match field(name) {
        Some(Value::Bin(bytes)) => Bytes::from(bytes.clone()),
        other => panic!("{name} is {other:?}"),
    };
    let int = |name: &str| match field(name) {
        Some(Value::Int(value)) => u64::try_from(*value).unwrap(),
        other => panic!("{name} is {other:?}"),
    };
    let u32 = |name: &str| u32::try_from(int(name)).unwrap();
    let stream = || u8::try_from(int("stream")).unwrap();
    let body = match name {
        "HELLO" => Body::Hello(bin("payload")),
        "WELCOME" => Body::Welcome(bin("payload")),
        "ACK" => Body::Ack { received: int("received") },
        "PING" => Body::Ping { nonce: int("nonce") },
        "PONG" => Body::Pong { nonce: int("nonce"), received: int("received") },
        "GOAWAY" => Body::GoAway(bin("payload")),
        "RESET" => Body::Reset(bin("payload")),
        "OPEN" => {
            let Some(Value::Text(kind)) = field("kind") else { panic!("no kind") };
            let class = match field("class") {
                Some(Value::Text(class)) if class == "interactive" => Some(Class::Interactive),
                Some(Value::Text(class)) if class == "bulk" => Some(Class::Bulk),
                _ => None,
            };
            Body::Open { kind: kind.clone(), class, params: bin("params") }
        }
        "DATA" => Body::Data { stream: stream(), data: bin("data") },
        "EVENT" => Body::Event(bin("payload")),
        "CREDIT" => Body::Credit { bytes: u32("bytes") },
        "END" => Body::End { stream: stream() },
        "CLOSE" if field("error").is_some() => Body::Close(Outcome::Error(bin("error"))),
        "CLOSE" => Body::Close(Outcome::Result(bin("result"))),
        "CANCEL" => Body::Cancel,
        other => panic!("no frame is called {other}"),
    };
    Frame { lane: u32("lane"), channel: u32("channel"), body }
}

#[test]
fn frames_decode_to_their_fields_and_back() {
    let files = files("frames");
    assert_eq!(files.len(), 14, "a file for each kind of frame");
    for (_, file) in files {
        let name = text(&file, "frame");
        for case in list(&file, "cases") {
            let about = format!("{name}: {}", text(case, "name"));
            let bytes = encoded(case);
            let frame = frame_of(name, &Value::of_json(&case["fields"]));
            assert_eq!(Frame::decode(&bytes).expect(&about), frame, "{about}");
            assert_eq!(frame.encode(), bytes, "{about}");
            assert_eq!(frame.encoded_len(), bytes.len(), "{about}");
            assert_eq!(u64::from(Header::read(&bytes).unwrap().kind), file["number"].as_u64().unwrap());
            payload(&frame, case, &about);
        }
    }
}

/// What stands in the payload of a frame of the lane. R-EVOLVE-1.
fn payload(frame: &Frame, case: &Json, about: &str) {
    fn both<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &Bytes, json: &Json, about: &str) {
        let decoded: T = kind::decode(bytes).expect(about);
        let from_json: T = kind::decode(&Value::of_json(json).write()).expect(about);
        assert_eq!(decoded, from_json, "{about}");
        assert_eq!(kind::decode::<T>(&kind::encode(&decoded).unwrap()).unwrap(), decoded, "{about}");
    }
    match &frame.body {
        Body::Hello(bytes) => both::<Hello>(bytes, &case["payload"], about),
        Body::Welcome(bytes) => both::<Welcome>(bytes, &case["payload"], about),
        Body::GoAway(bytes) => both::<GoAway>(bytes, &case["payload"], about),
        Body::Reset(bytes) => both::<Reset>(bytes, &case["payload"], about),
        Body::Ack { .. }
        | Body::Ping { .. }
        | Body::Pong { .. }
        | Body::Open { .. }
        | Body::Data { .. }
        | Body::Event(_)
        | Body::Credit { .. }
        | Body::End { .. }
        | Body::Close(_)
        | Body::Cancel => {}
    }
}

/// R-FRAME-4: what is no frame has a name and a close code.
#[test]
fn hostile_bytes_give_their_error() {
    for (_, file) in files("hostile") {
        for case in list(&file, "cases") {
            let error = Frame::decode(&encoded(case)).expect_err(text(case, "name"));
            assert_eq!(error.name(), text(case, "error"), "{}", text(case, "name"));
            assert_eq!(u64::from(error.close_code()), case["close"].as_u64().unwrap());
        }
    }
}

/// R-FRAME-6: a relay gives a frame another lane by overwriting four bytes.
#[test]
fn a_relay_readdresses_any_frame_in_place() {
    for (_, file) in files("frames") {
        for case in list(&file, "cases") {
            let frame = Frame::decode(&encoded(case)).unwrap();
            let mut bytes = encoded(case).to_vec();
            assert!(readdress(&mut bytes, 0xdead_beef));
            assert_eq!(Frame::decode(&bytes.into()).unwrap(), Frame { lane: 0xdead_beef, ..frame });
        }
    }
}

/// The cases of one kind: hex to the type and back, and JSON to the type and to the same hex.
fn check<K: Kind>(seen: &mut BTreeSet<&'static str>) {
    fn one<T: Serialize + DeserializeOwned>(case: &Json, about: &str) {
        let bytes = unhex(text(case, "hex"));
        let decoded: T = kind::decode(&bytes).unwrap_or_else(|error| panic!("{about}: {error}"));
        assert_eq!(kind::encode(&decoded).unwrap(), bytes, "{about}");
        let value = Value::of_json(&case["value"]);
        let decoded: T = kind::decode(&value.write()).unwrap_or_else(|error| panic!("{about}: {error}"));
        assert_eq!(kind::encode(&decoded).unwrap(), bytes, "{about}: the JSON says something else");
        unknown_field::<T>(&value, &bytes, about);
    }
    /// R-EVOLVE-1: a field of a newer peer is ignored.
    fn unknown_field<T: Serialize + DeserializeOwned>(value: &Value, bytes: &[u8], about: &str) {
        let Value::Map(mut entries) = value.clone() else { panic!("{about} is no map") };
        let target = match entries.as_mut_slice() {
            // An event is a map of one entry; its fields are inside.
            [(_, Value::Map(inner))] if about.contains(": up") || about.contains(": down") => inner,
            _ => &mut entries,
        };
        target.push((Value::text("zz_later"), Value::List(vec![Value::Nil, Value::Bin(vec![1])])));
        let newer = Value::Map(entries).write();
        let decoded: T = kind::decode(&newer).unwrap_or_else(|error| panic!("{about}, of a newer peer: {error}"));
        assert_eq!(kind::encode(&decoded).unwrap(), bytes, "{about}");
    }
    let file = read(&root().join(format!("vectors/kinds/{}.json", K::NAME)));
    assert_eq!(text(&file, "kind"), K::NAME);
    for case in list(&file, "params") {
        one::<K::Params>(case, &format!("{}: params: {}", K::NAME, text(case, "name")));
        kind::Open::decode(K::NAME, &unhex(text(case, "hex"))).unwrap();
    }
    for case in list(&file, "up") {
        one::<K::Up>(case, &format!("{}: up: {}", K::NAME, text(case, "name")));
    }
    for case in list(&file, "down") {
        one::<K::Down>(case, &format!("{}: down: {}", K::NAME, text(case, "name")));
    }
    for case in list(&file, "result") {
        one::<K::Result>(case, &format!("{}: result: {}", K::NAME, text(case, "name")));
    }
    assert!(!list(&file, "params").is_empty() && !list(&file, "result").is_empty());
    seen.insert(K::NAME);
}

#[test]
fn every_kind_has_vectors_that_hold_in_both_directions() {
    let mut seen = BTreeSet::new();
    macro_rules! each {
        ($($kind:ident)+) => { $(check::<kind::$kind>(&mut seen);)+ };
    }
    each! {
        Exec ProcessStart ProcessList ProcessGet ProcessSignal ProcessKill ProcessWait ProcessAttach ProcessLogs
        ProcessWaitLog ProcessWaitPort ProcessStats ProcessRemove PtyOpen PtyAttach PtyList PtySnapshot PtyResize
        PtyClose FileRead FileWrite FileStat FileList FileMkdir FileRemove FileRename FileMove FileCopy FileChmod
        FileSymlink FileSearch FileWatch TreeRead TreeWrite BackupCreate BackupRestore
        SessionCreate SessionList SessionGet SessionDelete EnvSet EnvList
        KernelSpecs KernelCreate KernelList KernelGet KernelDelete KernelRestart KernelInterrupt KernelRun
        TcpConnect PortList PortWatch PortExpose PortUnexpose GitCheckout MountCreate MountList MountRemove
        SandboxInfo SandboxMetrics SandboxActivity
    }
    let table: BTreeSet<_> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(seen, table, "every kind of the table is checked here");
    let files: BTreeSet<_> = files("kinds").into_iter().map(|(name, _)| name).collect();
    assert_eq!(files, table.into_iter().map(str::to_owned).collect(), "a file for each kind, and no other");
}

/// Every event has a case: its name is looked for in the types themselves.
#[test]
fn every_event_has_a_vector() {
    let mut said = BTreeSet::new();
    for (_, file) in files("kinds") {
        for case in list(&file, "up").iter().chain(list(&file, "down")) {
            said.insert(case["value"].as_object().unwrap().keys().next().unwrap().clone());
        }
    }
    let events: BTreeSet<_> = make::contract::events(root()).into_iter().collect();
    assert_eq!(said, events);
}

/// The transcripts say, for a whole life of a lane, what one side must answer.
#[test]
fn lane_transcripts_hold() {
    for (name, file) in files("lane") {
        make::lane::replay(&Value::of_json(&file)).unwrap_or_else(|error| panic!("lane/{name}.json: {error}"));
    }
}

/// A transcript that says something else is noticed: the test above can fail.
#[test]
fn a_wrong_transcript_is_noticed() {
    for (name, mut file) in files("lane") {
        let steps = file["steps"].as_array_mut().unwrap();
        let Some(step) = steps.iter_mut().rev().find(|step| step["frames"].as_array().is_some_and(|f| !f.is_empty()))
        else {
            continue;
        };
        step["frames"].as_array_mut().unwrap().pop();
        assert!(make::lane::replay(&Value::of_json(&file)).is_err(), "lane/{name}.json");
    }
}
