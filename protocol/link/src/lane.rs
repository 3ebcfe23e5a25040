//! [`Link`]: a lane behind a lock, with the wakers of those who wait for it. The lock is never held over an await.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use sandwire_protocol::frame::{Body, Frame};
use sandwire_protocol::kind::{self, Kind};
use sandwire_protocol::lane::{Config, Epoch, Lane, LaneEvent, Role};
use sandwire_protocol::schedule::Class;
use sandwire_protocol::{Code, Error, LaneError};
use tokio::sync::Notify;

use crate::budget::{Budget, Growth, Lease};
use crate::channel::{Call, Channel, End, Held};
use crate::signal::Signal;

/// Payloads shorter than this are copied out of the socket's read buffer, which they would keep alive: it may be as large
/// as the largest DATA frame, which is the only one that is worth it.
const COPY_BELOW: usize = 48 << 10;

/// What lanes share: their sum is bounded, whatever each of them may have.
#[derive(Clone, Debug)]
pub struct Budgets {
    /// Bytes that were sent and are kept until acknowledged.
    pub retained: Budget,
    /// Bytes by which receive windows grow.
    pub growth: Budget,
}

/// A lane made awaitable. Clones are the same lane.
#[derive(Clone, Debug)]
pub struct Link {
    state: Arc<Mutex<State>>,
    /// Where one waits until the peer has everything.
    delivered: Arc<Notify>,
    /// Where one waits until something is opened here.
    stirred: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    lane: Lane,
    slots: BTreeMap<u32, Arc<Slot>>,
    port: Option<Port>,
    lease: Option<Lease>,
    growth: Option<Growth>,
    /// What is kept for channels whose CLOSE waits to be sent.
    held: BTreeMap<u32, Held>,
}

/// Where the users of one channel wait.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub(crate) readable: Notify,
    pub(crate) writable: Notify,
    pub(crate) cancelled: Notify,
}

/// The lane's place on its present connection.
#[derive(Debug)]
struct Port {
    signal: Arc<Signal>,
    lane: u32,
    epoch: Epoch,
    /// The most urgent class in which the connection's writer has been told of this lane.
    queued: Option<Class>,
}

/// A channel that the peer opened: what it asks for, and the end to serve it on.
#[derive(Debug)]
pub struct Incoming {
    /// Name of the kind.
    pub kind: String,
    /// The parameters, encoded.
    pub params: Bytes,
    pub(crate) end: End,
}

impl Incoming {
    /// The channel's id.
    pub fn id(&self) -> u32 {
        self.end.id()
    }

    /// Ends the channel without serving it.
    pub fn refuse(self, error: Error) {
        self.end.close_error(error);
    }

    /// The channel, as one of this kind. The caller has looked at the name.
    pub fn into_channel<K: Kind>(self) -> Channel<K> {
        Channel::new(self.end)
    }
}

impl Link {
    /// A new lane that no connection carries yet.
    pub fn new(role: Role, config: Config) -> Self {
        Self::with_leases(Lane::new(role, config), None, None)
    }

    /// A new lane whose retained bytes and growth come out of budgets that others share. Of the former it has at least
    /// [`MIN_RETAIN`](sandwire_protocol::limits::MIN_RETAIN); there is no lane when that budget is used up.
    pub fn with_budgets(role: Role, config: Config, budgets: &Budgets) -> Option<Self> {
        let lease = Lease::new(&budgets.retained, config.retain)?;
        let mut lane = Lane::new(role, Config { growth: 0, ..config });
        lane.set_retain(lease.bytes());
        Some(Self::with_leases(lane, Some(lease), Some(Growth::new(&budgets.growth))))
    }

    fn with_leases(lane: Lane, lease: Option<Lease>, growth: Option<Growth>) -> Self {
        let state = State { lane, slots: BTreeMap::new(), port: None, lease, growth, held: BTreeMap::new() };
        Self { state: Arc::new(Mutex::new(state)), delivered: Arc::default(), stirred: Arc::default() }
    }

    /// Opens a channel.
    ///
    /// # Errors
    /// `VALIDATION_FAILED` when the parameters do not fit in a frame; `LIMIT_EXCEEDED` when too many are open.
    pub fn open<K: Kind>(&self, params: &K::Params, class: Option<Class>) -> Result<Call<K>, Error> {
        let params = kind::encode(params)?;
        let explicit = class.is_some();
        let class = class.unwrap_or(K::CLASS);
        let slot = Arc::new(Slot::default());
        let id = self.with(|state| {
            let id = state.lane.open(K::NAME, class, explicit, params)?;
            state.slots.insert(id, Arc::clone(&slot));
            Some(id)
        });
        let id = id.ok_or_else(|| {
            let message = "as many channels are open in this lane as the server allows: let some of them end first";
            Error::new(Code::LimitExceeded, message)
        })?;
        self.stirred.notify_one();
        Ok(Call::new(End::new(self.clone(), id, slot)))
    }

    /// Waits until there is a channel in the lane. For one who waits.
    pub async fn stirred(&self) {
        while self.channels() == 0 {
            self.stirred.notified().await;
        }
    }

    /// Sets how many channels may be open at once. More are not even asked for: a peer that is asked for far too many
    /// ends the lane.
    pub fn set_max_channels(&self, most: usize) {
        self.with(|state| state.lane.set_max_channels(most));
    }

    /// Counted frames received since the lane began, for the handshake.
    pub fn received(&self) -> u64 {
        self.with(|state| state.lane.received())
    }

    /// Counted frames sent since the lane began, on any connection.
    pub fn sent(&self) -> u64 {
        self.with(|state| state.lane.sent())
    }

    /// The window that the peer announced, for channels opened from here on.
    pub fn set_send_window(&self, bytes: u32) {
        self.with(|state| state.lane.set_send_window(bytes));
    }

    /// Whether few bulk frames may be on their way at once; see [`Lane::set_paced`].
    pub fn set_paced(&self, paced: bool) {
        self.with(|state| state.lane.set_paced(paced));
    }

    /// Refuses new channels of the peer from here on.
    pub fn drain(&self) {
        self.with(|state| state.lane.drain());
    }

    /// Asks every channel that the peer opened to end, as if the peer had given it up; their CLOSE still goes out.
    pub fn cancel_all(&self) {
        self.with(|state| state.lane.cancel_all());
    }

    /// Waits until every channel is over and the peer has acknowledged all that was sent, or the lane is gone for good.
    pub async fn delivered(&self) {
        loop {
            let mut news = std::pin::pin!(self.delivered.notified());
            news.as_mut().enable();
            if self.with(|state| state.lane.is_delivered()) {
                return;
            }
            news.await;
        }
    }

    /// Whether every channel is over and the peer has acknowledged all that was sent.
    pub fn is_delivered(&self) -> bool {
        self.with(|state| state.lane.is_delivered())
    }

    /// Open channels.
    pub fn channels(&self) -> usize {
        self.with(|state| state.lane.channels())
    }

    /// Whether a connection carries the lane.
    pub fn is_attached(&self) -> bool {
        self.with(|state| state.lane.is_attached())
    }

    /// The lane is gone for good; see [`Lane::fail`].
    pub fn fail(&self, reason: &str) {
        self.with(|state| {
            state.lane.fail(reason);
            state.port = None;
            state.lease = None;
            state.growth = None;
            state.held.clear();
        });
    }

    /// Nothing of the present connection counts any more: another one is about to take over, and is told how many
    /// frames have been [`received`](Self::received).
    pub fn supersede(&self) {
        self.with(|state| {
            state.lane.detach();
            state.port = None;
        });
    }

    pub(crate) fn attach(&self, signal: &Arc<Signal>, lane: u32, peer_received: u64) -> Result<Epoch, LaneError> {
        self.with(|state| {
            let epoch = state.lane.attach(peer_received)?;
            state.port = Some(Port { signal: Arc::clone(signal), lane, epoch, queued: None });
            Ok(epoch)
        })
    }

    /// The connection of this epoch is lost. An older one's loss changes nothing.
    pub(crate) fn detach(&self, epoch: Epoch) {
        self.with(|state| {
            if state.lane.is_current(epoch) {
                state.lane.detach();
                state.port = None;
            }
        });
    }

    /// Takes a frame of the connection of this epoch.
    pub(crate) fn handle_frame(
        &self,
        epoch: Epoch,
        now: Instant,
        mut frame: Frame,
    ) -> Result<Option<Incoming>, LaneError> {
        compact(&mut frame.body);
        let mut opened = None;
        self.with_events(
            |state| if state.lane.is_current(epoch) { state.lane.handle_frame(now, frame) } else { Ok(()) },
            |state, id, kind, params| {
                let slot = Arc::new(Slot::default());
                state.slots.insert(id, Arc::clone(&slot));
                opened = Some((id, kind, params, slot));
            },
        )?;
        Ok(opened.map(|(id, kind, params, slot)| Incoming { kind, params, end: End::new(self.clone(), id, slot) }))
    }

    pub(crate) fn poll_transmit(&self, epoch: Epoch) -> Option<Frame> {
        self.with(|state| {
            if let Some(port) = state.port.as_mut().filter(|port| port.epoch == epoch) {
                port.queued = None;
            }
            let mut frame = state.lane.poll_transmit(epoch);
            if let Some(lease) = &mut state.lease {
                if frame.is_none() && state.lane.is_retain_bound() && lease.grow() {
                    state.lane.set_retain(lease.bytes());
                    frame = state.lane.poll_transmit(epoch);
                } else if lease.bytes() > Lease::STEP && state.lane.retained() == 0 {
                    lease.shrink();
                    state.lane.set_retain(lease.bytes());
                }
            }
            if let Some(Frame { channel, body: Body::Close(_), .. }) = &frame {
                state.held.remove(channel);
            }
            if let Some(frame) = &frame
                && state.lane.is_paced()
            {
                state.lane.handle_sent(frame.encoded_len(), Instant::now());
            }
            frame
        })
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.with(|state| state.lane.poll_timeout())
    }

    pub(crate) fn handle_timeout(&self, now: Instant) {
        self.with(|state| state.lane.handle_timeout(now));
    }

    pub(crate) fn acknowledge_now(&self) -> u64 {
        self.with(|state| state.lane.acknowledge_now())
    }

    /// Takes something that arrived on a channel. A reader that keeps up may want a larger window: there is a step of
    /// growth for it, if others have left one.
    pub(crate) fn take<T>(&self, take: impl FnOnce(&mut Lane) -> T) -> T {
        self.with(|state| {
            if let Some(growth) = &mut state.growth
                && state.lane.growth_left() == 0
                && growth.grow()
            {
                state.lane.add_growth(Growth::STEP);
            }
            take(&mut state.lane)
        })
    }

    /// Does something to the lane under the lock, then wakes whoever has news.
    pub(crate) fn with_lane<T>(&self, work: impl FnOnce(&mut Lane) -> T) -> T {
        self.with(|state| work(&mut state.lane))
    }

    /// Keeps something until the CLOSE of this channel is sent, or never will be.
    pub(crate) fn hold(&self, id: u32, held: Held) {
        self.with(|state| {
            if state.lane.state(id).is_some() {
                state.held.insert(id, held);
            }
        });
    }

    /// Nobody waits for this channel any more.
    pub(crate) fn forget(&self, id: u32) {
        self.with(|state| state.slots.remove(&id));
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        self.with_events(work, |_, _, _, _| {})
    }

    fn with_events<T>(
        &self,
        work: impl FnOnce(&mut State) -> T,
        mut opened: impl FnMut(&mut State, u32, String, Bytes),
    ) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut state);
        while let Some(event) = state.lane.poll_event() {
            match event {
                LaneEvent::Opened { id, kind, params } => opened(&mut state, id, kind, params),
                LaneEvent::Readable(id) => state.wake(id, |slot| slot.readable.notify_one()),
                LaneEvent::Writable(id) => state.wake(id, |slot| slot.writable.notify_one()),
                LaneEvent::Cancelled(id) => state.wake(id, |slot| {
                    slot.cancelled.notify_waiters();
                    slot.readable.notify_one();
                    slot.writable.notify_one();
                }),
            }
        }
        state.give_back_growth();
        state.tell_writer();
        if state.lane.is_delivered() {
            self.delivered.notify_waiters();
        }
        result
    }
}

impl State {
    fn wake(&self, id: u32, wake: impl FnOnce(&Slot)) {
        if let Some(slot) = self.slots.get(&id) {
            wake(slot);
        }
    }

    /// What no window needs is for other lanes.
    fn give_back_growth(&mut self) {
        if let Some(growth) = &mut self.growth
            && growth.bytes() > 0
            && self.lane.growth_left() == growth.bytes()
        {
            self.lane.take_growth();
            growth.give_back();
        }
    }

    fn tell_writer(&mut self) {
        let Some(port) = &mut self.port else { return };
        let Some(class) = self.lane.transmit_class() else {
            // A lane that could send if only it might retain more: the writer asks the budget.
            if self.lease.is_some() && port.queued.is_none() && self.lane.is_attached() && self.lane.is_retain_bound() {
                let grown = self.lease.as_mut().is_some_and(Lease::grow);
                if grown && let Some(lease) = &self.lease {
                    self.lane.set_retain(lease.bytes());
                    port.queued = Some(Class::Bulk);
                    port.signal.ready(Class::Bulk, port.lane);
                }
            }
            return;
        };
        if port.queued.is_none_or(|queued| class < queued) {
            port.queued = Some(class);
            port.signal.ready(class, port.lane);
        }
    }
}

fn compact(body: &mut Body) {
    if let Body::Data { data: payload, .. } | Body::Event(payload) | Body::Open { params: payload, .. } = body
        && payload.len() < COPY_BELOW
    {
        *payload = Bytes::copy_from_slice(payload);
    }
}
