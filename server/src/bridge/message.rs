//! The messages of Jupyter's protocol (5.3) as they travel over ZeroMQ: framed and signed, as far as a front end needs them.

use std::fmt;

use bytes::Bytes;
use ring::hmac;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq;
use zeromq::ZmqMessage;

/// Divides the route of a message from what it says.
const DELIMITER: &[u8] = b"<IDS|MSG>";

/// Version of the protocol that is spoken.
const VERSION: &str = "5.3";

/// What one front end signs with, and numbers its messages by.
#[derive(Debug)]
pub(super) struct Signer {
    key: hmac::Key,
    session: String,
    next: u64,
}

/// A message from the kernel.
#[derive(Debug)]
pub(super) struct Message {
    /// Its type, as `execute_reply`.
    pub(super) kind: String,
    /// The id of the message that caused it; empty when none did.
    pub(super) parent: String,
    pub(super) content: Map<String, Value>,
    /// The text of a stream, byte for byte, when it is no UTF-8.
    raw: Option<Raw>,
    /// Its own header, for an answer.
    header: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Header {
    msg_id: String,
    msg_type: String,
}

/// Text of JSON that need not be UTF-8: Python's bytes that are none (`surrogateescape`) are sent as they are.
#[derive(Debug)]
struct Raw(Vec<u8>);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Raw;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("text")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Raw, E> {
                Ok(Raw(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// What a stream says.
#[derive(Deserialize)]
struct Stream {
    text: Raw,
}

impl Signer {
    /// For that key; `session` differs between front ends.
    pub(super) fn new(key: &[u8], session: String) -> Signer {
        Signer { key: hmac::Key::new(hmac::HMAC_SHA256, key), session, next: 0 }
    }

    /// A request with its id.
    pub(super) fn request(&mut self, kind: &str, content: &Value) -> (String, ZmqMessage) {
        self.message(kind, content, &json!({}))
    }

    /// The answer to what the kernel asked.
    pub(super) fn answer(&mut self, kind: &str, content: &Value, to: &Message) -> ZmqMessage {
        self.message(kind, content, &to.header).1
    }

    fn message(&mut self, kind: &str, content: &Value, parent: &Value) -> (String, ZmqMessage) {
        let id = format!("{}-{}", self.session, self.next);
        self.next += 1;
        let header = json!({
            "msg_id": id,
            "session": self.session,
            "username": "sandwire",
            "date": humantime::format_rfc3339_micros(std::time::SystemTime::now()).to_string(),
            "msg_type": kind,
            "version": VERSION,
        });
        let said = [&header, parent, &json!({}), content].map(|part| Bytes::from(part.to_string()));
        let mut message = ZmqMessage::from(Bytes::from_static(DELIMITER));
        message.push_back(self.sign(&said).into());
        for part in said {
            message.push_back(part);
        }
        (id, message)
    }

    /// Reads a message; none when it is not signed by the kernel, or cannot be read.
    pub(super) fn read(&self, message: ZmqMessage) -> Option<Message> {
        let frames = message.into_vec();
        let start = frames.iter().position(|frame| &frame[..] == DELIMITER)?;
        let [signature, header, parent, metadata, content, ..] = frames.get(start + 1..)? else { return None };
        let said = [header, parent, metadata, content].map(Bytes::clone);
        if !bool::from(self.sign(&said).as_bytes().ct_eq(signature)) {
            return None;
        }
        let named: Header = serde_json::from_slice(header).ok()?;
        let cause: Header = serde_json::from_slice(parent).unwrap_or_default();
        let (content, raw) = match serde_json::from_slice(content) {
            Ok(content) => (content, None),
            // What it says must not be lost, nor that it has ended, because of a character.
            Err(_odd) => (lossy(content), serde_json::from_slice(content).ok().map(|Stream { text }| text)),
        };
        Some(Message {
            kind: named.msg_type,
            parent: cause.msg_id,
            content,
            raw,
            header: serde_json::from_slice(header).ok()?,
        })
    }

    fn sign(&self, said: &[Bytes; 4]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        for part in said {
            context.update(part);
        }
        context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Content whose text is no UTF-8, with U+FFFD for what is none; empty when it cannot be read at all.
fn lossy(content: &[u8]) -> Map<String, Value> {
    let text = String::from_utf8_lossy(content);
    serde_json::from_str(&text).or_else(|_| serde_json::from_str(&without_lone_surrogates(&text))).unwrap_or_default()
}

/// JSON with the escape of U+FFFD in the place of one of half a character (`\ud83d`), which is no character.
fn without_lone_surrogates(json: &str) -> String {
    let unit = |at: usize| {
        let digits = json.get(at..at + 6).and_then(|escape| escape.strip_prefix("\\u"))?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut out = String::with_capacity(json.len());
    let mut at = 0;
    while let Some(found) = json.get(at..).and_then(|rest| rest.find('\\')) {
        out.push_str(json.get(at..at + found).unwrap_or_default());
        at += found;
        let length = match unit(at) {
            Some(0xD800..0xDC00) if unit(at + 6).is_some_and(|low| (0xDC00..0xE000).contains(&low)) => 12,
            Some(0xD800..0xE000) => {
                out.push_str("\\ufffd");
                at += 6;
                continue;
            }
            Some(_) => 6,
            None => 2,
        };
        out.push_str(json.get(at..at + length).unwrap_or_default());
        at += length;
    }
    out.push_str(json.get(at..).unwrap_or_default());
    out
}

impl Message {
    /// What a stream says.
    pub(super) fn stream(&self) -> &[u8] {
        self.raw.as_ref().map_or_else(|| self.text("text").as_bytes(), |Raw(bytes)| bytes)
    }

    /// A text of its content; empty when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.content.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether a switch of its content is on.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.content.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// A number of its content.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.content.get(name).and_then(Value::as_u64)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_is_signed_can_be_read_and_nothing_else() {
        let mut signer = Signer::new(b"secret", "s".to_owned());
        let (id, message) = signer.request("execute_request", &json!({"code": "1", "silent": true}));
        let read = signer.read(message.clone()).unwrap();
        assert_eq!((read.kind.as_str(), read.text("code"), read.flag("silent")), ("execute_request", "1", true));
        assert_eq!((id.as_str(), read.parent.as_str()), ("s-0", ""));
        let answer = signer.answer("execute_reply", &json!({"execution_count": 3}), &read);
        let read = signer.read(answer).unwrap();
        assert_eq!((read.parent.as_str(), read.number("execution_count")), ("s-0", Some(3)));
        assert!(Signer::new(b"other", "s".to_owned()).read(message.clone()).is_none());
        let mut routed = ZmqMessage::from("route");
        for frame in message.iter() {
            routed.push_back(frame.clone());
        }
        assert!(signer.read(routed).is_some());
        let mut frames = message.into_vec();
        frames[5] = Bytes::from_static(b"{}");
        assert!(signer.read(ZmqMessage::try_from(frames).unwrap()).is_none(), "changed on its way");
        assert!(signer.read(ZmqMessage::from("<IDS|MSG>")).is_none());
    }
    #[test]
    fn text_that_is_no_unicode_is_read_all_the_same() {
        let mut signer = Signer::new(b"secret", "s".to_owned());
        let mut read = |kind: &str, content: &'static [u8]| {
            let mut frames = signer.request(kind, &json!({})).1.into_vec();
            frames[5] = Bytes::from_static(content);
            let said = [2, 3, 4, 5].map(|at| frames[at].clone());
            frames[1] = signer.sign(&said).into();
            signer.read(ZmqMessage::try_from(frames).unwrap()).unwrap()
        };
        let stream = read("stream", b"{\"name\": \"stdout\", \"text\": \"a\xff\\n\"}");
        assert_eq!((stream.text("name"), stream.stream()), ("stdout", &b"a\xff\n"[..]));
        assert_eq!(read("stream", b"{\"name\": \"stdout\", \"text\": \"x\"}").stream(), b"x");
        let reply = read("execute_reply", b"{\"status\": \"error\", \"evalue\": \"\xff\"}");
        assert_eq!((reply.text("status"), reply.text("evalue")), ("error", "\u{fffd}"));
        let halves = read("error", br#"{"evalue": "\\ud83d\ud83d\ude00\udc00 \ud83d", "ename": "E"}"#);
        assert_eq!((halves.text("ename"), halves.text("evalue")), ("E", "\\ud83d😀\u{fffd} \u{fffd}"));
        assert_eq!(read("execute_reply", b"{\"status\": ").text("status"), "", "its end is heard");
    }
}
