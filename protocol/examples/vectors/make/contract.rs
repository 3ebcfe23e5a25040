//! The generated parts of `PROTOCOL.md`, from the tables, the types' doc comments and the machines themselves.

mod reference;
mod source;
mod states;

use std::path::Path;

use bytes::Bytes;
use sandwire_protocol::Code;
use sandwire_protocol::frame::Frame;
use sandwire_protocol::kind::{Scope, TABLE};

use super::frames::{class_name, describe};
use super::tables;
use super::value::{Value, hex};

/// Names of all events, read off the types.
pub fn events(root: &Path) -> Vec<String> {
    reference::Reference::read(root).events()
}

/// `PROTOCOL.md` with its generated parts made anew.
pub fn document(root: &Path) -> String {
    let mut text = std::fs::read_to_string(root.join("PROTOCOL.md")).unwrap_or_default();
    for (name, part) in parts(root) {
        let begin = format!("<!-- generated: {name} -->\n");
        let end = "<!-- end of generated -->";
        let from = text.find(&begin).unwrap_or_else(|| panic!("PROTOCOL.md has no part {name}")) + begin.len();
        let to = from + text[from..].find(end).unwrap_or_else(|| panic!("the part {name} has no end"));
        text.replace_range(from..to, &format!("{}\n", part.trim_end()));
    }
    text
}

fn parts(root: &Path) -> Vec<(&'static str, String)> {
    let reference = reference::Reference::read(root);
    vec![
        ("examples", examples(root)),
        ("payloads", reference.payloads()),
        ("limits", limits(root)),
        ("codes", codes()),
        ("connection errors", wire_errors()),
        ("lane errors", lane_errors()),
        ("scopes", scopes()),
        ("kinds", kinds()),
        ("channel states", states::channel()),
        ("connection states", states::connection()),
        ("reference", reference.kinds()),
        ("types", reference.shared_types()),
    ]
}

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut out = line(&head.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>());
    out += &line(&head.iter().map(|_| "---".to_owned()).collect::<Vec<_>>());
    for row in rows {
        out += &line(&row.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>());
    }
    out
}

/// Frames with their bytes, each taken apart.
fn examples(root: &Path) -> String {
    let mut out = String::new();
    for (_, file) in super::frames::files() {
        let text = file.json();
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let case = json["cases"].as_array().and_then(|cases| cases.iter().find(|case| case.get("then").is_none()));
        let case = case.expect("a case");
        let bytes = super::value::unhex(case["hex"].as_str().expect("hex"));
        let frame = Frame::decode(&Bytes::from(bytes.clone())).expect("a frame");
        let (name, number, fields) = describe(&frame);
        let (header, rest) = bytes.split_at(12);
        // What is inside a payload says more than its bytes, which stand below.
        let fields = match case["payload"].as_object() {
            Some(payload) => format!("payload {}", serde_json::to_string(payload).expect("JSON")),
            None => shown(&fields),
        };
        out += &format!("{name} ({number}), {fields}\n");
        out += &format!(
            "    {}  {}  {} {}  {} {}\n",
            hex(&header[..1]),
            hex(&header[1..2]),
            hex(&header[2..3]),
            hex(&header[3..7]),
            hex(&header[7..8]),
            hex(&header[8..12])
        );
        for chunk in rest.chunks(48) {
            out += &format!("    {}\n", hex(chunk));
        }
    }
    assert!(root.exists());
    format!("```text\n{out}```\n")
}

fn shown(fields: &Value) -> String {
    fields.json().replace('\n', " ").replace("  ", " ")
}

fn limits(root: &Path) -> String {
    let docs = source::File::read(&root.join("src/limits.rs"));
    let unit = |value: u64, unit: &str| match unit {
        "bytes" if value >= 1 << 20 && value.is_multiple_of(1 << 20) => format!("{} MiB", value >> 20),
        "bytes" if value >= 1 << 10 && value.is_multiple_of(1 << 10) => format!("{} KiB", value >> 10),
        "bytes" => format!("{value} bytes"),
        "ms" => format!("{} s", value / 1000),
        _ => value.to_string(),
    };
    let rows = tables::limits().into_iter().map(|(name, value, of)| {
        let constant = if name.starts_with("TOKEN_") { "TOKEN_LENGTH" } else { name };
        let doc = docs.constant(constant).unwrap_or_else(|| panic!("{name} has no doc"));
        vec![format!("`{name}`"), unit(value, of), doc]
    });
    table(&["name", "value", "meaning"], rows)
}

fn codes() -> String {
    let rows = Code::ALL
        .iter()
        .map(|code| vec![format!("`{}`", code.name()), code.meaning().trim().to_owned(), code.remedy().to_owned()]);
    table(&["code", "meaning", "what to do"], rows)
}

fn wire_errors() -> String {
    let rows = tables::wire_errors()
        .into_iter()
        .map(|error| vec![format!("`{}`", error.name()), error.close_code().to_string()]);
    table(&["name", "close code"], rows)
}

fn lane_errors() -> String {
    let rows = tables::lane_errors().into_iter().map(|error| {
        let text = error.to_string();
        vec![format!("`{}`", error.name()), text]
    });
    table(&["name", "for example"], rows)
}

fn scopes() -> String {
    let rows = Scope::ALL.iter().map(|scope| {
        let kinds: Vec<_> =
            TABLE.iter().filter(|row| row.scope == *scope).map(|row| format!("`{}`", row.name)).collect();
        vec![format!("`{}`", scope.name()), kinds.join(", ")]
    });
    table(&["scope", "kinds"], rows)
}

fn kinds() -> String {
    let rows = TABLE.iter().map(|row| {
        vec![
            format!("`{}`", row.name),
            class_name(row.class).to_owned(),
            format!("`{}`", row.scope.name()),
            row.doc.trim().to_owned(),
        ]
    });
    table(&["kind", "class", "scope", "what it does"], rows)
}
