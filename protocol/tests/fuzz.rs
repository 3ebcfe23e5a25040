//! Raw bytes as programs: for the decoder, for a lane, for the values in payloads. Runs for a bounded number of inputs in
//! every test run, from a committed corpus that is mutated; `SANDWIRE_CASES` makes it longer. An input that fails is
//! printed in hex: put it into `tests/corpus`.
#![allow(clippy::disallowed_methods, reason = "the machines are handed a beginning of time")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sandwire_protocol::Error;
use sandwire_protocol::frame::{Body, Frame, GoAway, Hello, Outcome, Reset, Welcome};
use sandwire_protocol::kind::{self, Open, TABLE};
use sandwire_protocol::lane::{Config, Lane, Role};
use sandwire_protocol::limits::{MIN_RETAIN, RETAIN_OVERHEAD};
use sandwire_protocol::schedule::Class;

/// A generator of numbers that is the same in every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(format!("{name}.hex"));
    let text = std::fs::read_to_string(&path).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entries: Vec<Vec<u8>> = lines
        .map(|line| (0..line.len()).step_by(2).map(|at| u8::from_str_radix(&line[at..at + 2], 16).unwrap()).collect())
        .collect();
    assert!(!entries.is_empty());
    entries
}

/// Bytes that mean something to the codec.
const WORDS: [&[u8]; 12] = [
    &[0x80],
    &[0xc4, 0],
    &[0xc4, 0xff],
    &[0xc5, 0xff, 0xff],
    &[0xc6, 0xff, 0xff, 0xff, 0xff],
    &[0xce, 0, 0, 0, 1],
    &[0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0xdd, 0xff, 0xff, 0xff, 0xff],
    &[0xdf, 0xff, 0xff, 0xff, 0xff],
    &[0xdb, 0xff, 0xff, 0xff, 0xff],
    &[0xc1],
    &[0xa4, 0x65, 0x78, 0x65, 0x63],
];

fn mutate(numbers: &mut Numbers, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = corpus[numbers.below(corpus.len())].clone();
    for _ in 0..numbers.below(6) {
        let at = numbers.below(input.len() + 1);
        match numbers.below(6) {
            0 if at < input.len() => input[at] = numbers.next() as u8,
            1 if at < input.len() => input[at] ^= 1 << numbers.below(8),
            2 => drop(input.splice(at..at, WORDS[numbers.below(WORDS.len())].iter().copied())),
            3 => input.truncate(at),
            4 => {
                let other = &corpus[numbers.below(corpus.len())];
                let from = numbers.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => input.insert(at, numbers.next() as u8),
        }
    }
    input
}

fn fuzz(name: &str, default: u64, target: impl Fn(&[u8])) {
    let runs =
        std::env::var("SANDWIRE_CASES").ok().and_then(|runs| runs.parse().ok()).map_or(default, |runs: u64| runs * 10);
    let corpus = corpus(name);
    let mut numbers = Numbers(0x5a4d_0001);
    let mutants = (0..runs).map(|_| mutate(&mut numbers, &corpus));
    for input in corpus.iter().cloned().chain(mutants) {
        if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
            let hex = input.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap();
                hex
            });
            panic!("{name} fails with {hex}");
        }
    }
}

#[test]
fn decoder() {
    fuzz("decoder", 20_000, |input| {
        let bytes = Bytes::copy_from_slice(input);
        if let Ok(frame) = Frame::decode(&bytes) {
            assert_eq!(frame.encode(), bytes);
        }
    });
}

/// Payloads: whatever stands there, it is read in bounded time and memory, and what was read can be written.
#[test]
fn payloads() {
    fuzz("payloads", 20_000, |input| {
        if let Ok(hello) = kind::decode::<Hello>(input) {
            assert_eq!(kind::decode::<Hello>(&kind::encode(&hello).unwrap()).unwrap(), hello);
        }
        if let Ok(welcome) = kind::decode::<Welcome>(input) {
            assert_eq!(kind::decode::<Welcome>(&kind::encode(&welcome).unwrap()).unwrap(), welcome);
        }
        if let Ok(error) = kind::decode::<Error>(input) {
            assert_eq!(kind::decode::<Error>(&kind::encode(&error).unwrap()).unwrap(), error);
        }
        kind::decode::<GoAway>(input).ok();
        kind::decode::<Reset>(input).ok();
        let row = TABLE[usize::from(input.first().copied().unwrap_or(0)) % TABLE.len()];
        for input in [input, input.get(1..).unwrap_or_default()] {
            Open::decode(row.name, input).ok();
            kind::decode_event::<kind::pty::Down>(input).ok();
            kind::decode_event::<kind::process::LogEvent>(input).ok();
            kind::decode_event::<kind::file::SearchDown>(input).ok();
        }
    });
}

/// Nesting as deep as a frame allows is refused before the stack ends: in a map that is ignored, and in one that is read.
#[test]
fn deep_nesting_is_an_error() {
    for opener in [&[0x91_u8][..], &[0x81, 0xa1, 0x78], &[0x81, 0xa3, 0x72, 0x75, 0x6e], &[0xc7, 1, 1, 0x91]] {
        for head in [&[][..], &[0x81, 0xa1, 0x78], &[0x81, 0xa3, 0x72, 0x75, 0x6e]] {
            let mut input = head.to_vec();
            input.extend(opener.repeat((1 << 20) / opener.len()));
            assert!(kind::decode::<Hello>(&input).is_err());
            assert!(kind::decode::<Error>(&input).is_err());
            for row in TABLE {
                assert!(Open::decode(row.name, &input).is_err());
            }
        }
    }
}

/// The program of a lane: each byte is a deed, and takes its operands from those that follow.
#[test]
fn lane() {
    fuzz("lane", 4_000, |input| {
        let mut input = input.iter().copied();
        let config = Config {
            max_channels: 2,
            retain: MIN_RETAIN,
            recv_window: 64 << 10,
            send_window: 64 << 10,
            growth: 70_000,
        };
        let mut now = Instant::now();
        let role = if input.next().unwrap_or(0) % 2 == 0 { Role::Server } else { Role::Client };
        let mut lane = Lane::new(role, config);
        let mut epoch = lane.attach(0).unwrap();
        while let Some(deed) = input.next() {
            let mut byte = || input.next().unwrap_or(0);
            let id = u32::from(deed >> 5) + 1;
            match deed & 0x1f {
                0 => drop(lane.send(id, byte() % 4, Bytes::from(vec![1; usize::from(byte()) * 300]))),
                1 => drop(lane.event(id, Bytes::from(vec![1; usize::from(byte()) * 130]))),
                2 => drop(lane.end(id, byte() % 4)),
                3 => drop(lane.close(id, Outcome::Result(Bytes::from(vec![1; usize::from(byte())])))),
                4 => lane.cancel(id),
                5 => lane.release(id),
                6 => drop(lane.recv(id)),
                7 => drop(lane.recv_event(id)),
                8 => drop(lane.open("exec", Class::ALL[usize::from(byte()) % 3], byte() % 2 == 0, Bytes::new())),
                9 => {
                    lane.detach();
                    epoch = lane.attach(lane.sent().saturating_sub(u64::from(byte()))).unwrap_or(epoch);
                }
                10 => {
                    now += Duration::from_millis(u64::from(byte()) * 10);
                    lane.handle_timeout(now);
                }
                11 => lane.detach(),
                12 if byte() == 0xff => lane.fail("lost"),
                13 => lane.cancel_all(),
                14 | 15 => {
                    for _ in 0..byte() {
                        let Some(frame) = lane.poll_transmit(epoch) else { break };
                        Frame::decode(&frame.encode()).expect("what is sent is a frame");
                    }
                }
                16 => drop(lane.room(id)),
                17 => lane.want_room(id),
                other => {
                    let bytes = |len: u8| Bytes::from(vec![2; usize::from(len) * 260]);
                    let body = match other {
                        18 | 19 => Body::Open { kind: "pty.open".to_owned(), class: None, params: bytes(byte()) },
                        20 | 21 => Body::Data { stream: byte() % 3, data: bytes(byte().max(1)) },
                        22 => Body::Event(bytes(byte())),
                        23 => Body::End { stream: byte() % 3 },
                        24 | 25 => Body::Credit { bytes: u32::from(byte()) * 1000 + 1 },
                        26 => Body::Close(Outcome::Result(bytes(byte()))),
                        27 => Body::Cancel,
                        28 => Body::Ack { received: u64::from(byte()) },
                        29 => Body::Pong { nonce: 0, received: lane.sent() },
                        30 => Body::Ping { nonce: 0 },
                        _ => Body::Ack { received: lane.sent() },
                    };
                    let channel = if body.is_counted() { id } else { 0 };
                    if let Err(error) = lane.handle_frame(now, Frame { lane: 1, channel, body }) {
                        assert!(!error.name().is_empty());
                    }
                }
            }
            while lane.poll_event().is_some() {}
            assert!(lane.channels() <= 6 && lane.growth_left() <= config.growth);
            assert!(lane.buffered() <= lane.channels() * (64 << 10) + config.growth);
            assert!(lane.retained() <= config.retain + (77 << 10) + RETAIN_OVERHEAD);
        }
    });
}

/// The harness itself: a target that fails is noticed, with its input.
#[test]
fn a_failing_target_is_noticed() {
    let failed = catch_unwind(|| fuzz("decoder", 1, |input| assert!(input.is_empty())));
    let message = failed.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("decoder fails with 9"), "{message}");
}
