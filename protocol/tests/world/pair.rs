//! The two ends of a lane with a record of what their users did, and what must be true of it in the end.

use std::collections::BTreeMap;

use sandwire_protocol::channel::Item;
use sandwire_protocol::lane::{Config, Lane, LaneEvent, Role};
use sandwire_protocol::limits::MIN_RETAIN;

pub(super) const CONFIG: Config =
    Config { max_channels: 6, retain: MIN_RETAIN, recv_window: 64 << 10, send_window: 64 << 10, growth: 300_000 };

/// One end of a lane, and what its user has done and seen.
pub(super) struct End {
    pub(super) lane: Lane,
    /// What was put into each channel, as the peer's user must see it.
    pub(super) put: BTreeMap<u32, Vec<Item>>,
    pub(super) taken: BTreeMap<u32, Vec<Item>>,
    pub(super) opened: Vec<u32>,
    pub(super) told: Vec<u32>,
}

impl End {
    pub(super) fn new(role: Role) -> Self {
        Self {
            lane: Lane::new(role, CONFIG),
            put: BTreeMap::new(),
            taken: BTreeMap::new(),
            opened: vec![],
            told: vec![],
        }
    }

    pub(super) fn events(&mut self) {
        while let Some(event) = self.lane.poll_event() {
            match event {
                LaneEvent::Opened { id, kind, params } => {
                    assert_eq!(kind, "exec");
                    assert_eq!(params, id.to_be_bytes().to_vec());
                    assert!(!self.opened.contains(&id), "OPEN {id} took effect twice");
                    self.opened.push(id);
                }
                LaneEvent::Cancelled(id) => {
                    assert!(!self.told.contains(&id), "{id} was cancelled twice");
                    self.told.push(id);
                }
                LaneEvent::Readable(_) | LaneEvent::Writable(_) => {}
            }
        }
        assert!(self.lane.retained() <= CONFIG.retain + (64 << 10) + 128);
        assert!(self.lane.buffered() <= self.lane.channels() * (64 << 10) + CONFIG.growth);
    }
}

pub(super) struct Pair {
    pub(super) client: End,
    pub(super) server: End,
    /// Channels with who opened them.
    pub(super) ids: Vec<(u32, bool)>,
    pub(super) cancelled: Vec<u32>,
    /// Whether the server has ever had a HELLO of this lane.
    pub(super) known: bool,
    /// HELLOs said, and the last that the server has had.
    pub(super) hellos: u64,
    pub(super) attempt: u64,
    /// Whether the client has had a connection for it before.
    pub(super) begun: bool,
    /// Whether the client has had a WELCOME.
    pub(super) answered: bool,
}

impl Pair {
    pub(super) fn new() -> Self {
        Self {
            client: End::new(Role::Client),
            server: End::new(Role::Server),
            ids: vec![],
            cancelled: vec![],
            known: false,
            hellos: 0,
            attempt: 0,
            begun: false,
            answered: false,
        }
    }

    pub(super) fn check(&self) {
        let none = vec![];
        for (id, by_client) in &self.ids {
            let (opener, acceptor) =
                if *by_client { (&self.client, &self.server) } else { (&self.server, &self.client) };
            let put = acceptor.put.get(id).unwrap_or(&none);
            let taken = opener.taken.get(id).unwrap_or(&none);
            if self.cancelled.contains(id) {
                // What was queued and not sent at the CANCEL is thrown away; the rest is in order.
                let mut rest = put.iter();
                assert!(taken.iter().all(|item| rest.any(|put| put == item)), "channel {id}: not in order");
            } else {
                assert_eq!(taken, put, "channel {id} down");
            }
            let ends = taken.iter().filter(|item| matches!(item, Item::Close(_))).count();
            assert_eq!(ends, 1, "channel {id} has one CLOSE");
            assert!(matches!(taken.last(), Some(Item::Close(_))), "channel {id} ends with CLOSE");
            // Up, the acceptor may have closed while data was on its way: a prefix arrives, in order.
            let put = opener.put.get(id).unwrap_or(&none);
            let taken = acceptor.taken.get(id).unwrap_or(&none);
            assert!(put.starts_with(taken), "channel {id} up");
        }
        for (side, opened) in [(true, &self.server.opened), (false, &self.client.opened)] {
            let ids: Vec<u32> = self.ids.iter().filter(|(_, opener)| *opener == side).map(|(id, _)| *id).collect();
            assert_eq!(*opened, ids, "every OPEN arrives once, in order");
        }
        for end in [&self.client, &self.server] {
            assert_eq!(end.lane.channels(), 0, "ended channels are forgotten");
            assert_eq!(end.lane.growth_left(), CONFIG.growth, "grown windows come back");
            assert_eq!((end.lane.buffered(), end.lane.queued()), (0, 0));
            assert_eq!(end.lane.retained(), 0, "everything is acknowledged");
        }
        assert_eq!(self.client.lane.sent(), self.server.lane.received());
        assert_eq!(self.server.lane.sent(), self.client.lane.received());
    }
}
