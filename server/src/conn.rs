//! One connection: HELLO to lanes, OPEN to kinds, the end to the lanes that go on without it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use sandwire_link::{Closed, Connection, Handle, Inbound, Link, Socket};
use sandwire_protocol::frame::{Body, CONNECTION, Frame, GoAway, Hello, Welcome};
use sandwire_protocol::kind;
use sandwire_protocol::lane::Role;
use sandwire_protocol::limits::VERSION;
use sandwire_protocol::{Error, LaneError};

use crate::auth::{Access, Open};
use crate::kinds;
use crate::lanes::{Entry, LaneKey};
use crate::server::{Phase, Server};

/// Serves a connection whose upgrade was asked for at `since` and is done, until it ends; at the latest when the session ends
/// that it belongs to.
pub(crate) async fn serve(server: Arc<Server>, socket: Socket, access: Access, session: Option<Open>, since: Instant) {
    let connection = Connection::new(socket, Role::Server, server.lanes_per_connection).await;
    let mut served =
        Served { server, access, lanes: BTreeMap::new(), handle: connection.handle(), relay: false, since };
    let closed = served.run(connection, session).await;
    tracing::info!(reason = %closed, lanes = served.lanes.len(), "disconnected");
    for (key, entry) in served.lanes.into_values() {
        served.server.lanes.park(key, &entry);
    }
}

struct Served {
    server: Arc<Server>,
    access: Access,
    lanes: BTreeMap<u32, (LaneKey, Entry)>,
    handle: Handle,
    /// Whether the peer is a relay: it said so, or it carried more than one lane.
    relay: bool,
    /// No later than its client could say anything.
    since: Instant,
}

impl Served {
    async fn run(&mut self, mut connection: Connection, mut session: Option<Open>) -> Closed {
        let mut phase = self.server.phase.subscribe();
        loop {
            let inbound = tokio::select! {
                inbound = connection.next() => inbound,
                Ok(()) = phase.changed() => {
                    let phase = *phase.borrow_and_update();
                    self.enter(phase).await;
                    continue;
                }
                () = revoked(session.as_ref()) => {
                    session = None;
                    self.sign_out();
                    continue;
                }
            };
            match inbound {
                Ok(Inbound::Hello(lane, hello)) => self.greet(&mut connection, lane, &hello).await,
                Ok(Inbound::Opened(lane, incoming)) => {
                    if let Some((_, entry)) = self.lanes.get(&lane) {
                        kinds::serve(incoming, &self.server, &entry.access);
                    }
                }
                Ok(Inbound::GoAway(CONNECTION, _)) => {
                    for (key, _) in std::mem::take(&mut self.lanes).into_values() {
                        self.server.lanes.end(&key, "the client ended it");
                    }
                }
                Ok(Inbound::GoAway(lane, _)) => {
                    connection.detach(lane);
                    if let Some((key, _)) = self.lanes.remove(&lane) {
                        self.server.lanes.end(&key, "the client ended it");
                    }
                }
                Ok(Inbound::Reset(lane, _)) => {
                    connection.detach(lane);
                    if let Some((key, entry)) = self.lanes.remove(&lane) {
                        self.server.lanes.park(key, &entry);
                    }
                }
                Ok(Inbound::Broken(lane, error)) => self.broken(&mut connection, lane, &error).await,
                Ok(Inbound::Welcome(..)) => {}
                Err(closed) => return closed,
            }
        }
    }

    async fn greet(&mut self, connection: &mut Connection, lane: u32, hello: &Hello) {
        let greeting = match self.server.lanes.greet(&self.aged(hello), &self.access) {
            Ok(greeting) => greeting,
            Err(error) => return self.refuse(lane, &error).await,
        };
        let link = &greeting.entry.link;
        self.pace(hello, link);
        // An older connection of the lane may still read: from here on nothing of it counts.
        link.supersede();
        let bounds = self.server.lanes.bounds();
        let welcome = Welcome {
            version: VERSION.min(hello.version),
            resumed: greeting.resumed,
            received: link.received(),
            boot_id: self.server.boot_id.clone(),
            server: concat!("sandwire-server/", env!("CARGO_PKG_VERSION")).to_owned(),
            lane_ttl_ms: u64::try_from(bounds.ttl.as_millis()).unwrap_or(u64::MAX),
            max_channels: u32::try_from(bounds.channels_per_lane).unwrap_or(u32::MAX),
            retain: bounds.retained_per_lane as u64,
        };
        let body = Body::Welcome(kind::encode(&welcome).unwrap_or_default());
        self.handle.send(Frame { lane, channel: 0, body }).await;
        let peer_received = if greeting.resumed { hello.received } else { 0 };
        if let Err(error) = connection.attach(lane, link, peer_received) {
            self.lanes.insert(lane, (greeting.key, greeting.entry));
            return self.broken(connection, lane, &error).await;
        }
        if self.server.phase() != Phase::Serving {
            greeting.entry.link.drain();
        }
        tracing::info!(lane, resumed = greeting.resumed, client = %hello.client, "lane");
        let first = self.lanes.insert(lane, (greeting.key, greeting.entry)).is_none() && self.lanes.len() == 1;
        // After WELCOME: who comes back while the server drains wants what is left for him, and is not refused.
        if first {
            self.enter(self.server.phase()).await;
        }
    }

    /// With the lane's age as it may be by now: HELLO was on its way for no longer than the connection is there. How long it was
    /// on its way to a relay, nobody knows.
    fn aged(&self, hello: &Hello) -> Hello {
        let relayed = self.relay || hello.relayed || !self.lanes.is_empty();
        let up = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let age_ms = hello.age_ms.filter(|_| !relayed).map(|age| age.saturating_add(up).saturating_add(1));
        Hello { age_ms, ..hello.clone() }
    }

    /// What waits behind a relay nobody sees here: little may be on its way there.
    fn pace(&mut self, hello: &Hello, link: &Link) {
        if !self.relay && (hello.relayed || !self.lanes.is_empty()) {
            self.relay = true;
            self.lanes.values().for_each(|(_, entry)| entry.link.set_paced(true));
        }
        link.set_paced(self.relay);
    }

    /// Answers a HELLO with the reason why not. A direct client's connection has nothing left to carry.
    async fn refuse(&self, lane: u32, error: &Error) {
        tracing::info!(lane, code = %error.code, "lane refused");
        let go_away =
            GoAway { reason: error.code.name().to_owned(), message: error.message.clone(), deadline_ms: None };
        self.handle.go_away(lane, &go_away).await;
        if self.lanes.is_empty() {
            self.handle.close(1008, format!("{}: {}", error.code.name(), error.message));
        }
    }

    /// Ends a lane whose peer broke the rules, and the connection when it carries no other.
    async fn broken(&mut self, connection: &mut Connection, lane: u32, error: &LaneError) {
        tracing::info!(lane, code = error.name(), %error, "lane broken");
        connection.detach(lane);
        if let Some((key, _)) = self.lanes.remove(&lane) {
            self.server.lanes.expel(&key, error.name());
        }
        let go_away = GoAway { reason: error.name().to_owned(), message: error.to_string(), deadline_ms: None };
        self.handle.go_away(lane, &go_away).await;
        if self.lanes.is_empty() {
            self.handle.close(1002, format!("{}: {error}", error.name()));
        }
    }

    /// Nothing goes on for who has signed out.
    fn sign_out(&mut self) {
        for (key, _) in std::mem::take(&mut self.lanes).into_values() {
            self.server.lanes.expel(&key, "the browser's session was signed out");
        }
        self.handle.close(1008, "SIGNED_OUT: sign in again");
    }

    async fn enter(&self, phase: Phase) {
        match phase {
            Phase::Serving => {}
            Phase::Draining(_) if self.lanes.is_empty() => {}
            Phase::Draining(time) => {
                let deadline_ms = u64::try_from(time.as_millis()).ok();
                let message = "the server is shutting down".to_owned();
                let go_away = GoAway { reason: "draining".to_owned(), message, deadline_ms };
                self.handle.go_away(CONNECTION, &go_away).await;
            }
            Phase::Closing => self.handle.close(1001, "draining"),
        }
    }
}

async fn revoked(session: Option<&Open>) {
    match session {
        Some(session) => session.revoked().await,
        None => std::future::pending().await,
    }
}
