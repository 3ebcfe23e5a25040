//! The messages of Jupyter's protocol (5.3) as they travel over ZeroMQ: framed and signed, as far as a front end needs them.

use bytes::Bytes;
use ring::hmac;
use serde::Deserialize;
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
    /// Its own header, for an answer.
    header: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Header {
    msg_id: String,
    msg_type: String,
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
        Some(Message {
            kind: named.msg_type,
            parent: cause.msg_id,
            content: serde_json::from_slice(content).ok()?,
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

impl Message {
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
}
