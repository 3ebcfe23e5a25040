//! One terminal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sandwire_protocol::kind::command::{Exit, Target};
use sandwire_protocol::kind::pty::Info;
use sandwire_protocol::{Code, Error};
use tokio::sync::Notify;

use super::master::{Look, Master};
use super::screen::{RESET, Screen, Size};
use super::viewer::{Piece, Queue};
use crate::sandbox::machine::now_ms;
use crate::sandbox::process::run::Run;
use crate::sandbox::process::signal::Signal;
use crate::sandbox::process::spawn::signal_group;
use crate::sandbox::process::stop::Stop;

/// How long viewers none of which reads may stop the program.
pub(crate) const STALL: Duration = Duration::from_secs(10);

/// What a program wrote before its end arrives through a queue of the kernel: this long after the last piece there is
/// no more, even if something else keeps the terminal open.
const SETTLED: Duration = Duration::from_millis(30);

/// Bytes that are read after the end at the most, where something goes on writing.
const LAST: usize = 1 << 20;

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
    master: Master,
    started_ms: u64,
    transient: bool,
    state: Mutex<State>,
    /// A viewer took something, came or went.
    taken: Notify,
    /// The terminal ended.
    ended: Notify,
}

#[derive(Debug)]
struct State {
    screen: Screen,
    viewers: BTreeMap<u64, (Queue, Arc<Notify>)>,
    next_viewer: u64,
    exit: Option<Exit>,
}

impl Terminal {
    pub(crate) fn new(id: String, number: u64, run: Run, master: Master, screen: Screen, transient: bool) -> Self {
        Self {
            id,
            number,
            run,
            stop: Stop::new(),
            master,
            started_ms: now_ms(),
            transient,
            state: Mutex::new(State { screen, viewers: BTreeMap::new(), next_viewer: 0, exit: None }),
            taken: Notify::new(),
            ended: Notify::new(),
        }
    }

    /// Reads what the program shows until it has ended.
    pub(crate) async fn serve(&self) {
        let exit = {
            let wait = self.run.wait(&self.stop);
            let pump = self.pump();
            tokio::pin!(wait, pump);
            tokio::select! {
                exit = &mut wait => exit,
                // The program closed its terminal and goes on.
                () = &mut pump => wait.await,
            }
        };
        self.drain().await;
        let exit = exit.unwrap_or_else(|error| {
            tracing::error!(%error, id = self.id, "the end of a terminal is not known");
            Exit::default()
        });
        let exit = Exit { duration_us: now_ms().saturating_sub(self.started_ms) * 1000, ..exit };
        let mut state = self.lock();
        state.exit = Some(exit.clone());
        for (queue, wake) in state.viewers.values_mut() {
            queue.tell(Piece::Ended(exit.clone()));
            wake.notify_one();
        }
        drop(state);
        self.ended.notify_waiters();
    }

    async fn pump(&self) {
        loop {
            self.somebody_keeps_up().await;
            match self.master.look() {
                Ok(Look::Data(bytes)) => self.show(&bytes),
                Ok(Look::Empty) => {
                    if self.master.readable().await.is_err() {
                        return;
                    }
                }
                Ok(Look::Closed) => return,
                Err(error) => return tracing::warn!(%error, id = self.id, "a terminal cannot be read"),
            }
            // A flood must not keep the other tasks of this thread waiting.
            tokio::task::consume_budget().await;
        }
    }

    /// Waits while there are viewers and none takes what is shown; then gives them up.
    async fn somebody_keeps_up(&self) {
        let blocked = || {
            let state = self.lock();
            !state.viewers.is_empty()
                && state.viewers.values().any(|(queue, _)| !queue.is_behind())
                && !state.viewers.values().any(|(queue, _)| queue.keeps_up())
        };
        let wait = async {
            while blocked() {
                self.taken.notified().await;
            }
        };
        if tokio::time::timeout(STALL, wait).await.is_err() {
            for (queue, _) in self.lock().viewers.values_mut() {
                queue.let_go();
            }
        }
    }

    fn show(&self, bytes: &Bytes) {
        let mut state = self.lock();
        // Viewers first: what they see does not wait for the model.
        for (queue, wake) in state.viewers.values_mut() {
            queue.show(bytes);
            wake.notify_one();
        }
        state.screen.process(bytes);
    }

    /// What was written before the end.
    async fn drain(&self) {
        let mut left = LAST;
        while left > 0 {
            match self.master.look() {
                Ok(Look::Data(bytes)) => {
                    left = left.saturating_sub(bytes.len());
                    self.show(&bytes);
                }
                Ok(Look::Empty) => match tokio::time::timeout(SETTLED, self.master.readable()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return,
                },
                Ok(Look::Closed) | Err(_) => return,
            }
        }
    }

    /// Process id of its first program.
    pub(crate) fn pid(&self) -> u32 {
        self.run.pid()
    }

    /// Whether it lives.
    pub(crate) fn lives(&self) -> bool {
        self.lock().exit.is_none()
    }

    /// What it is, for a list.
    pub(crate) fn info(&self) -> Info {
        let state = self.lock();
        let size = state.screen.size();
        Info {
            id: self.id.clone(),
            pid: self.pid(),
            command: self.run.shown.clone(),
            title: state.screen.title().to_owned(),
            cols: size.cols,
            rows: size.rows,
            viewers: u32::try_from(state.viewers.len()).unwrap_or(u32::MAX),
            started_ms: self.started_ms,
            exit: state.exit.clone(),
        }
    }

    /// Looks at the model.
    pub(crate) fn with_screen<T>(&self, look: impl FnOnce(&Screen) -> T) -> T {
        look(&self.lock().screen)
    }

    /// Attaches a viewer: the screen as it is, then all that follows.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` when it has too many viewers.
    pub(crate) fn attach(
        self: &Arc<Self>,
        size: Option<Size>,
        read_only: bool,
        scrollback: usize,
    ) -> Result<Viewer, Error> {
        if let Some(size) = size.filter(|_| !read_only) {
            self.resize(size, None)?;
        }
        let mut state = self.lock();
        if state.viewers.len() >= MAX_VIEWERS {
            let message = format!("the terminal has {MAX_VIEWERS} viewers, and no more are allowed");
            return Err(Error::new(Code::LimitExceeded, message).with("limit", MAX_VIEWERS));
        }
        let mut queue = Queue::new(size, read_only);
        queue.paint(state.screen.paint(scrollback));
        queue.tell(Piece::Live);
        if let Some(exit) = &state.exit {
            queue.tell(Piece::Ended(exit.clone()));
        }
        let number = state.next_viewer;
        state.next_viewer += 1;
        let wake = Arc::new(Notify::new());
        let size = state.screen.size();
        state.viewers.insert(number, (queue, Arc::clone(&wake)));
        Ok(Viewer { terminal: Arc::clone(self), number, wake, size })
    }

    /// Gives the terminal another size, and tells its viewers but the one that asked.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` when the kernel refuses.
    pub(crate) fn resize(&self, size: Size, asked: Option<u64>) -> Result<(), Error> {
        let mut state = self.lock();
        if state.screen.size() == size {
            return Ok(());
        }
        self.master
            .resize(size)
            .map_err(|error| Error::new(Code::Internal, format!("the terminal cannot be resized: {error}")))?;
        state.screen.resize(size);
        for (number, (queue, wake)) in &mut state.viewers {
            if Some(*number) != asked {
                queue.tell(Piece::Resized(size));
                wake.notify_one();
            }
        }
        Ok(())
    }

    /// Ends it: HUP, TERM, and KILL of the whole tree after this time. Returns when it has ended.
    pub(crate) async fn close(&self, grace: Duration) -> Info {
        if self.lives() {
            if let Err(error) = self.run.signal(Signal::HUP, Target::Group).await {
                tracing::debug!(%error, "a terminal that is closed could not be hung up");
            }
            self.stop.request(grace);
            self.wait().await;
        }
        self.info()
    }

    /// Waits for its end.
    pub(crate) async fn wait(&self) {
        loop {
            let ended = self.ended.notified();
            if !self.lives() {
                return;
            }
            ended.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who looks. Dropping it detaches.
#[derive(Debug)]
pub(crate) struct Viewer {
    terminal: Arc<Terminal>,
    number: u64,
    wake: Arc<Notify>,
    /// The terminal's size when it was attached.
    pub(crate) size: Size,
}

impl Viewer {
    /// The next thing to show, of at most `most` bytes. Cancel safe.
    pub(crate) async fn next(&self, most: usize) -> Piece {
        loop {
            let woken = self.wake.notified();
            let piece = {
                let mut state = self.terminal.lock();
                let State { screen, viewers, .. } = &mut *state;
                viewers.get_mut(&self.number).and_then(|(queue, _)| {
                    if queue.is_behind() {
                        // No more than the screen: who could not read the flood has no use for its last thousand lines.
                        queue.paint([RESET, &screen.paint(0)].concat());
                    }
                    queue.next(most)
                })
            };
            if let Some(piece) = piece {
                self.terminal.taken.notify_one();
                return piece;
            }
            woken.await;
        }
    }

    /// Types. The terminal takes this viewer's size.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` for who may only look; `INTERNAL_ERROR` when the terminal cannot be written.
    pub(crate) async fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        if let Some(size) = self.may_act()? {
            self.terminal.resize(size, Some(self.number))?;
        }
        match self.terminal.master.write(bytes).await {
            Ok(()) => Ok(()),
            // It ended; the viewer is about to be told.
            Err(_) if !self.terminal.lives() => Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(()),
            Err(error) => Err(Error::new(Code::Internal, format!("the terminal cannot be written: {error}"))),
        }
    }

    /// The viewer's size. One with a 0 in it is ignored.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(crate) fn resize(&self, cols: u16, rows: u16) -> Result<(), Error> {
        self.may_act()?;
        let Some(size) = Size::of(Some(cols), Some(rows)) else { return Ok(()) };
        if let Some((queue, _)) = self.terminal.lock().viewers.get_mut(&self.number) {
            queue.size = Some(size);
        }
        self.terminal.resize(size, Some(self.number))
    }

    /// Sends a signal to the foreground process group.
    ///
    /// # Errors
    /// `VALIDATION_FAILED` for a name that is no signal; `PERMISSION_DENIED` for who may only look.
    pub(crate) fn signal(&self, name: &str) -> Result<(), Error> {
        self.may_act()?;
        let signal = Signal::parse(name)?;
        if let Some(group) = self.terminal.master.foreground()
            && let Err(error) = signal_group(group, signal)
        {
            tracing::debug!(%error, "a foreground process group could not be signalled");
        }
        Ok(())
    }

    fn may_act(&self) -> Result<Option<Size>, Error> {
        let state = self.terminal.lock();
        match state.viewers.get(&self.number) {
            Some((queue, _)) if !queue.read_only => Ok(queue.size),
            Some(_) | None => Err(Error::new(Code::PermissionDenied, "this viewer may only look (`read_only`)")),
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let last = {
            let mut state = self.terminal.lock();
            state.viewers.remove(&self.number);
            state.viewers.is_empty()
        };
        self.terminal.taken.notify_one();
        if last && self.terminal.transient && self.terminal.lives() {
            let terminal = Arc::clone(&self.terminal);
            tokio::spawn(async move { terminal.close(super::registry::GRACE).await });
        }
    }
}
