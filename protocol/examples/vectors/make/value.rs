//! Any MessagePack value, and its form in JSON: `bin` as `{"$bin": hex}`, a long run of one byte as `{"$repeat": [hex,
//! times]}`, an integer beyond 2^53 as `{"$int": text}`, a map whose keys are not all strings as `{"$map": [[key, value]]}`.

use std::fmt::{self, Write as _};

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value. Maps keep their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Nil,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    Bin(Vec<u8>),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

impl Value {
    pub fn read(bytes: &[u8]) -> Value {
        rmp_serde::from_slice(bytes).expect("MessagePack")
    }

    pub fn write(&self) -> Vec<u8> {
        rmp_serde::to_vec(self).expect("MessagePack")
    }

    /// The value of its JSON form.
    pub fn of_json(json: &serde_json::Value) -> Value {
        use serde_json::Value as Json;
        match json {
            Json::Null => Value::Nil,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(value), _) => Value::Int(value.into()),
                (None, Some(value)) => Value::Float(value),
                (None, None) => panic!("no number: {number}"),
            },
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => Value::List(items.iter().map(Value::of_json).collect()),
            Json::Object(map) => match map.iter().next() {
                Some((key, Json::String(hex))) if key == "$bin" => Value::Bin(unhex(hex)),
                Some((key, Json::String(text))) if key == "$int" => Value::Int(text.parse().expect("an integer")),
                Some((key, Json::Array(pair))) if key == "$repeat" => {
                    let times = usize::try_from(pair[1].as_u64().expect("times")).expect("times");
                    Value::Bin(unhex(pair[0].as_str().expect("hex")).repeat(times))
                }
                Some((key, Json::Array(pairs))) if key == "$map" => {
                    Value::Map(pairs.iter().map(|pair| (Value::of_json(&pair[0]), Value::of_json(&pair[1]))).collect())
                }
                _ => Value::Map(
                    map.iter().map(|(key, value)| (Value::Text(key.clone()), Value::of_json(value))).collect(),
                ),
            },
        }
    }

    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    pub fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
        Value::Map(entries.into_iter().map(|(key, value)| (Value::text(key), value)).collect())
    }

    /// Writes JSON, one line for what fits in one.
    pub fn json(&self) -> String {
        let mut out = String::new();
        self.put(&mut out, 0);
        out
    }

    fn put(&self, out: &mut String, depth: usize) {
        let mut line = String::new();
        self.put_line(&mut line);
        if depth * 2 + line.len() <= 120 {
            out.push_str(&line);
            return;
        }
        let indent = "  ".repeat(depth + 1);
        match self {
            Value::List(items) if !items.is_empty() => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    write!(out, "{}\n{indent}", if index == 0 { "" } else { "," }).expect("a string");
                    item.put(out, depth + 1);
                }
                write!(out, "\n{}]", "  ".repeat(depth)).expect("a string");
            }
            Value::Map(entries) if self.has_text_keys() && !entries.is_empty() => {
                out.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    write!(out, "{}\n{indent}", if index == 0 { "" } else { "," }).expect("a string");
                    key.put_line(out);
                    out.push_str(": ");
                    value.put(out, depth + 1);
                }
                write!(out, "\n{}}}", "  ".repeat(depth)).expect("a string");
            }
            _ => out.push_str(&line),
        }
    }

    fn put_line(&self, out: &mut String) {
        match self {
            Value::Nil => out.push_str("null"),
            Value::Bool(value) => write!(out, "{value}").expect("a string"),
            Value::Int(value) if value.unsigned_abs() < 1 << 53 => write!(out, "{value}").expect("a string"),
            Value::Int(value) => write!(out, "{{\"$int\": \"{value}\"}}").expect("a string"),
            Value::Float(value) => out.push_str(&serde_json::to_string(value).expect("a number")),
            Value::Text(text) => out.push_str(&serde_json::to_string(text).expect("a string")),
            Value::Bin(bytes) => match run(bytes) {
                Some((byte, times)) => write!(out, "{{\"$repeat\": [\"{byte:02x}\", {times}]}}").expect("a string"),
                None => write!(out, "{{\"$bin\": \"{}\"}}", hex(bytes)).expect("a string"),
            },
            Value::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { ", " });
                    item.put_line(out);
                }
                out.push(']');
            }
            Value::Map(entries) if self.has_text_keys() => {
                out.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { ", " });
                    key.put_line(out);
                    out.push_str(": ");
                    value.put_line(out);
                }
                out.push('}');
            }
            Value::Map(entries) => {
                let pairs = entries.iter().map(|(key, value)| Value::List(vec![key.clone(), value.clone()]));
                Value::map([("$map", Value::List(pairs.collect()))]).put_line(out);
            }
        }
    }

    fn has_text_keys(&self) -> bool {
        matches!(self, Value::Map(entries) if entries.iter().all(|(key, _)| matches!(key, Value::Text(_))))
    }
}

/// Whether it is one byte again and again, so often that it is worth saying so.
pub fn run(bytes: &[u8]) -> Option<(u8, usize)> {
    let first = *bytes.first()?;
    (bytes.len() > 64 && bytes.iter().all(|byte| *byte == first)).then_some((first, bytes.len()))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").expect("a string");
        out
    })
}

pub fn unhex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0, "{text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Nil => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => match (i64::try_from(*value), u64::try_from(*value)) {
                (_, Ok(value)) => serializer.serialize_u64(value),
                (Ok(value), _) => serializer.serialize_i64(value),
                (Err(_), Err(_)) => Err(serde::ser::Error::custom("out of range")),
            },
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Bin(bytes) => serializer.serialize_bytes(bytes),
            Value::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Nil)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Int(value.into()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(Value::Int(value.into()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Value::Float(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(Value::text(value))
            }
            fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
                Ok(Value::Bin(value.to_vec()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
                let mut list = vec![];
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Value::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
                let mut map = vec![];
                while let Some(entry) = entries.next_entry()? {
                    map.push(entry);
                }
                Ok(Value::Map(map))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
