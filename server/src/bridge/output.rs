//! From what a kernel publishes to what an opener of `kernel.run` is told.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandwire_protocol::kind::kernel::{Down, Failure, Part, Rich};
use serde_json::{Map, Value};

use super::message::Message;

/// Bounds of what an event says beside its contents: all of it together fits in one.
const LONGEST_NAME: usize = 1 << 10;
const LONGEST_VALUE: usize = 8 << 10;
const LONGEST_TRACEBACK: usize = 16 << 10;
const LONGEST_METADATA: usize = 8 << 10;
const LONGEST_PROMPT: usize = 8 << 10;
const MOST_PARTS: usize = 32;

/// A result with its contents.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Content {
    pub(super) rich: Rich,
    pub(super) parts: Vec<Vec<u8>>,
}

/// What a message of the kernel is to the opener.
#[derive(Debug)]
pub(super) enum Output<'a> {
    Stdout(&'a [u8]),
    Stderr(&'a [u8]),
    Rich(Content),
    Event(Down),
    /// Nothing.
    None,
}

/// Reads what the kernel published.
pub(super) fn read(message: &Message) -> Output<'_> {
    match message.kind.as_str() {
        "stream" if message.text("name") == "stderr" => Output::Stderr(message.stream()),
        "stream" => Output::Stdout(message.stream()),
        "execute_result" => Output::Rich(rich(message)),
        "display_data" => Output::Rich(displayed(message, false)),
        "update_display_data" => Output::Rich(displayed(message, true)),
        "clear_output" => Output::Event(Down::Clear { wait: message.flag("wait") }),
        "execute_input" => match message.number("execution_count") {
            Some(execution_count) => Output::Event(Down::Started { execution_count }),
            None => Output::None,
        },
        "error" => Output::Event(Down::Error(failure(&message.content))),
        _ => Output::None,
    }
}

fn displayed(message: &Message, update: bool) -> Content {
    let mut content = rich(message);
    content.rich.display = true;
    content.rich.update = update;
    content
}

/// The result in a message.
fn rich(message: &Message) -> Content {
    let empty = Map::new();
    let object = |name: &str| message.content.get(name).and_then(Value::as_object);
    let mut content = contents(object("data").unwrap_or(&empty));
    content.rich.execution_count = message.number("execution_count");
    let id = object("transient").and_then(|transient| transient.get("display_id")).and_then(Value::as_str);
    content.rich.display_id = id.map(|id| first(id, LONGEST_NAME).to_owned());
    let metadata = object("metadata").filter(|metadata| !metadata.is_empty());
    content.rich.metadata = metadata
        .and_then(|metadata| serde_json::to_string(metadata).ok())
        .filter(|metadata| metadata.len() <= LONGEST_METADATA);
    content
}

/// Contents by their MIME type.
pub(super) fn contents(data: &Map<String, Value>) -> Content {
    let mut content = Content::default();
    for (mime, value) in data.iter().filter(|(mime, _)| mime.len() <= LONGEST_NAME / 4).take(MOST_PARTS) {
        let bytes = bytes_of(mime, value);
        content.rich.parts.push(Part { mime: mime.clone(), size: bytes.len() as u64 });
        content.parts.push(bytes);
    }
    content
}

fn bytes_of(mime: &str, value: &Value) -> Vec<u8> {
    let is_json = mime == "application/json" || mime.ends_with("+json");
    let text = match value {
        Value::String(text) if !is_json => text.clone(),
        // Notebooks keep long texts as lists of lines, and some kernels send them so.
        Value::Array(lines) if !is_json && lines.iter().all(Value::is_string) => {
            lines.iter().filter_map(Value::as_str).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            return value.to_string().into_bytes();
        }
    };
    if is_binary(mime) {
        let compact: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        if let Ok(bytes) = STANDARD.decode(compact) {
            return bytes;
        }
    }
    text.into_bytes()
}

/// Whether Jupyter sends contents of this type in Base64.
fn is_binary(mime: &str) -> bool {
    let (kind, name) = mime.split_once('/').unwrap_or((mime, ""));
    match kind {
        "image" => !name.starts_with("svg"),
        "audio" | "video" | "font" => true,
        _ => matches!(mime, "application/pdf" | "application/octet-stream" | "application/zip"),
    }
}

/// How a cell failed, as an `error` message and a reply have it alike.
pub(super) fn failure(content: &Map<String, Value>) -> Failure {
    let text = |name: &str| content.get(name).and_then(Value::as_str).unwrap_or_default();
    let lines = content.get("traceback").and_then(Value::as_array);
    let mut room = LONGEST_TRACEBACK;
    let mut traceback = Vec::new();
    // The last lines say most.
    for line in lines.into_iter().flatten().rev().filter_map(Value::as_str) {
        let cost = line.len() + 8;
        if cost > room {
            let kept = last(line, room.saturating_sub(16));
            traceback.push(format!("…{kept}"));
            break;
        }
        room -= cost;
        traceback.push(line.to_owned());
    }
    traceback.reverse();
    Failure {
        name: first(text("ename"), LONGEST_NAME).to_owned(),
        value: first(text("evalue"), LONGEST_VALUE).to_owned(),
        traceback,
    }
}

/// What a cell asks for.
pub(super) fn input_request(message: &Message) -> Down {
    Down::InputRequest {
        prompt: first(message.text("prompt"), LONGEST_PROMPT).to_owned(),
        password: message.flag("password"),
    }
}

/// The first so many bytes, to the end of a character.
fn first(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// The last so many bytes, from the beginning of a character.
fn last(text: &str, most: usize) -> &str {
    let start = (text.len().saturating_sub(most)..=text.len()).find(|at| text.is_char_boundary(*at));
    text.get(start.unwrap_or(text.len())..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use sandwire_protocol::kind::encode;
    use sandwire_protocol::limits::MAX_EVENT;
    use serde_json::json;

    use super::*;

    fn of(data: &Value) -> Vec<(String, Vec<u8>)> {
        let content = contents(data.as_object().unwrap());
        let mimes = content.rich.parts.iter().map(|part| part.mime.clone());
        for (part, bytes) in content.rich.parts.iter().zip(&content.parts) {
            assert_eq!(part.size, bytes.len() as u64);
        }
        mimes.zip(content.parts).collect()
    }

    #[test]
    fn contents_are_what_their_type_says() {
        for (mime, value, expected) in [
            ("text/plain", json!("grüß"), "grüß".as_bytes()),
            ("text/html", json!(["<b>", "</b>"]), b"<b></b>"),
            ("image/png", json!("iVBO\nRw=="), b"\x89PNG"),
            ("image/png", json!("no base 64!"), b"no base 64!"),
            ("image/svg+xml", json!("<svg/>"), b"<svg/>"),
            ("application/json", json!("text"), b"\"text\""),
            ("application/json", json!(["a", 1]), b"[\"a\",1]"),
            ("application/vnd.plotly.v1+json", json!({"data": []}), b"{\"data\":[]}"),
            ("application/javascript", json!("f()"), b"f()"),
            ("application/x", json!({"a": null}), b"{\"a\":null}"),
        ] {
            assert_eq!(of(&json!({ mime: value })), [(mime.to_owned(), expected.to_vec())]);
        }
    }

    #[test]
    fn whatever_a_kernel_says_fits_in_an_event() {
        let long = "ä\"".repeat(200_000);
        let failed = failure(json!({"ename": long, "evalue": long, "traceback": [long, "short"]}).as_object().unwrap());
        assert_eq!(failed.traceback.last().unwrap(), "short");
        assert!(failed.traceback[0].starts_with('…'));
        assert!(encode(&Down::Error(failed)).unwrap().len() <= MAX_EVENT);
        let many: Map<String, Value> = (0..1000).map(|n| (format!("{n:0>250}/x"), json!(""))).collect();
        let mut content = contents(&many);
        content.rich.metadata = Some("\"".repeat(LONGEST_METADATA));
        content.rich.display_id = Some("x".repeat(LONGEST_NAME));
        assert!(encode(&Down::Result(content.rich)).unwrap().len() <= MAX_EVENT);
        let lines: Vec<&str> = vec![""; 100_000];
        let failed = failure(json!({"traceback": lines}).as_object().unwrap());
        assert!(encode(&Down::Error(failed)).unwrap().len() <= MAX_EVENT);
    }
}
