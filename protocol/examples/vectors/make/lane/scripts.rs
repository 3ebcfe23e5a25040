//! The transcripts.

use bytes::Bytes;
use sandwire_protocol::frame::{Body, Outcome};
use sandwire_protocol::lane::{Config, Role};
use sandwire_protocol::schedule::Class;

use super::script::{Script, config};

pub fn all() -> Vec<Script> {
    vec![
        unary(),
        streams(),
        resume_client(),
        resume_server(),
        resume_refused(),
        acknowledging(),
        acknowledged(),
        credit(),
        growth(),
        event_reserve(),
        cancel_opener(),
        cancel_acceptor(),
        close_crossing(),
        limit(),
        draining(),
        fairness(),
        flood(),
        retention(),
        lost(),
        lost_server(),
        broken_window(),
        broken_ids(),
        broken_states(),
        broken_acks(),
    ]
}

fn script(name: &'static str, about: &str, rules: &[&str], role: Role) -> Script {
    Script::new(name, about, rules, role, config())
}

fn open(kind: &str) -> Body {
    Body::Open { kind: kind.to_owned(), class: None, params: Bytes::from_static(&[0x80]) }
}

fn data(stream: u8, byte: u8, times: usize) -> Body {
    Body::Data { stream, data: vec![byte; times].into() }
}

fn close() -> Body {
    Body::Close(Outcome::Result(Bytes::from_static(&[0x80])))
}

fn unary() -> Script {
    let about = "Two unary calls, one after the other: OPEN, then CLOSE. The ids of a client are odd and rise.";
    let mut s = script("unary", about, &["R-CHANNEL-1", "R-CHANNEL-2"], Role::Client);
    s.attach(0);
    s.open("file.stat", Class::Interactive);
    s.open_as("sandbox.info", Class::Bulk);
    s.say();
    s.hear(1, close());
    s.recv(1);
    s.hear(3, Body::Close(Outcome::Error(Bytes::from_static(&[0x80]))));
    s.recv(3);
    s.recv(3);
    s.say();
    s
}

fn streams() -> Script {
    let about = "A server's channel with all three streams, an event and a result. What a channel says stays in order; \
                 nothing is said after CLOSE.";
    let mut s = script("streams", about, &["R-CHANNEL-3", "R-CHANNEL-4", "R-CHANNEL-5"], Role::Server);
    s.attach(0);
    s.hear(1, open("exec"));
    s.hear(1, data(0, 0x69, 3));
    s.hear(1, Body::End { stream: 0 });
    s.recv(1);
    s.recv(1);
    s.recv(1);
    s.send(1, 1, 0x6f, 5);
    s.event(1, 7);
    s.send(1, 2, 0x65, 5);
    s.send(1, 1, 0x6f, 0);
    s.end(1, 1);
    s.send(1, 1, 0x6f, 1);
    s.end(1, 1);
    s.end(1, 2);
    s.close(1);
    s.close(1);
    s.send(1, 1, 0x6f, 1);
    s.say();
    s.hear(1, Body::Credit { bytes: 64 });
    s.hear(1, data(0, 0x69, 3));
    s
}

fn resume_client() -> Script {
    let about = "A client loses its connection twice. The server has some of what was sent; the rest is sent again, first \
                 and in its order, then what is new. A second loss before an ACK sends the same again.";
    let mut s = script("resume_client", about, &["R-RESUME-1", "R-RESUME-2", "R-RESUME-3"], Role::Client);
    s.attach(0);
    s.open("exec", Class::Bulk);
    s.send(1, 0, 0x61, 10);
    s.say();
    s.send(1, 0, 0x62, 10);
    s.say();
    s.detach();
    s.send(1, 0, 0x63, 10);
    s.say();
    s.attach(2);
    s.open("file.stat", Class::Interactive);
    s.say();
    s.detach();
    s.attach(2);
    s.say_most(1);
    s.hear(0, Body::Ack { received: 3 });
    s.say();
    s.hear(0, Body::Ack { received: 5 });
    s.detach();
    s.attach(5);
    s.say();
    s
}

fn resume_server() -> Script {
    let about = "A server's lane goes on without a connection as far as its windows allow. What was received before and \
                 after is counted on.";
    let mut s = script("resume_server", about, &["R-RESUME-2", "R-RESUME-3", "R-RESUME-5"], Role::Server);
    s.attach(0);
    s.hear(1, open("exec"));
    s.send(1, 1, 0x61, 4);
    s.say();
    s.detach();
    s.send(1, 1, 0x62, 4);
    s.close(1);
    s.say();
    s.attach(0);
    s.say();
    s.hear(3, open("file.stat"));
    s.detach();
    s.attach(3);
    s.close(3);
    s.say();
    s.wait(1000);
    s.say();
    s
}

fn resume_refused() -> Script {
    let about = "A peer that says it has received fewer frames than it acknowledged, or more than were sent, cannot be \
                 resumed: the lane is given up.";
    let mut s = script("resume_refused", about, &["R-RESUME-4"], Role::Client);
    s.attach(0);
    s.open("exec", Class::Bulk);
    s.say();
    s.hear(0, Body::Ack { received: 1 });
    s.detach();
    s.attach(0);
    s.attach(2);
    s.attach(1);
    s
}

fn acknowledging() -> Script {
    let about = "A receiver acknowledges after 128 KiB (payloads, and 128 bytes for each frame), else one second after \
                 the first frame that it has not acknowledged. ACK itself is not counted, and comes before other frames.";
    let mut s = script("acknowledging", about, &["R-ACK-1", "R-ACK-2", "R-ACK-3"], Role::Server);
    s.attach(0);
    s.hear(1, open("file.write"));
    s.say();
    s.wait(999);
    s.say();
    s.wait(1);
    s.say();
    s.wait(5000);
    s.say();
    s.hear(1, data(0, 0x61, 60_000));
    s.recv(1);
    s.say();
    s.hear(1, data(0, 0x61, 60_000));
    s.send(1, 1, 0x62, 1);
    s.say();
    s.hear(1, Body::Credit { bytes: 1 });
    s.recv(1);
    s.say();
    for _ in 0..3 {
        s.hear(1, data(0, 0x61, 40_000));
        s.recv(1);
    }
    s.say();
    s
}

fn acknowledged() -> Script {
    let about = "ACK and PONG say the same. One that is older than the last says nothing new.";
    let mut s = script("acknowledged", about, &["R-ACK-4"], Role::Client);
    s.attach(0);
    for _ in 0..3 {
        s.open("sandbox.info", Class::Interactive);
    }
    s.say();
    s.hear(0, Body::Pong { nonce: 1, received: 2 });
    s.hear(0, Body::Ack { received: 1 });
    s.hear(0, Body::Pong { nonce: 1, received: 0 });
    s.detach();
    s.attach(2);
    s.say();
    s
}

fn credit() -> Script {
    let about = "A sender stops at its window, less the 4 KiB that are kept for events; each frame costs at least 64 bytes. \
                 It goes on when credit comes. A receiver gives credit once half a window was taken.";
    let mut s = script("credit", about, &["R-FLOW-1", "R-FLOW-2", "R-FLOW-3", "R-FLOW-5"], Role::Client);
    s.attach(0);
    s.open("exec", Class::Bulk);
    s.say();
    s.room(1);
    s.send(1, 0, 0x61, 1);
    s.room(1);
    s.send(1, 0, 0x61, 61_312);
    s.room(1);
    s.send(1, 0, 0x61, 65);
    s.send(1, 0, 0x61, 64);
    s.room(1);
    s.send(1, 0, 0x61, 1);
    s.say();
    s.hear(1, Body::Credit { bytes: 63 });
    s.hear(1, Body::Credit { bytes: 1000 });
    s.room(1);
    for _ in 0..3 {
        s.hear(1, data(1, 0x62, 20_000));
    }
    s.recv(1);
    s.say();
    s.recv(1);
    s.say();
    s.recv(1);
    s.say();
    s
}

fn growth() -> Script {
    let about = "The window of a reader that has taken everything doubles with each CREDIT, as long as frames have 4 KiB \
                 and the lane's budget allows. The window of one that lags, or takes small frames, stays.";
    let config = Config { growth: 100_000, ..config() };
    let mut s = Script::new("growth", about, &["R-FLOW-6"], Role::Client, config);
    s.attach(0);
    s.open("file.read", Class::Bulk);
    s.open("pty.open", Class::Interactive);
    s.say();
    s.hear(1, data(0, 0x61, 40_000));
    s.recv(1);
    s.say();
    for _ in 0..3 {
        s.hear(1, data(0, 0x61, 40_000));
    }
    s.recv(1);
    s.recv(1);
    s.say();
    s.recv(1);
    s.say();
    s.hear(1, data(0, 0x61, 50_000));
    s.recv(1);
    s.hear(1, data(0, 0x61, 50_000));
    s.recv(1);
    s.say();
    s.hear(3, data(0, 0x61, 40_000));
    s.hear(3, data(0, 0x61, 64));
    s.recv(3);
    s.recv(3);
    s.say();
    s
}

fn event_reserve() -> Script {
    let about = "Events may use the whole window, also the last 4 KiB that DATA may not.";
    let mut s = script("event_reserve", about, &["R-FLOW-4"], Role::Client);
    s.attach(0);
    s.open("exec", Class::Bulk);
    s.say();
    s.send(1, 0, 0x61, 61_440);
    s.send(1, 0, 0x61, 1);
    s.event(1, 4033);
    s.event(1, 64);
    s.event(1, 40_000);
    s.say();
    s.hear(1, Body::Credit { bytes: 65_536 });
    s.event(1, 32_769);
    s.event(1, 32_768);
    s.say();
    s
}

fn cancel_opener() -> Script {
    let about = "An opener gives up: CANCEL overtakes what waits, which is thrown away; CLOSE still comes, and with it what \
                 was on its way. A channel whose OPEN still waits sends OPEN first.";
    let mut s = script("cancel_opener", about, &["R-CANCEL-1", "R-CANCEL-2"], Role::Client);
    s.attach(0);
    s.open("exec", Class::Bulk);
    s.say();
    s.send(1, 0, 0x61, 100);
    s.cancel(1);
    s.cancel(1);
    s.send(1, 0, 0x61, 1);
    s.end(1, 0);
    s.say();
    s.hear(1, data(1, 0x62, 10));
    s.hear(1, close());
    s.recv(1);
    s.recv(1);
    s.open("exec", Class::Bulk);
    s.send(3, 0, 0x61, 100);
    s.cancel(3);
    s.say();
    s.open("exec", Class::Bulk);
    s.say();
    s.release(5);
    s.say();
    s.hear(5, data(1, 0x62, 10));
    s.hear(5, close());
    s
}

fn cancel_acceptor() -> Script {
    let about =
        "The other side of CANCEL: what waits to be sent and to be taken is thrown away; CLOSE is the only answer.";
    let mut s = script("cancel_acceptor", about, &["R-CANCEL-1", "R-CANCEL-3"], Role::Server);
    s.attach(0);
    s.hear(1, open("exec"));
    s.hear(1, data(0, 0x61, 10));
    s.send(1, 1, 0x62, 10);
    s.hear(1, Body::Cancel);
    s.recv(1);
    s.send(1, 1, 0x62, 10);
    s.room(1);
    s.say();
    s.close(1);
    s.say();
    s
}

fn close_crossing() -> Script {
    let about = "What the opener said before it had CLOSE crosses it, and is dropped without an error, CANCEL too.";
    let mut s = script("close_crossing", about, &["R-CHANNEL-6"], Role::Server);
    s.attach(0);
    s.hear(1, open("exec"));
    s.hear(1, data(0, 0x61, 10));
    s.close(1);
    s.recv(1);
    s.hear(1, data(0, 0x61, 10));
    s.hear(1, Body::Cancel);
    s.recv(1);
    s.say();
    s.hear(1, data(0, 0x61, 10));
    s.hear(1, Body::End { stream: 0 });
    s.hear(1, Body::Credit { bytes: 100 });
    s.hear(1, Body::Cancel);
    s.say();
    s
}

fn limit() -> Script {
    let about = "One channel more than the lane may have is answered with LIMIT_EXCEEDED; ids count on. A side that opens \
                 does not go beyond its own bound.";
    let mut s = script("limit", about, &["R-CHANNEL-7"], Role::Server);
    s.attach(0);
    for id in [1, 3, 5, 7, 9] {
        s.hear(id, open("exec"));
    }
    s.say();
    s.close(1);
    s.say();
    s.hear(11, open("exec"));
    for _ in 0..5 {
        s.open("exec", Class::Bulk);
    }
    s
}

fn draining() -> Script {
    let about = "A draining server refuses new channels with DRAINING; those that are open go on.";
    let mut s = script("draining", about, &["R-GOAWAY-1"], Role::Server);
    s.attach(0);
    s.hear(1, open("exec"));
    s.drain();
    s.hear(3, open("exec"));
    s.send(1, 1, 0x61, 3);
    s.say();
    s.close(1);
    s.say();
    s
}

fn fairness() -> Script {
    let about = "Control comes before interactive and interactive before bulk; inside a class each channel has its turn. A \
                 key that comes while bulk is being sent goes next.";
    let mut s = script("fairness", about, &["R-SCHED-1", "R-SCHED-2"], Role::Client);
    s.attach(0);
    s.open("exec", Class::Bulk);
    s.open("file.write", Class::Bulk);
    s.open("pty.open", Class::Interactive);
    s.say();
    for byte in [0x61, 0x62] {
        s.send(1, 0, byte, 1000);
        s.send(3, 0, byte, 1000);
    }
    s.send(1, 0, 0x63, 1000);
    s.say_most(1);
    s.send(5, 0, 0x6b, 1);
    s.say_most(2);
    s.send(5, 0, 0x6b, 1);
    s.hear(3, data(1, 0x64, 40_000));
    s.recv(3);
    s.open("file.stat", Class::Interactive);
    s.say();
    s
}

fn flood() -> Script {
    let about = "An interactive channel whose queue holds more than 16 KiB takes its turn with bulk, so that it does not \
                 hold another one's key.";
    let mut s = script("flood", about, &["R-SCHED-3"], Role::Server);
    s.attach(0);
    s.hear(1, open("pty.open"));
    s.hear(3, open("pty.open"));
    for _ in 0..5 {
        s.send(1, 0, 0x79, 8192);
    }
    s.say_most(1);
    s.send(3, 0, 0x6b, 1);
    s.say_most(2);
    s.send(3, 0, 0x6b, 1);
    s.say();
    s
}

fn retention() -> Script {
    let about = "What is not acknowledged is kept, up to a limit: bulk stops 128 KiB below it, interactive frames 64 KiB \
                 below it, control frames at it. ACK lets them go on.";
    let config = Config { send_window: 1 << 20, ..config() };
    let mut s = Script::new("retention", about, &["R-RETAIN-1", "R-RETAIN-2"], Role::Server, config);
    s.attach(0);
    s.hear(1, open("file.read"));
    s.hear(3, open("pty.open"));
    for _ in 0..8 {
        s.send(1, 0, 0x61, 61_440);
        s.say();
    }
    s.send(3, 0, 0x6b, 1);
    s.say();
    s.hear(0, Body::Ack { received: 4 });
    s.say();
    s
}

fn lost() -> Script {
    let about = "A client's lane is gone for good: each channel ends with OPERATION_INTERRUPTED, which says whether its OPEN \
                 had arrived (`admitted`), by an ACK or by anything that the server said on the channel: true, \
                 unknown, true, false. What had arrived before can still be taken.";
    let config = Config { max_channels: 5, ..config() };
    let mut s = Script::new("lost", about, &["R-LOST-1", "R-LOST-2"], Role::Client, config);
    s.attach(0);
    s.open("exec", Class::Bulk);
    s.open("exec", Class::Bulk);
    s.say();
    s.hear(0, Body::Ack { received: 1 });
    s.hear(1, data(1, 0x61, 5));
    s.open("exec", Class::Bulk);
    s.say();
    s.hear(5, data(1, 0x61, 5));
    s.detach();
    s.open("exec", Class::Bulk);
    s.fail("the server was restarted");
    for id in [1, 1, 3, 5, 5, 7] {
        s.recv(id);
    }
    s.attach(0);
    s.open("exec", Class::Bulk);
    s.recv(9);
    s
}

fn lost_server() -> Script {
    let about = "A server's lane is gone for good: the work of each channel is stopped, and nobody is told.";
    let mut s = script("lost_server", about, &["R-LOST-3"], Role::Server);
    s.attach(0);
    s.hear(1, open("exec"));
    s.send(1, 1, 0x61, 5);
    s.fail("it was not resumed in time");
    s.send(1, 1, 0x61, 5);
    s.close(1);
    s.say();
    s
}

fn broken_window() -> Script {
    let about = "More than the window, by many small frames; then more credit than a window may hold.";
    let mut s = script("broken_window", about, &["R-FLOW-7", "R-FLOW-8"], Role::Server);
    s.attach(0);
    s.hear(1, open("file.write"));
    s.hear(1, data(0, 0x61, 65_472));
    s.hear(1, data(0, 0x61, 1));
    s.hear(1, data(0, 0x61, 1));
    s.hear(1, Body::Event(Bytes::new()));
    s.hear(1, Body::Credit { bytes: (1 << 31) - (64 << 10) });
    s.hear(1, Body::Credit { bytes: 1 });
    s
}

fn broken_ids() -> Script {
    let about = "Ids that a client may not open, and channels that never were, or whose OPEN still waits.";
    let mut s = script("broken_ids", about, &["R-CHANNEL-2", "R-CHANNEL-8"], Role::Server);
    s.attach(0);
    s.hear(1, data(0, 0x61, 1));
    s.hear(2, open("exec"));
    s.hear(5, open("exec"));
    s.hear(5, open("exec"));
    s.hear(3, open("exec"));
    s.hear(3, data(0, 0x61, 1));
    s.hear(4, Body::Cancel);
    s.hear(7, Body::Credit { bytes: 1 });
    s.open("exec", Class::Bulk);
    s.hear(2, close());
    s.say();
    s
}

fn broken_states() -> Script {
    let about = "Frames that a channel's state does not allow.";
    let mut s = script("broken_states", about, &["R-CHANNEL-4", "R-CHANNEL-5", "R-CANCEL-1"], Role::Server);
    s.attach(0);
    s.hear(1, open("exec"));
    s.hear(1, Body::End { stream: 0 });
    s.hear(1, data(0, 0x61, 1));
    s.hear(1, Body::End { stream: 0 });
    s.hear(1, close());
    s.hear(1, Body::Cancel);
    s.hear(1, Body::Cancel);
    s.open("exec", Class::Bulk);
    s.open("exec", Class::Bulk);
    s.say();
    s.hear(2, Body::Cancel);
    s.hear(2, close());
    s.hear(2, close());
    s.hear(2, data(1, 0x61, 1));
    s.hear(4, close());
    s.recv(4);
    s.hear(4, Body::Credit { bytes: 1 });
    s
}

fn broken_acks() -> Script {
    let about = "An acknowledgement of what was never sent.";
    let mut s = script("broken_acks", about, &["R-ACK-5"], Role::Client);
    s.attach(0);
    s.open("exec", Class::Bulk);
    s.hear(0, Body::Ack { received: 1 });
    s.say();
    s.hear(0, Body::Pong { nonce: 0, received: u64::MAX });
    s.hear(0, Body::Ack { received: 1 });
    s
}
