//! One terminal.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sandwire_protocol::kind::command::Exit;
use sandwire_protocol::kind::pty::Info;
use sandwire_protocol::{Code, Error};
use tokio::sync::Notify;

use super::backlog::{self, Backlog};
use super::budget::Share;
use super::master::{LOOK_AGAIN, Look, Master};
use super::queue::{Piece, Queue};
use super::screen::{Screen, Size};
use super::viewer::Viewer;
use crate::sandbox::machine::now_ms;
use crate::sandbox::process::owner::Leader;
use crate::sandbox::process::run::Run;
use crate::sandbox::process::stop::{Stop, in_vain, stuck};

/// How long viewers none of which reads may stop the program.
pub(crate) const STALL: Duration = Duration::from_secs(10);

/// Time between HUP and KILL when none is asked for.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// What a program wrote before its end arrives through a queue of the kernel: this long after the last piece there is
/// no more, even if something else keeps the terminal open.
const SETTLED: Duration = Duration::from_millis(30);

/// Time between looks while nobody has it open.
const LOOK_LATER: Duration = Duration::from_millis(100);

/// Bytes that are read after the end at the most, where something goes on writing.
const LAST: usize = 1 << 20;

/// Most that the model sees in one go, in bytes: a tenth of a millisecond of text, one of the shortest lines.
const SLICE: usize = 4 << 10;

/// What the model sees at once, because it takes no time, in bytes: an echo, a prompt. More of it waits until the
/// program pauses, because parsing is slower than a program that floods.
const AT_ONCE: usize = 256;

/// A pause: a program that floods is stopped for shorter by who reads it, or by other programs on its processor.
const PAUSE: Duration = Duration::from_millis(20);

/// Viewers of one terminal.
const MAX_VIEWERS: usize = 64;

/// One terminal, living or ended.
#[derive(Debug)]
pub(crate) struct Terminal {
    pub(crate) id: String,
    /// Order among all terminals.
    pub(crate) number: u64,
    run: Run,
    stop: Stop,
    /// Closed at the end.
    master: Mutex<Option<Arc<Master>>>,
    started_ms: u64,
    transient: bool,
    state: Mutex<State>,
    /// A viewer took something, came or went.
    pub(super) taken: Notify,
    /// The terminal ended.
    ended: Notify,
    /// How many wait until the model has seen everything.
    waiting: AtomicU32,
}

/// What changes while it lives.
#[derive(Debug)]
pub(super) struct State {
    pub(super) model: Backlog,
    share: Share,
    pub(super) viewers: BTreeMap<u64, Looking>,
    next_viewer: u64,
    /// How it ended, and when.
    end: Option<(Result<Exit, Error>, Instant)>,
}

/// One viewer, from the terminal's side.
#[derive(Debug)]
pub(super) struct Looking {
    pub(super) queue: Queue,
    wake: Arc<Notify>,
    /// The viewer's own size, if it said one.
    pub(super) size: Option<Size>,
}

/// What a new terminal is made of.
pub(super) struct Parts {
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) run: Run,
    pub(super) master: Master,
    pub(super) screen: Screen,
    pub(super) share: Share,
    pub(super) transient: bool,
}

impl Terminal {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { id, number, run, master, screen, share, transient } = parts;
        let model = Backlog::new(screen);
        Self {
            id,
            number,
            run,
            stop: Stop::new(),
            master: Mutex::new(Some(Arc::new(master))),
            started_ms: now_ms(),
            transient,
            state: Mutex::new(State { model, share, viewers: BTreeMap::new(), next_viewer: 0, end: None }),
            taken: Notify::new(),
            ended: Notify::new(),
            waiting: AtomicU32::new(0),
        }
    }

    /// Reads what the program shows until it has ended.
    pub(crate) async fn serve(&self) {
        let Some(master) = self.master() else { return };
        let exit = tokio::select! {
            exit = self.run.wait_long(&self.stop) => exit,
            never = self.pump(&master) => match never {},
        };
        self.drain(&master).await;
        drop(master);
        if let Err(error) = &exit {
            tracing::error!(%error, id = self.id, "the end of a terminal is not known");
        }
        self.settled(|state| {
            for looking in state.viewers.values_mut() {
                looking.queue.tell(Piece::Ended(exit.clone()));
                looking.wake.notify_one();
            }
            state.end = Some((exit, Instant::now()));
        })
        .await;
        *self.master.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.ended.notify_waiters();
    }

    async fn pump(&self, master: &Master) -> std::convert::Infallible {
        // A descriptor that was hung up once counts as readable for ever.
        let mut hung_up = false;
        // The program pauses: the model sees what it is behind, and does not hold what comes meanwhile.
        let mut paused = false;
        // It floods: there will be more when the viewers have been served.
        let mut floods = false;
        loop {
            self.somebody_keeps_up().await;
            match master.look() {
                Ok(Look::Data(bytes)) => {
                    paused = false;
                    floods = bytes.len() > AT_ONCE;
                    self.show(&bytes);
                    // A flood must not keep the other tasks of this thread waiting.
                    tokio::task::consume_budget().await;
                    self.catch_up(backlog::MOST).await;
                }
                Ok(Look::Empty) if std::mem::take(&mut floods) || self.still_behind(paused) => {
                    tokio::task::yield_now().await;
                }
                Ok(Look::Empty) => {
                    let pause = if hung_up { LOOK_AGAIN } else { PAUSE };
                    tokio::select! {
                        waited = master.readable(), if !hung_up => hung_up = !waited.unwrap_or(false),
                        () = tokio::time::sleep(pause), if hung_up || self.lock().model.behind() > 0 => {
                            paused = true;
                            self.lock().model.forget();
                        }
                    }
                }
                // All programs closed it; one may open it again.
                Ok(Look::Closed) => {
                    hung_up = true;
                    self.catch_up(0).await;
                    tokio::time::sleep(LOOK_LATER).await;
                }
                Err(error) => {
                    tracing::warn!(%error, id = self.id, "a terminal cannot be read");
                    tokio::time::sleep(LOOK_LATER).await;
                }
            }
        }
    }

    /// Waits while there are viewers and none takes what is shown; then gives them up.
    async fn somebody_keeps_up(&self) {
        let blocked = || {
            let state = self.lock();
            let mut queues = state.viewers.values().map(|looking| &looking.queue);
            queues.clone().any(|queue| !queue.is_behind()) && !queues.any(Queue::keeps_up)
        };
        if !blocked() {
            return;
        }
        let wait = async {
            while blocked() {
                self.taken.notified().await;
            }
        };
        if tokio::time::timeout(STALL, wait).await.is_err() {
            for looking in self.lock().viewers.values_mut() {
                looking.queue.let_go();
            }
        }
    }

    fn show(&self, bytes: &Bytes) {
        let mut state = self.lock();
        // Viewers first: what they see does not wait for the model.
        for looking in state.viewers.values_mut() {
            looking.queue.show(bytes);
            looking.wake.notify_one();
        }
        state.model.put_off(bytes);
    }

    /// Lets the model see a little while the program shows nothing. Whether there is more for it to see now.
    fn still_behind(&self, paused: bool) -> bool {
        let mut state = self.lock();
        (paused || state.model.behind() <= AT_ONCE) && state.model.catch_up(SLICE)
    }

    /// Lets the model see what it has not, until it is at most so far behind; everything, when somebody waits for that.
    async fn catch_up(&self, at_most: usize) {
        loop {
            {
                let at_most = if self.waiting.load(Ordering::Relaxed) > 0 { 0 } else { at_most };
                let mut state = self.lock();
                if state.model.behind() <= at_most || !state.model.catch_up(SLICE) {
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Does something with the state once the model has seen everything.
    pub(super) async fn settled<T>(&self, then: impl FnOnce(&mut State) -> T) -> T {
        let _waiting = Waiting::new(&self.waiting);
        self.lock().model.forget();
        loop {
            {
                let mut state = self.lock();
                if !state.model.catch_up(SLICE) {
                    return then(&mut state);
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// What was written before the end.
    async fn drain(&self, master: &Master) {
        let mut left = LAST;
        let mut last = Instant::now();
        while left > 0 {
            match master.look() {
                Ok(Look::Data(bytes)) => {
                    left = left.saturating_sub(bytes.len());
                    last = Instant::now();
                    self.show(&bytes);
                }
                Ok(Look::Empty) if last.elapsed() < SETTLED => tokio::time::sleep(LOOK_AGAIN).await,
                Ok(Look::Empty | Look::Closed) | Err(_) => return,
            }
        }
    }

    /// Process id of its first program.
    pub(crate) fn pid(&self) -> u32 {
        self.run.pid()
    }

    /// What the processes in it are known by.
    pub(super) fn leader(&self) -> Leader {
        self.run.leader()
    }

    /// Whether it lives.
    pub(crate) fn lives(&self) -> bool {
        self.lock().end.is_none()
    }

    /// When it ended.
    pub(crate) fn ended_at(&self) -> Option<Instant> {
        self.lock().end.as_ref().map(|(_, at)| *at)
    }

    /// Columns and rows now.
    pub(crate) fn size(&self) -> Size {
        self.lock().model.screen().size()
    }

    /// What it is, for a list.
    pub(crate) fn info(&self) -> Info {
        let state = self.lock();
        let screen = state.model.screen();
        let size = screen.size();
        Info {
            id: self.id.clone(),
            pid: self.pid(),
            command: self.run.shown.clone(),
            title: screen.title().to_owned(),
            cols: size.cols,
            rows: size.rows,
            viewers: u32::try_from(state.viewers.len()).unwrap_or(u32::MAX),
            started_ms: self.started_ms,
            // That it ended is known even where how is not: neither a code nor a signal is made up.
            exit: state.end.as_ref().map(|(exit, _)| exit.clone().unwrap_or_default()),
        }
    }

    /// Looks at the model, which has seen everything.
    pub(crate) async fn with_screen<T>(&self, look: impl FnOnce(&Screen) -> T) -> T {
        self.settled(|state| look(state.model.screen())).await
    }

    /// Attaches a viewer: the screen as it is, then all that follows.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` when it has too many viewers.
    pub(crate) async fn attach(
        self: &Arc<Self>,
        size: Option<Size>,
        read_only: bool,
        scrollback: usize,
    ) -> Result<Viewer, Error> {
        if let Some(size) = size.filter(|_| !read_only) {
            self.resize(size, None).await?;
        }
        let wake = Arc::new(Notify::new());
        let (number, now) = self
            .settled(|state| {
                if state.viewers.len() >= MAX_VIEWERS {
                    let message = format!("the terminal has {MAX_VIEWERS} viewers, and no more are allowed");
                    return Err(Error::new(Code::LimitExceeded, message).with("limit", MAX_VIEWERS));
                }
                if !state.share.view(state.viewers.len() + 1) {
                    let message = "the terminals have as many viewers as the setting `terminal_memory` allows";
                    return Err(Error::new(Code::LimitExceeded, message).with("limit", "terminal_memory"));
                }
                let mut queue = Queue::default();
                queue.paint(state.model.screen().paint(scrollback));
                queue.tell(Piece::Live);
                if let Some((exit, _)) = &state.end {
                    queue.tell(Piece::Ended(exit.clone()));
                }
                let number = state.next_viewer;
                state.next_viewer += 1;
                state.viewers.insert(number, Looking { queue, wake: Arc::clone(&wake), size });
                Ok((number, state.model.screen().size()))
            })
            .await?;
        Ok(Viewer { terminal: Arc::clone(self), number, wake, read_only, size: now })
    }

    /// Forgets a viewer, and ends a transient terminal with the last one.
    pub(super) fn detach(self: &Arc<Self>, number: u64) {
        let deserted = {
            let mut state = self.lock();
            state.viewers.remove(&number);
            let viewers = state.viewers.len();
            // Fewer always fit.
            state.share.view(viewers);
            state.viewers.is_empty() && state.end.is_none()
        };
        self.taken.notify_one();
        if deserted && self.transient {
            let terminal = Arc::clone(self);
            tokio::spawn(async move { terminal.close(GRACE).await });
        }
    }

    /// Gives the terminal another size, and tells its viewers but the one that asked. One that has ended keeps its
    /// last screen as it is.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` when the screens would take more memory than they may; `INTERNAL_ERROR` when the kernel refuses.
    pub(crate) async fn resize(&self, size: Size, asked: Option<u64>) -> Result<(), Error> {
        if self.lock().model.screen().size() == size {
            return Ok(());
        }
        self.settled(|state| {
            let Some(master) = self.master().filter(|_| state.end.is_none()) else { return Ok(()) };
            if !state.share.resize(size) {
                let message = "the size is more than the setting `terminal_memory` allows; choose a smaller one";
                return Err(Error::new(Code::LimitExceeded, message)
                    .with("limit", "terminal_memory")
                    .with("cols", u32::from(size.cols))
                    .with("rows", u32::from(size.rows)));
            }
            // The model first: what the program shows for the new size comes after the signal.
            state.model.screen_mut().resize(size);
            master
                .resize(size)
                .map_err(|error| Error::new(Code::Internal, format!("the terminal cannot be resized: {error}")))?;
            for (number, looking) in &mut state.viewers {
                if Some(*number) != asked {
                    looking.queue.tell(Piece::Resized(size));
                    looking.wake.notify_one();
                }
            }
            Ok(())
        })
        .await
    }

    /// Ends it: HUP for the whole tree, as when a line is hung up, and KILL for what is left of it after this time.
    /// Returns when it has ended. Once begun it goes on, even if nobody waits for it.
    ///
    /// # Errors
    /// `TIMEOUT` when its first program was killed and does not end.
    pub(crate) async fn close(self: &Arc<Self>, grace: Duration) -> Result<Info, Error> {
        if self.lives() {
            let terminal = Arc::clone(self);
            let hung_up = tokio::spawn(async move {
                if let Err(error) = terminal.run.tree().hang_up(tokio::time::sleep(grace)).await {
                    tracing::warn!(%error, "the processes of a terminal could not be listed; its group is killed");
                    terminal.stop.request(Duration::ZERO);
                }
            });
            if hung_up.await.is_err() {
                self.stop.request(Duration::ZERO);
            }
            tokio::select! {
                biased;
                () = self.wait() => {}
                () = stuck(self.pid()) => {
                    let what = format!("the terminal {:?}", self.id);
                    return Err(in_vain(&what, self.pid()).with("id", self.id.as_str()));
                }
            }
        }
        Ok(self.info())
    }

    /// Waits for its end.
    pub(crate) async fn wait(&self) {
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            // Registers before looking, so that nothing between the two is missed.
            ended.as_mut().enable();
            if !self.lives() {
                return;
            }
            ended.await;
        }
    }

    /// The pseudo-terminal, while it lives.
    pub(super) fn master(&self) -> Option<Arc<Master>> {
        self.master.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts who waits for the model.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
