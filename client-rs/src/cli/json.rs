//! Output of commands in JSON: as text where it is UTF-8, else in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandwire::protocol::kind::command::{Exit, Output};
use serde::Serialize;
use serde_json::{Map, Value};

/// A piece of output as it came, for a line: `{"stream":"stdout","text":…}` or `{"stream":"stdout","base64":…}`.
#[derive(Serialize)]
pub(crate) struct Piece<'a> {
    stream: Output,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl<'a> Piece<'a> {
    pub(crate) fn new(stream: Output, time_ms: Option<u64>, data: &'a [u8]) -> Self {
        let text = std::str::from_utf8(data).ok();
        let base64 = if text.is_none() { Some(STANDARD.encode(data)) } else { None };
        Self { stream, time_ms, text, base64 }
    }
}

/// A whole command: the fields of its exit, `stdout` and `stderr` (or `stdout_base64`, `stderr_base64`), and
/// `truncated`.
pub(crate) fn command(
    exit: &Exit,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    truncated: bool,
) -> serde_json::Result<Map<String, Value>> {
    let mut all = match serde_json::to_value(exit)? {
        Value::Object(fields) => fields,
        // It is a struct.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    for (name, data) in [("stdout", stdout), ("stderr", stderr)] {
        match String::from_utf8(data) {
            Ok(text) => all.insert(name.to_owned(), text.into()),
            Err(error) => all.insert(format!("{name}_base64"), STANDARD.encode(error.as_bytes()).into()),
        };
    }
    all.insert("truncated".to_owned(), truncated.into());
    Ok(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn text_is_text_and_other_bytes_are_base64() {
        let line = |data| serde_json::to_string(&Piece::new(Output::Stderr, None, data)).unwrap();
        assert_eq!(line(b"a\n".as_slice()), r#"{"stream":"stderr","text":"a\n"}"#);
        assert_eq!(line(b"\xff".as_slice()), r#"{"stream":"stderr","base64":"/w=="}"#);
        let exit = Exit { code: Some(3), ..Exit::default() };
        let all = command(&exit, b"out".to_vec(), b"\xff".to_vec(), false).unwrap();
        assert_eq!((&all["code"], &all["stdout"], &all["stderr_base64"]), (&3.into(), &"out".into(), &"/w==".into()));
        assert!(!all.contains_key("signal") && !all.contains_key("stderr") && all["truncated"] == false);
    }
}
