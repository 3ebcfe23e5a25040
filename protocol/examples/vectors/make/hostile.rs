//! Bytes that are no frame, and the name of the error that each must give.

use bytes::Bytes;
use sandwire_protocol::frame::Frame;
use sandwire_protocol::limits::MAX_FRAME;

use super::value::{Value, hex, unhex};

/// Lane 1, channel 0, and lane 1, channel 1.
const LANE: &str = "ce00000001ce00000000";
const CHANNEL: &str = "ce00000001ce00000001";

/// The files, by name.
pub fn files() -> Vec<(String, Value)> {
    vec![file("header", &header()), file("fields", &fields()), file("size", &size())]
}

fn file(name: &str, cases: &[(&str, String, usize)]) -> (String, Value) {
    let cases = cases.iter().map(|(name, head, zeros)| {
        let mut bytes = unhex(head);
        bytes.resize(bytes.len() + zeros, 0);
        let error = Frame::decode(&Bytes::from(bytes)).expect_err(name);
        let mut entries =
            vec![(Value::text("name"), Value::text(*name)), (Value::text("hex"), Value::text(head.clone()))];
        if *zeros > 0 {
            let then = Value::List(vec![Value::text(hex(&[0])), Value::Int(*zeros as i128)]);
            entries.push((Value::text("then"), then));
        }
        entries.push((Value::text("error"), Value::text(error.name())));
        entries.push((Value::text("close"), Value::Int(error.close_code().into())));
        Value::Map(entries)
    });
    (format!("hostile/{name}.json"), Value::map([("cases", Value::List(cases.collect()))]))
}

type Cases = Vec<(&'static str, String, usize)>;

fn header() -> Cases {
    let case = |name, hex: String| (name, hex, 0);
    vec![
        case("nothing", String::new()),
        case("one byte", "93".to_owned()),
        case("a header that ends too early", format!("930e{}", &CHANNEL[..18])),
        case("no array: a map", format!("830e{CHANNEL}")),
        case("an array of 2", format!("920e{CHANNEL}")),
        case("array16 instead of fixarray", format!("dc00030e{CHANNEL}")),
        case("array32 instead of fixarray", format!("dd000000030e{CHANNEL}")),
        case("the kind as uint8", format!("93cc0e{CHANNEL}")),
        case("the lane in its shortest form", "930e01ce00000001".to_owned()),
        case("the lane as uint16", "930ecd0001ce00000001".to_owned()),
        case("the lane as int32", "930ed200000001ce00000001".to_owned()),
        case("the channel in its shortest form", "930ece0000000101".to_owned()),
        case("the channel as uint64", "930ece00000001cf0000000000000001".to_owned()),
        case("kind 0", format!("9300{LANE}")),
        case("kind 15, which is none", format!("930f{CHANNEL}")),
        case("kind 127", format!("937f{CHANNEL}")),
        case("kind 0xff, a negative fixint", format!("93ff{CHANNEL}")),
        case("one element too few: ACK without its field", format!("9303{LANE}")),
        case("one element too many for ACK", format!("9503{LANE}0000")),
        case("one element too many for CANCEL", format!("940e{CHANNEL}00")),
        case("the array says more than the kind has", format!("9f0e{CHANNEL}")),
        case("the array says less than the kind has", format!("940d{CHANNEL}00c400")),
        case("bytes after the end", format!("930e{CHANNEL}00")),
        case("two frames in one message", format!("930e{CHANNEL}930e{CHANNEL}")),
        case("a frame of a channel with channel 0", format!("930e{LANE}")),
        case("DATA with channel 0", format!("9509{LANE}00c40161")),
        case("OPEN with channel 0", format!("9608{LANE}a46578656300c400")),
        case("a frame of the lane with a channel", format!("9403{CHANNEL}00")),
        case("HELLO with a channel", format!("9401{CHANNEL}c400")),
        case("PING with a channel", format!("9404{CHANNEL}01")),
    ]
}

fn fields() -> Cases {
    let case = |name, hex: String| (name, hex, 0);
    let long = "6b".repeat(65);
    vec![
        case("an integer in uint8 that fits a fixint", format!("9403{LANE}cc7f")),
        case("an integer in uint16 that fits uint8", format!("9403{LANE}cd00ff")),
        case("an integer in uint32 that fits uint16", format!("9403{LANE}ce0000ffff")),
        case("an integer in uint64 that fits uint32", format!("9403{LANE}cf00000000ffffffff")),
        case("a negative fixint", format!("9403{LANE}ff")),
        case("an int8", format!("9403{LANE}d001")),
        case("an int64", format!("9403{LANE}d30000000000000001")),
        case("a float", format!("9403{LANE}ca3f800000")),
        case("nil", format!("9403{LANE}c0")),
        case("true", format!("9403{LANE}c3")),
        case("a string", format!("9403{LANE}a131")),
        case("an integer that ends too early", format!("9403{LANE}cd01")),
        case("PONG without the second integer", format!("9505{LANE}01")),
        case("a payload as str", format!("940a{CHANNEL}a161")),
        case("a payload as a map", format!("940a{CHANNEL}80")),
        case("a payload as nil", format!("940a{CHANNEL}c0")),
        case("a payload as ext", format!("940a{CHANNEL}c7010061")),
        case("no payload", format!("940a{CHANNEL}")),
        case("a payload in bin16 that fits bin8", format!("940a{CHANNEL}c5000161")),
        case("a payload in bin32 that fits bin8", format!("940a{CHANNEL}c60000000161")),
        case("a payload that ends too early", format!("940a{CHANNEL}c40261")),
        case("a payload that says 4 GiB", format!("940a{CHANNEL}c6ffffffff61")),
        case("a payload that is longer than it says", format!("940a{CHANNEL}c4016161")),
        case("HELLO whose payload says more than there is", format!("9401{LANE}c6000fffff")),
        case("DATA without a byte", format!("9509{CHANNEL}00c400")),
        case("DATA on stream 3", format!("9509{CHANNEL}03c40161")),
        case("DATA on stream 256", format!("9509{CHANNEL}cd0100c40161")),
        case("DATA whose stream is a bin", format!("9509{CHANNEL}c40100c40161")),
        case("END of stream 3", format!("940c{CHANNEL}03")),
        case("CREDIT of 0", format!("940b{CHANNEL}00")),
        case("CREDIT of 2^32", format!("940b{CHANNEL}cf0000000100000000")),
        case("CLOSE with status 2", format!("950d{CHANNEL}02c400")),
        case("CLOSE whose status is true", format!("950d{CHANNEL}c3c400")),
        case("OPEN with class 3", format!("9608{CHANNEL}a46578656303c400")),
        case("OPEN with class 256", format!("9608{CHANNEL}a465786563cd0100c400")),
        case("OPEN whose kind is a bin", format!("9608{CHANNEL}c4046578656300c400")),
        case("OPEN whose kind is a number", format!("9608{CHANNEL}0100c400")),
        case("OPEN whose kind is in str8 and fits a fixstr", format!("9608{CHANNEL}d9046578656300c400")),
        case("OPEN whose kind is in str16", format!("9608{CHANNEL}da00046578656300c400")),
        case("OPEN whose kind has 65 bytes", format!("9608{CHANNEL}d941{long}00c400")),
        case("OPEN whose kind is no UTF-8", format!("9608{CHANNEL}a2c32800c400")),
        case("OPEN whose kind ends too early", format!("9608{CHANNEL}a46578")),
    ]
}

fn size() -> Cases {
    // A DATA frame of one byte more than a message may have, well-formed but for that.
    let payload = MAX_FRAME + 1 - 18;
    vec![
        ("a frame of 1 MiB and 1 byte", format!("9509{CHANNEL}01c6{payload:08x}"), payload),
        ("1 MiB and 1 byte of zeros", String::new(), MAX_FRAME + 1),
        ("1 MiB of zeros", String::new(), MAX_FRAME),
    ]
}
