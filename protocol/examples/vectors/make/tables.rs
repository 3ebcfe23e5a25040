//! The tables of codes, limits and kinds, for languages that cannot read Rust.

use sandwire_protocol::kind::{Scope, TABLE};
use sandwire_protocol::{Code, LaneError, WireError, limits};

use super::frames::class_name;
use super::value::Value;

/// Every name and close code of the errors that end a connection.
pub fn wire_errors() -> Vec<WireError> {
    vec![
        WireError::Malformed(""),
        WireError::TooLarge(0),
        WireError::UnknownFrame(0),
        WireError::Unexpected(""),
        WireError::Version(0),
        WireError::HelloTimeout,
        WireError::Silent,
        WireError::TooManyLanes,
    ]
}

/// Every error that ends a lane.
pub fn lane_errors() -> Vec<LaneError> {
    vec![
        LaneError::WindowExceeded(1),
        LaneError::CreditOverflow(1),
        LaneError::BadChannelId(1),
        LaneError::NoSuchChannel(1),
        LaneError::WrongState(1, "DATA after END"),
        LaneError::BadAck { acked: 5, sent: 3 },
        LaneError::TooManyChannels,
        LaneError::Gone,
    ]
}

/// Name, value in bytes or milliseconds or as a count, unit.
pub fn limits() -> Vec<(&'static str, u64, &'static str)> {
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).expect("a short time");
    vec![
        ("VERSION", limits::VERSION.into(), ""),
        ("MAX_FRAME", limits::MAX_FRAME as u64, "bytes"),
        ("MAX_DATA", limits::MAX_DATA as u64, "bytes"),
        ("MAX_PAYLOAD", limits::MAX_PAYLOAD as u64, "bytes"),
        ("MAX_EVENT", limits::MAX_EVENT as u64, "bytes"),
        ("EVENT_RESERVE", limits::EVENT_RESERVE.into(), "bytes"),
        ("MAX_DEPTH", limits::MAX_DEPTH as u64, ""),
        ("MAX_KIND_NAME", limits::MAX_KIND_NAME as u64, "bytes"),
        ("MAX_CLIENT_NAME", limits::MAX_CLIENT_NAME as u64, "bytes"),
        ("TOKEN_MIN", *limits::TOKEN_LENGTH.start() as u64, "bytes"),
        ("TOKEN_MAX", *limits::TOKEN_LENGTH.end() as u64, "bytes"),
        ("INITIAL_WINDOW", limits::INITIAL_WINDOW.into(), "bytes"),
        ("DEFAULT_CLIENT_WINDOW", limits::DEFAULT_CLIENT_WINDOW.into(), "bytes"),
        ("MAX_WINDOW", limits::MAX_WINDOW.into(), "bytes"),
        ("GROWTH_FRAME", limits::GROWTH_FRAME.into(), "bytes"),
        ("MIN_COST", limits::MIN_COST.into(), "bytes"),
        ("RETAIN_OVERHEAD", limits::RETAIN_OVERHEAD as u64, "bytes"),
        ("DEFAULT_RETAIN", limits::DEFAULT_RETAIN as u64, "bytes"),
        ("MIN_RETAIN", limits::MIN_RETAIN as u64, "bytes"),
        ("RETAIN_RESERVE", limits::RETAIN_RESERVE as u64, "bytes"),
        ("ACK_BYTES", limits::ACK_BYTES as u64, "bytes"),
        ("ACK_DELAY", millis(limits::ACK_DELAY), "ms"),
        ("INTERACTIVE_BACKLOG", limits::INTERACTIVE_BACKLOG as u64, "bytes"),
        ("OUTBOX", limits::OUTBOX as u64, "bytes"),
        ("LANE_TTL", millis(limits::LANE_TTL), "ms"),
        ("PING_AFTER", millis(limits::PING_AFTER), "ms"),
        ("DEAD_AFTER", millis(limits::DEAD_AFTER), "ms"),
        ("HELLO_WITHIN", millis(limits::HELLO_WITHIN), "ms"),
    ]
}

/// The files, by name.
pub fn files() -> Vec<(String, Value)> {
    let codes = Code::ALL.iter().map(|code| {
        Value::map([
            ("code", Value::text(code.name())),
            ("meaning", Value::text(code.meaning().trim())),
            ("remedy", Value::text(code.remedy())),
        ])
    });
    let wire = wire_errors().into_iter().map(|error| {
        Value::map([("error", Value::text(error.name())), ("close", Value::Int(error.close_code().into()))])
    });
    let lane = lane_errors().into_iter().map(|error| Value::map([("error", Value::text(error.name()))]));
    let codes = Value::map([
        ("codes", Value::List(codes.collect())),
        ("connection_errors", Value::List(wire.collect())),
        ("lane_errors", Value::List(lane.collect())),
    ]);
    let limits = limits().into_iter().map(|(name, value, unit)| {
        Value::map([("limit", Value::text(name)), ("value", Value::Int(value.into())), ("unit", Value::text(unit))])
    });
    let kinds = TABLE.iter().map(|row| {
        Value::map([
            ("kind", Value::text(row.name)),
            ("class", Value::text(class_name(row.class))),
            ("scope", Value::text(row.scope.name())),
        ])
    });
    let scopes = Scope::ALL.iter().map(|scope| Value::text(scope.name()));
    vec![
        ("codes.json".to_owned(), codes),
        ("limits.json".to_owned(), Value::map([("limits", Value::List(limits.collect()))])),
        (
            "kinds.json".to_owned(),
            Value::map([("kinds", Value::List(kinds.collect())), ("scopes", Value::List(scopes.collect()))]),
        ),
    ]
}
