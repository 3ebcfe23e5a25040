//! What the users of a channel hold: [`Channel`] serves one, [`Call`] opened one.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use sandwire_protocol::channel::{Blocked, Item as RawItem};
use sandwire_protocol::frame::Outcome;
use sandwire_protocol::kind::{self, Kind};
use sandwire_protocol::lane::Lane;
use sandwire_protocol::limits::{MAX_DATA, MAX_EVENT};
use sandwire_protocol::{Code, Error};

use crate::lane::{Link, Slot};

/// Something that is kept until a channel's end is on its way.
pub type Held = Box<dyn Any + Send>;

/// Something that the other side said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<E> {
    /// Bytes of a stream.
    Data(u8, Bytes),
    /// The stream has ended.
    End(u8),
    /// An event.
    Event(E),
}

/// Something that came back on a [`Call`].
#[derive(Clone, Debug)]
pub enum Reply<K: Kind> {
    /// Bytes of a stream.
    Data(u8, Bytes),
    /// The stream has ended.
    End(u8),
    /// An event.
    Event(K::Down),
    /// The channel has ended; nothing comes after this.
    Closed(Result<K::Result, Error>),
}

/// One end of a channel: what both sides can do.
#[derive(Debug)]
pub(crate) struct End {
    link: Link,
    id: u32,
    slot: Arc<Slot>,
}

impl End {
    pub(crate) const fn new(link: Link, id: u32, slot: Arc<Slot>) -> Self {
        Self { link, id, slot }
    }

    pub(crate) const fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn close_error(&self, error: Error) {
        self.close(outcome_of(error));
    }

    fn close(&self, outcome: Outcome) {
        // Closing what is closed already changes nothing.
        self.link.with_lane(|lane| lane.close(self.id, outcome)).unwrap_or_default();
        self.link.forget(self.id);
    }

    async fn take(&self, take: impl Fn(&mut Lane, u32) -> Option<RawItem>) -> Result<RawItem, Error> {
        loop {
            let readable = self.slot.readable.notified();
            let (item, over) = self.link.take(|lane| (take(lane, self.id), lane.is_over(self.id)));
            match item {
                Some(item) => return Ok(item),
                None if over => return Err(gave_up()),
                None => readable.await,
            }
        }
    }

    async fn reserve(&self) -> Result<usize, Error> {
        loop {
            let writable = self.slot.writable.notified();
            match self.link.with_lane(|lane| lane.room(self.id)) {
                Ok(0) => writable.await,
                Ok(room) => return Ok(room.min(MAX_DATA)),
                Err(_) => return Err(gave_up()),
            }
        }
    }

    fn send(&self, stream: u8, data: Bytes) -> Result<(), Error> {
        if data.is_empty() {
            return Ok(());
        }
        self.link.with_lane(|lane| lane.send(self.id, stream, data)).map_err(blocked)
    }

    async fn write(&self, stream: u8, mut data: Bytes) -> Result<(), Error> {
        while !data.is_empty() {
            let writable = self.slot.writable.notified();
            // Room is asked for and used under one lock: others may write to the same channel meanwhile.
            let sent = self.link.with_lane(|lane| {
                let room = lane.room(self.id)?.min(MAX_DATA);
                if room > 0 {
                    lane.send(self.id, stream, data.split_to(room.min(data.len())))?;
                }
                Ok(room > 0)
            });
            match sent {
                Ok(true) => self.slot.writable.notify_one(),
                Ok(false) => writable.await,
                Err(why) => return Err(blocked(why)),
            }
        }
        Ok(())
    }

    async fn event(&self, payload: Bytes) -> Result<(), Error> {
        if payload.len() > MAX_EVENT {
            return Err(Error::new(Code::ValidationFailed, format!("an event has at most {MAX_EVENT} bytes")));
        }
        loop {
            let writable = self.slot.writable.notified();
            let sent = self.link.with_lane(|lane| {
                let sent = lane.event(self.id, payload.clone());
                if sent == Err(Blocked::Window) {
                    lane.want_room(self.id);
                }
                sent
            });
            match sent {
                Ok(()) => {
                    // There may be room for one more who waits.
                    self.slot.writable.notify_one();
                    return Ok(());
                }
                Err(Blocked::Window) => writable.await,
                Err(Blocked::Done) => return Err(gave_up()),
            }
        }
    }

    fn end(&self, stream: u8) -> Result<(), Error> {
        self.link.with_lane(|lane| lane.end(self.id, stream)).map_err(blocked)
    }
}

/// The end with an error, which fits in a frame whatever it repeats.
fn outcome_of(error: Error) -> Outcome {
    Outcome::Error(kind::encode(&error.shortened()).unwrap_or_default())
}

fn gave_up() -> Error {
    Error::new(Code::Cancelled, "the channel was given up")
}

fn blocked(why: Blocked) -> Error {
    match why {
        Blocked::Window => Error::new(Code::Internal, "more was sent than there was room for"),
        Blocked::Done => gave_up(),
    }
}

/// The end of a channel that serves it. Dropping it without [`close`](Self::close) ends the channel with
/// `INTERNAL_ERROR`.
#[derive(Debug)]
pub struct Channel<K: Kind> {
    end: End,
    closed: bool,
    used: Used,
    kind: PhantomData<K>,
}

/// Whom to tell that a channel is used.
#[derive(Default)]
struct Used(Option<Arc<dyn Fn() + Send + Sync>>);

impl Used {
    fn tell<T>(&self, passed: T) -> T {
        if let Some(used) = &self.0 {
            used();
        }
        passed
    }
}

impl std::fmt::Debug for Used {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Used").field(&self.0.is_some()).finish()
    }
}

impl<K: Kind> Channel<K> {
    pub(crate) fn new(end: End) -> Self {
        Self { end, closed: false, used: Used::default(), kind: PhantomData }
    }

    /// Calls this with everything that either side says on the channel. Default: nothing.
    #[must_use]
    pub fn on_use(mut self, used: Arc<dyn Fn() + Send + Sync>) -> Self {
        self.used = Used(Some(used));
        self
    }

    /// The channel's id.
    pub const fn id(&self) -> u32 {
        self.end.id()
    }

    /// Waits for what the opener says next. Taking it lets the opener send more. After its last item this waits on.
    ///
    /// # Errors
    /// `CANCELLED` once the opener gave up or the lane is gone; `VALIDATION_FAILED` for an event that cannot be read.
    pub async fn recv(&self) -> Result<Item<K::Up>, Error> {
        match self.used.tell(self.end.take(Lane::recv).await?) {
            RawItem::Data(stream, data) => Ok(Item::Data(stream, data)),
            RawItem::End(stream) => Ok(Item::End(stream)),
            RawItem::Event(payload) => Ok(Item::Event(kind::decode(&payload)?)),
            RawItem::Close(_) => Err(gave_up()),
        }
    }

    /// Waits for the next event, which overtakes data that was not taken yet: for a kind that cannot take more data
    /// now. Not at the same time as [`recv`](Self::recv).
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub async fn recv_event(&self) -> Result<K::Up, Error> {
        match self.used.tell(self.end.take(Lane::recv_event).await?) {
            RawItem::Event(payload) => kind::decode(&payload),
            RawItem::Data(..) | RawItem::End(_) | RawItem::Close(_) => Err(gave_up()),
        }
    }

    /// Waits for room, and says how many bytes may be sent now: 1 to [`MAX_DATA`]. Asked before the source is read,
    /// this is what makes a slow reader stop the source.
    ///
    /// # Errors
    /// `CANCELLED` once the opener gave up or the lane is gone.
    pub async fn reserve(&self) -> Result<usize, Error> {
        self.end.reserve().await
    }

    /// Sends at most what [`reserve`](Self::reserve) gave.
    ///
    /// # Errors
    /// `CANCELLED` once the opener gave up, the lane is gone, or the stream was ended.
    pub fn send(&self, stream: u8, data: Bytes) -> Result<(), Error> {
        self.used.tell(self.end.send(stream, data))
    }

    /// Sends all of it, in pieces, as there is room.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn write(&self, stream: u8, data: Bytes) -> Result<(), Error> {
        self.used.tell(self.end.write(stream, data).await)
    }

    /// Sends an event once there is room.
    ///
    /// # Errors
    /// `CANCELLED` once the opener gave up or the lane is gone; `VALIDATION_FAILED` when it does not fit in a frame.
    pub async fn event(&self, event: K::Down) -> Result<(), Error> {
        self.used.tell(self.end.event(kind::encode(&event)?).await)
    }

    /// Ends a stream.
    ///
    /// # Errors
    /// `CANCELLED` once the opener gave up, the lane is gone, or the stream was ended.
    pub fn end(&self, stream: u8) -> Result<(), Error> {
        self.end.end(stream)
    }

    /// Resolves when the opener gave up or the lane is gone for good.
    pub async fn cancelled(&self) {
        loop {
            let cancelled = self.end.slot.cancelled.notified();
            tokio::pin!(cancelled);
            // Registers before looking, so that nothing between the two is missed.
            cancelled.as_mut().enable();
            if self.end.link.with_lane(|lane| lane.is_over(self.end.id)) {
                return;
            }
            cancelled.await;
        }
    }

    /// Does unary work, and drops it when the opener gives up.
    ///
    /// # Errors
    /// Those of the work; `CANCELLED` once the opener gave up or the lane is gone.
    pub async fn until_cancelled<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::select! {
            result = work => result,
            () = self.cancelled() => Err(gave_up()),
        }
    }

    /// Ends the channel.
    pub fn close(self, result: Result<K::Result, Error>) {
        self.close_holding(result, |_| Ok(Box::new(())));
    }

    /// Ends the channel. `hold` is told how many bytes its end has, and gives what is to be dropped when these have gone
    /// to a connection, or never will. When there is no room for so many, it gives the error to end with instead.
    pub fn close_holding(
        mut self,
        result: Result<K::Result, Error>,
        hold: impl FnOnce(usize) -> Result<Held, (Error, Held)>,
    ) {
        self.closed = true;
        let outcome = match result.and_then(|result| kind::encode(&result)) {
            Ok(payload) => Outcome::Result(payload),
            Err(error) => outcome_of(error),
        };
        let (Outcome::Result(payload) | Outcome::Error(payload)) = &outcome;
        let (outcome, held) = match hold(payload.len()) {
            Ok(held) => (outcome, held),
            Err((error, held)) => (outcome_of(error), held),
        };
        self.end.close(outcome);
        self.end.link.hold(self.end.id, held);
    }
}

impl<K: Kind> Drop for Channel<K> {
    fn drop(&mut self) {
        if !self.closed {
            self.end.close_error(Error::new(Code::Internal, "the operation ended without a result"));
        }
    }
}

/// The end of a channel that opened it. Dropping it cancels the channel.
#[derive(Debug)]
pub struct Call<K: Kind> {
    end: End,
    kind: PhantomData<K>,
}

impl<K: Kind> Call<K> {
    pub(crate) const fn new(end: End) -> Self {
        Self { end, kind: PhantomData }
    }

    /// The channel's id.
    pub const fn id(&self) -> u32 {
        self.end.id()
    }

    /// Waits for what comes back next. Taking it lets the other side send more.
    pub async fn recv(&self) -> Reply<K> {
        loop {
            let item = match self.end.take(Lane::recv).await {
                Ok(item) => item,
                Err(error) => return Reply::Closed(Err(error)),
            };
            return match item {
                RawItem::Data(stream, data) => Reply::Data(stream, data),
                RawItem::End(stream) => Reply::End(stream),
                RawItem::Event(payload) => match kind::decode_event(&payload) {
                    Ok(Some(event)) => Reply::Event(event),
                    // Of a newer server.
                    Ok(None) => continue,
                    Err(error) => Reply::Closed(Err(error)),
                },
                RawItem::Close(Outcome::Result(payload)) => Reply::Closed(kind::decode(&payload)),
                RawItem::Close(Outcome::Error(payload)) => {
                    Reply::Closed(Err(kind::decode::<Error>(&payload).unwrap_or_else(|error| error)))
                }
            };
        }
    }

    /// Waits for the end, and throws away what comes before it.
    ///
    /// # Errors
    /// What the other side said, or `OPERATION_INTERRUPTED` when the lane is lost.
    pub async fn result(&self) -> Result<K::Result, Error> {
        loop {
            if let Reply::Closed(result) = self.recv().await {
                return result;
            }
        }
    }

    /// Sends all of it, in pieces, as there is room.
    ///
    /// # Errors
    /// `CANCELLED` when the channel has ended.
    pub async fn write(&self, stream: u8, data: Bytes) -> Result<(), Error> {
        self.end.write(stream, data).await
    }

    /// Sends an event once there is room.
    ///
    /// # Errors
    /// `CANCELLED` when the channel has ended.
    pub async fn event(&self, event: K::Up) -> Result<(), Error> {
        self.end.event(kind::encode(&event)?).await
    }

    /// Ends a stream.
    ///
    /// # Errors
    /// `CANCELLED` when the channel or the stream has ended.
    pub fn end(&self, stream: u8) -> Result<(), Error> {
        self.end.end(stream)
    }

    /// Gives up; what the other side says about it still comes by [`recv`](Self::recv).
    pub fn cancel(&self) {
        self.end.link.with_lane(|lane| lane.cancel(self.end.id));
    }
}

impl<K: Kind> Drop for Call<K> {
    fn drop(&mut self) {
        self.end.link.with_lane(|lane| lane.release(self.end.id));
        self.end.link.forget(self.end.id);
    }
}
