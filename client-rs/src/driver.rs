//! The task behind a client: dials, greets, drives the connection, and dials again when it is lost.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use sandwire_link::{Closed, Connection, Inbound, Link};
use sandwire_protocol::frame::{Body, Frame, GoAway, Hello, Reset, Welcome};
use sandwire_protocol::kind;
use sandwire_protocol::lane::{Config, Role};
use sandwire_protocol::limits::{INITIAL_WINDOW, VERSION};
use tokio::sync::watch;

use crate::client::{Builder, Shared};
use crate::error::Error;
use crate::state::State;
use crate::stopwatch::Stopwatch;

/// A direct client has one lane, with this number.
const LANE: u32 = 1;

/// Channels that are asked for at the most before WELCOME tells how many there may be: a server's default.
const UNTOLD_CHANNELS: usize = 256;

/// What the client wants of its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Keep the connection; a changed number means to make it anew.
    Run {
        /// How often a new one was asked for.
        redials: u32,
    },
    /// End the lane.
    Close,
}

/// Why a connection is not driven any more.
enum End {
    /// Lost, or to be made anew.
    Lost(String),
    /// The lane was refused or broken: nothing of it can go on.
    LaneOver(String),
    /// The same, because the sandbox sleeps: it is to be left alone until the user wants something.
    Asleep(String),
    /// The client wants no more.
    Closed,
}

/// How a sleep ended.
enum Awake {
    /// HELLO of a new lane was said on the connection, which was kept.
    Greeted,
    /// The connection was lost meanwhile.
    Lost(String),
    /// The client wants no more.
    Closed,
}

/// The reason in the GOAWAY of a relay whose sandbox sleeps, or was ended.
const ASLEEP: &str = "asleep";

pub(crate) struct Driver {
    builder: Builder,
    link: Link,
    /// Names the lane to the server; see [`Hello::token`].
    token: Vec<u8>,
    shared: Weak<Shared>,
    state: watch::Sender<State>,
    command: watch::Receiver<Command>,
    connections: u32,
    /// HELLOs said; see [`Hello::attempt`].
    hellos: u64,
    /// Since the lane's token was drawn, as long as no HELLO was answered; see [`Hello::age_ms`].
    age: Option<Stopwatch>,
}

impl Driver {
    /// Makes the first connection and says HELLO. What is opened from now on goes out right behind it.
    pub(crate) async fn start(builder: Builder) -> Result<(FirstRun, Arc<Shared>), Error> {
        let link = Link::new(Role::Client, config(&builder));
        let initial = State::Reconnecting { attempt: 0, reason: "connecting".to_owned() };
        let (state, state_receiver) = watch::channel(initial);
        let (command_sender, command) = watch::channel(Command::Run { redials: 0 });
        let shared =
            Arc::new(Shared { link: Mutex::new(link.clone()), state: state_receiver, command: command_sender });
        let shared_by = Arc::downgrade(&shared);
        let (token, age) = (draw_token()?, Some(Stopwatch::start()));
        let mut driver =
            Self { builder, link, token, shared: shared_by, state, command, connections: 0, hellos: 0, age };
        let mut connection = driver.greet().await?;
        connection.attach(LANE, &driver.link, 0).map_err(|error| driver.failed(error.to_string()))?;
        Ok((FirstRun { driver, connection }, shared))
    }

    /// Dials and says HELLO.
    async fn greet(&mut self) -> Result<Connection, Error> {
        // Counted when it is tried: whether an earlier one was heard is not known.
        self.hellos += 1;
        let socket = self.builder.target.dial().await?;
        let mut connection = Connection::new(socket, Role::Client, 1).await;
        self.hello(&mut connection).await?;
        Ok(connection)
    }

    /// Says HELLO.
    async fn hello(&self, connection: &mut Connection) -> Result<(), Error> {
        let hello = Hello {
            version: VERSION,
            token: self.token.clone(),
            received: self.link.received(),
            attempt: self.hellos,
            age_ms: self.age.as_ref().map(Stopwatch::ms),
            client: self.builder.name.clone(),
            window: Some(self.builder.window),
            scopes: self.builder.scopes.clone(),
            terminals: self.builder.terminals.clone(),
            paths: self.builder.paths.clone(),
            relayed: false,
        };
        connection.handle().send(Frame { lane: LANE, channel: 0, body: Body::Hello(kind::encode(&hello)?) }).await;
        connection.expect(LANE);
        Ok(())
    }

    /// Dials, says HELLO, waits for WELCOME and goes on with the lane.
    async fn resume(&mut self) -> Result<Connection, Error> {
        let mut connection = self.greet().await?;
        let welcome = tokio::time::timeout(self.builder.target.timeout, self.await_welcome(&mut connection))
            .await
            .map_err(|_| self.failed("the server did not greet".to_owned()))??;
        self.age = None;
        // Of a lane that no server has heard of, nothing is lost.
        if !welcome.resumed && self.link.sent() > 0 && self.hellos > 1 {
            self.replace_lane("the server was started anew, or kept it no longer");
        }
        if let Err(error) = connection.attach(LANE, &self.link, welcome.received) {
            // The server claims to have what was never sent: nothing of this lane can be trusted.
            self.replace_lane(error.name());
            return Err(self.failed(error.to_string()));
        }
        self.welcomed(welcome);
        Ok(connection)
    }

    async fn await_welcome(&mut self, connection: &mut Connection) -> Result<Welcome, Error> {
        loop {
            match connection.next().await {
                Ok(Inbound::Welcome(_, welcome)) => return Ok(welcome),
                Ok(Inbound::GoAway(0, _)) => {
                    // It drains; what runs in this lane still ends there.
                    self.state.send_replace(State::Draining);
                }
                Ok(Inbound::GoAway(_, go_away)) => return Err(self.failed(refusal(&go_away))),
                Ok(Inbound::Reset(_, reset)) => return Err(self.reset(reset)),
                Ok(Inbound::Hello(..) | Inbound::Opened(..) | Inbound::Broken(..)) => {}
                Err(closed) => {
                    let reason = closed.to_string();
                    if is_lane_over(&closed) {
                        self.begin_anew(&reason)?;
                    }
                    return Err(self.failed(reason));
                }
            }
        }
    }

    fn welcomed(&mut self, welcome: Welcome) {
        self.age = None;
        self.connections += 1;
        self.link.set_max_channels(welcome.max_channels as usize);
        self.state.send_replace(State::Connected { boot_id: welcome.boot_id, connections: self.connections });
    }

    /// A relay has no connection to the server for the lane. A HELLO that it did not pass on was never said.
    fn reset(&mut self, reset: Reset) -> Error {
        if reset.reason == "no-trunk" {
            self.hellos = self.hellos.saturating_sub(1);
        }
        self.failed(reset.message.unwrap_or_else(|| "a relay lost the sandbox".to_owned()))
    }

    /// Fails every channel of the lane and begins a new one.
    fn replace_lane(&mut self, reason: &str) {
        self.link.fail(reason);
        self.link = Link::new(Role::Client, config(&self.builder));
        if let Some(shared) = self.shared.upgrade() {
            *shared.link.lock().unwrap_or_else(PoisonError::into_inner) = self.link.clone();
        }
    }

    /// The same under a new token: should the server not know that the old lane is over, it must not go on with it.
    fn begin_anew(&mut self, reason: &str) -> Result<(), Error> {
        self.replace_lane(reason);
        (self.token, self.age) = (draw_token()?, Some(Stopwatch::start()));
        self.hellos = 0;
        Ok(())
    }

    /// Keeps the connection, if it stands, and says nothing on it until the user opens something.
    async fn sleep(&mut self, connection: &mut Connection, reason: String) -> Result<Awake, Error> {
        connection.detach(LANE);
        self.begin_anew(&reason)?;
        self.state.send_replace(State::Asleep { reason });
        let (link, before) = (self.link.clone(), self.command.borrow_and_update().clone());
        let mut lost = None;
        loop {
            tokio::select! {
                () = link.stirred() => break,
                inbound = connection.next(), if lost.is_none() => lost = inbound.err().map(|closed| closed.to_string()),
                changed = self.command.changed() => {
                    let command = self.command.borrow_and_update().clone();
                    if changed.is_err() || command == Command::Close {
                        return Ok(Awake::Closed);
                    }
                    if command != before {
                        return Ok(Awake::Lost("a new connection was asked for".to_owned()));
                    }
                }
            }
        }
        if let Some(reason) = lost {
            return Ok(Awake::Lost(reason));
        }
        self.state.send_replace(State::Reconnecting { attempt: 0, reason: "waking the sandbox".to_owned() });
        self.hellos += 1;
        self.hello(connection).await?;
        connection.attach(LANE, &self.link, 0).map_err(|error| self.failed(error.to_string()))?;
        Ok(Awake::Greeted)
    }

    async fn drive(&mut self, connection: &mut Connection) -> End {
        let redials = self.command.borrow_and_update().clone();
        loop {
            let inbound = tokio::select! {
                inbound = connection.next() => inbound,
                changed = self.command.changed() => {
                    let command = self.command.borrow_and_update().clone();
                    if changed.is_err() || command == Command::Close {
                        let go_away = GoAway { reason: "done".to_owned(), ..GoAway::default() };
                        connection.handle().go_away(LANE, &go_away).await;
                        return End::Closed;
                    }
                    if command != redials {
                        return End::Lost("a new connection was asked for".to_owned());
                    }
                    continue;
                }
            };
            match inbound {
                Ok(Inbound::GoAway(0, _)) => {
                    self.state.send_replace(State::Draining);
                }
                Ok(Inbound::GoAway(_, go_away)) if go_away.reason == ASLEEP => return End::Asleep(refusal(&go_away)),
                Ok(Inbound::GoAway(_, go_away)) => return End::LaneOver(refusal(&go_away)),
                Ok(Inbound::Broken(lane, error)) => {
                    let reason = format!("{}: {error}", error.name());
                    let go_away =
                        GoAway { reason: error.name().to_owned(), message: reason.clone(), deadline_ms: None };
                    connection.handle().go_away(lane, &go_away).await;
                    return End::LaneOver(reason);
                }
                Ok(Inbound::Reset(_, reset)) => return End::Lost(self.reset(reset).to_string()),
                Ok(Inbound::Opened(_, incoming)) => {
                    let code = sandwire_protocol::Code::UnknownKind;
                    incoming.refuse(sandwire_protocol::Error::new(code, "this client serves no channels"));
                }
                Ok(Inbound::Welcome(_, welcome)) => self.welcomed(welcome),
                Ok(Inbound::Hello(..)) => {}
                Err(closed) if is_lane_over(&closed) => return End::LaneOver(closed.to_string()),
                Err(closed) => return End::Lost(closed.to_string()),
            }
        }
    }

    async fn farewell(&self, connection: Connection) {
        // What runs is over on this side at once, and on the other when it has read our farewell.
        self.link.fail("closed");
        connection.close(1000, "done").await;
    }

    /// Dials again until it succeeds, with growing pauses, or until it is hopeless.
    async fn redial(&mut self, reason: String) -> Result<Connection, String> {
        let since = Instant::now();
        let mut reason = reason;
        let mut attempt = 0;
        let mut backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(5))
            .with_jitter()
            .without_max_times()
            .build();
        loop {
            attempt += 1;
            self.state.send_replace(State::Reconnecting { attempt, reason: reason.clone() });
            match self.resume().await {
                Ok(connection) => return Ok(connection),
                Err(error) if error.is_final() => return Err(error.to_string()),
                Err(error) => reason = error.to_string(),
            }
            if since.elapsed() > self.builder.give_up_after {
                return Err(format!("gave up after {} s: {reason}", self.builder.give_up_after.as_secs()));
            }
            let pause = backoff.next().unwrap_or(Duration::from_secs(5));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = self.command.wait_for(|command| *command == Command::Close) => {
                    return Err("closed while it had no connection".to_owned());
                }
            }
        }
    }

    fn failed(&self, reason: String) -> Error {
        Error::Connect { url: self.builder.target.url.clone(), reason }
    }
}

/// Whether what ended the connection is a defect of one of the two: it would come again, so the lane does not go on.
const fn is_lane_over(closed: &Closed) -> bool {
    match closed {
        Closed::Wire(_) | Closed::ByPeer(1002 | 1009, _) => true,
        Closed::ByPeer(..) | Closed::Lost(_) => false,
    }
}

fn draw_token() -> Result<Vec<u8>, Error> {
    let mut token = vec![0; 16];
    getrandom::fill(&mut token).map_err(std::io::Error::other)?;
    Ok(token)
}

/// A driver with its first connection.
pub(crate) struct FirstRun {
    driver: Driver,
    connection: Connection,
}

impl FirstRun {
    /// Drives the connection, and those after it, until the client is closed.
    pub(crate) async fn run(self) {
        let Self { mut driver, mut connection } = self;
        let reason = loop {
            let lost = match driver.drive(&mut connection).await {
                End::Closed => {
                    driver.farewell(connection).await;
                    break "closed".to_owned();
                }
                End::Lost(reason) => reason,
                End::LaneOver(reason) => {
                    if let Err(error) = driver.begin_anew(&reason) {
                        break error.to_string();
                    }
                    reason
                }
                End::Asleep(reason) => match driver.sleep(&mut connection, reason).await {
                    Ok(Awake::Greeted) => continue,
                    Ok(Awake::Lost(reason)) => reason,
                    Ok(Awake::Closed) => {
                        driver.farewell(connection).await;
                        break "closed".to_owned();
                    }
                    Err(error) => break error.to_string(),
                },
            };
            drop(connection);
            match driver.redial(lost).await {
                Ok(next) => connection = next,
                Err(reason) => break reason,
            }
        };
        driver.link.fail(&reason);
        driver.state.send_replace(State::Closed(reason));
    }
}

fn config(builder: &Builder) -> Config {
    Config {
        max_channels: UNTOLD_CHANNELS,
        recv_window: builder.window.max(INITIAL_WINDOW),
        growth: 64 << 20,
        ..Config::default()
    }
}

fn refusal(go_away: &GoAway) -> String {
    if go_away.message.is_empty() { go_away.reason.clone() } else { format!("{}: {}", go_away.reason, go_away.message) }
}
