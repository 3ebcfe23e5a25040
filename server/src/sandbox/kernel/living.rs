//! One kernel behind its bridge: what is asked of it, and what it says.

use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::time::Duration;

use bytes::{Buf, Bytes};
use sandwire_protocol::kind::command::{Exit, Launch, Output};
use sandwire_protocol::kind::kernel::{CONTENT, Down, STDERR, STDOUT};
use sandwire_protocol::{ByteString, Code, Error};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::control::{self, Control};
use super::language;
use super::specs::Found;
use super::wire::{self, Ask, Done, Gone, HEADER, PIECE, Ready, Say, Start};
use crate::bridge::ARGUMENT;
use crate::sandbox::process::run::{self, Host, Outputs, Run, Spec, Started};
use crate::sandbox::process::stop::Stop;
use crate::sandbox::shell::{private_place, sweep_private};

/// What names of their private directories begin with.
const PREFIX: &str = "sandwire-kernel-";

/// Bytes of what a bridge says itself that are kept: it does so when it fails, and says first why.
const FIRST_WORDS: usize = 4 << 10;

/// Time that a bridge has beyond what its kernel has, before it is killed itself.
pub(super) const BRIDGE: Duration = Duration::from_secs(5);

/// The same for one whose kernel has not come up.
const UNBORN: Duration = Duration::from_secs(1);

/// Time that code of ours has in a kernel that has just begun.
const PREPARES: Duration = Duration::from_secs(30);

/// Most bytes that one holds beside tables: a payload that is not whole, what the bridge said, and what it is to be told.
pub(crate) const LARGEST: usize = wire::LONGEST + FIRST_WORDS + control::WAITS;

/// A kernel. Dropped, it is killed, with its bridge and everything that descends from them.
#[derive(Debug)]
pub(crate) struct Living {
    pub(super) control: Arc<Control>,
    run: Arc<Run>,
    death: watch::Receiver<Option<Result<Exit, Error>>>,
    outputs: Outputs,
    reader: Reader,
    words: Vec<u8>,
    /// Process id of the kernel.
    pub(super) pid: u32,
    _folder: Folder,
}

/// What a kernel says.
#[derive(Debug)]
pub(crate) enum Said {
    /// A piece of output, on that stream of `kernel.run`.
    Output(u8, Bytes),
    Event(Down),
    Done(Done),
    Gone(Gone),
}

/// What came, and is not taken yet.
#[derive(Debug, Default)]
struct Reader {
    rest: Bytes,
    header: Vec<u8>,
    /// The payload that comes: what it is, and how much is left of it.
    payload: Option<(Say, usize)>,
    whole: Vec<u8>,
}

/// A step of reading.
enum Step {
    Said(Said),
    Ready(Ready),
    More,
}

impl Living {
    /// Starts a kernel, and waits until it takes cells, or is not wanted any more. If it comes to nothing, it is gone again.
    ///
    /// # Errors
    /// `KERNEL_START_FAILED`, `INVALID_PROCESS_CWD`, `VALIDATION_FAILED`; `KERNEL_DIED` when it was given up.
    pub(super) async fn start(
        host: &Host,
        found: &Found,
        launch: &Launch,
        spool: u64,
        given_up: &CancellationToken,
    ) -> Result<Living, Error> {
        let launch = Launch { argv: vec!["/proc/self/exe".into(), ARGUMENT.into()], ..launch.clone() };
        let spec = Spec { stdin: true, merge_stderr: false, timeout: None, grace: Duration::ZERO };
        let Started { run, outputs, stdin } = run::start(host, &launch, &spec)?;
        let run = Arc::new(run);
        static SWEPT: Once = Once::new();
        SWEPT.call_once(|| sweep_private(PREFIX));
        let folder = Folder(private_place().join(format!("{PREFIX}{}", host.marker())));
        let control = Arc::new(Control::new(stdin));
        let (died, death) = watch::channel(None);
        let (watched, stopped) = (Arc::clone(&run), Arc::clone(&control));
        tokio::spawn(async move {
            let exit = watched.wait(&stopped.stop).await;
            // What a bridge that was killed has left.
            let stop = Stop::new();
            stop.request(Duration::ZERO);
            if let Err(error) = watched.tree().terminate(false, stop.overdue()).await {
                tracing::warn!(%error, "what a kernel left could not be listed");
            }
            died.send_replace(Some(exit));
        });
        let start = Start {
            argv: found.argv.iter().map(ByteString::from).collect(),
            interrupt_by_message: found.interrupt_by_message,
            tcp: found.is_deno(),
            folder: ByteString::from(&folder.0),
            spool,
        };
        let mut living = Living {
            control,
            run,
            death,
            outputs,
            reader: Reader::default(),
            words: Vec::new(),
            pid: 0,
            _folder: folder,
        };
        let begun = tokio::select! {
            begun = living.come_up(found, &start) => begun,
            () = given_up.cancelled() => Err(Error::new(Code::KernelDied, "the kernel was given up while it started")),
        };
        if let Err(error) = begun {
            living.end(Duration::ZERO).await;
            return Err(error);
        }
        Ok(living)
    }

    async fn come_up(&mut self, found: &Found, start: &Start) -> Result<(), Error> {
        self.control.say(wire::message(Ask::Start as u8, start)?).await;
        self.ready(found).await?;
        if let Some(code) = language::keep_all(found) {
            let late = |_late| {
                let text = format!("the kernel {:?} runs nothing within {} s", found.name, PREPARES.as_secs());
                Error::new(Code::KernelStartFailed, text).with("spec", found.name.as_str())
            };
            tokio::time::timeout(PREPARES, self.prepare(code)).await.map_err(late)??;
        }
        Ok(())
    }

    /// Runs code of ours, silently. How that ends, or nothing when the kernel does.
    ///
    /// # Errors
    /// When it cannot be said or heard.
    pub(super) async fn prepare(&mut self, code: &str) -> Result<Option<Done>, Error> {
        let cell = wire::Cell { silent: true, ..wire::Cell::default() };
        self.control.begin(self.control.number(), code, &cell).await?;
        loop {
            match self.next(PIECE).await? {
                Said::Done(done) => return Ok(Some(done)),
                Said::Gone(_) => return Ok(None),
                Said::Output(..) | Said::Event(_) => {}
            }
        }
    }

    async fn ready(&mut self, found: &Found) -> Result<(), Error> {
        let said = loop {
            match self.step(PIECE).await? {
                Step::Ready(ready) => {
                    self.pid = ready.pid;
                    return Ok(());
                }
                Step::Said(Said::Gone(gone)) => break gone,
                Step::Said(_) | Step::More => {}
            }
        };
        let why = match (&said.exit, said.said.as_str()) {
            (None, why) => why.to_owned(),
            (Some(exit), "") => format!("it ended at once ({}), and did not say why", ending(exit)),
            (Some(exit), why) => format!("it ended at once ({}). {why}", ending(exit)),
        };
        let error = Error::new(Code::KernelStartFailed, format!("the kernel {:?} did not start: {why}", found.name));
        Err(with_exit(error.with("spec", found.name.as_str()), said.exit.as_ref()))
    }

    /// What it says next, of output at most so many bytes. After [`Said::Gone`] there is nothing. Cancel safe.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` when it cannot be heard.
    pub(super) async fn next(&mut self, room: usize) -> Result<Said, Error> {
        loop {
            match self.step(room).await? {
                Step::Said(said) => return Ok(said),
                Step::Ready(_) | Step::More => {}
            }
        }
    }

    async fn step(&mut self, room: usize) -> Result<Step, Error> {
        if !self.reader.rest.is_empty() {
            return self.reader.step(room);
        }
        let next = self.outputs.next(room.min(PIECE)).await?;
        match next {
            Some((Output::Stdout, bytes)) => self.reader.rest = bytes,
            Some((Output::Stderr, bytes)) => {
                let room = FIRST_WORDS - self.words.len();
                self.words.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
            }
            None => {
                self.death().await;
                return Ok(Step::Said(Said::Gone(self.bridge_ended())));
            }
        }
        Ok(Step::More)
    }

    /// The bridge has ended without saying what became of the kernel.
    fn bridge_ended(&self) -> Gone {
        let how = match &*self.death.borrow() {
            Some(Ok(exit)) => ending(exit),
            Some(Err(_)) | None => "unknown".to_owned(),
        };
        let words = String::from_utf8_lossy(&self.words);
        let limit = crate::bridge::MEMORY >> 20;
        let text = format!(
            "the bridge to the kernel ended ({how}), and the kernel with it. {} A single message of a kernel may be \
             so large that the bridge's {limit} MiB of memory do not suffice",
            words.lines().next().unwrap_or_default()
        );
        Gone { exit: None, said: text }
    }

    /// Whether its bridge has ended.
    pub(super) fn has_died(&self) -> bool {
        self.death.borrow().is_some()
    }

    /// Resolves when its bridge has ended, and everything with it.
    pub(super) fn death(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut death = self.death.clone();
        async move {
            // A lost sender is an end, too.
            let _ended = death.wait_for(Option::is_some).await;
        }
    }

    /// Asks it to end, kills it when it does not, and waits for that.
    pub(super) async fn end(mut self, grace: Duration) {
        self.control.end(grace);
        // A bridge that did not come up may not even have begun: to enter its directory takes as long as a store does.
        let bridge = if self.pid == 0 { UNBORN } else { BRIDGE };
        let gone = async {
            while !matches!(self.next(PIECE).await, Ok(Said::Gone(_)) | Err(_)) {}
            self.death().await;
        };
        if tokio::time::timeout(grace.saturating_add(bridge), gone).await.is_err() {
            tracing::warn!(pid = self.run.pid(), "a kernel's bridge does not end, and is killed");
            self.control.stop.request(Duration::ZERO);
            self.death().await;
        }
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.control.stop.request(Duration::ZERO);
    }
}

impl Reader {
    /// Takes a step, where something has come.
    fn step(&mut self, room: usize) -> Result<Step, Error> {
        let Some((say, left)) = self.payload else {
            let missing = HEADER - self.header.len();
            let taken = self.rest.split_to(missing.min(self.rest.len()));
            self.header.extend_from_slice(&taken);
            if let Some(header) = self.header.first_chunk::<HEADER>() {
                let (length, tag) = wire::parse_header(*header);
                let say = Say::of(tag).filter(|_| length <= PIECE);
                let unheard = || Error::new(Code::Internal, "what a kernel's bridge says cannot be understood");
                self.payload = Some((say.ok_or_else(unheard)?, length));
                self.header.clear();
            }
            return Ok(Step::More);
        };
        let stream = match say {
            Say::Stdout => Some(STDOUT),
            Say::Stderr => Some(STDERR),
            Say::Content => Some(CONTENT),
            Say::Ready | Say::Event | Say::Done | Say::Gone => None,
        };
        let most = left.min(self.rest.len());
        if let Some(stream) = stream {
            let piece = self.rest.split_to(most.min(room));
            let left = left - piece.len();
            self.payload = (left > 0).then_some((say, left));
            return Ok(Step::Said(Said::Output(stream, piece)));
        }
        self.whole.extend_from_slice(self.rest.chunk().get(..most).unwrap_or_default());
        self.rest.advance(most);
        if left > most {
            self.payload = Some((say, left - most));
            return Ok(Step::More);
        }
        self.payload = None;
        let whole = std::mem::take(&mut self.whole);
        Ok(match say {
            Say::Ready => Step::Ready(wire::read(&whole)?),
            Say::Event => Step::Said(Said::Event(wire::read(&whole)?)),
            Say::Done => Step::Said(Said::Done(wire::read(&whole)?)),
            Say::Gone => Step::Said(Said::Gone(wire::read(&whole)?)),
            Say::Stdout | Say::Stderr | Say::Content => Step::More,
        })
    }
}

/// How something ended, for people.
pub(super) fn ending(exit: &Exit) -> String {
    match (&exit.code, &exit.signal) {
        (Some(code), _) => format!("code {code}"),
        (None, Some(signal)) => signal.clone(),
        (None, None) => "unknown".to_owned(),
    }
}

/// The error with how the kernel ended.
pub(super) fn with_exit(error: Error, exit: Option<&Exit>) -> Error {
    match exit {
        Some(Exit { code: Some(code), .. }) => error.with("exit_code", *code),
        Some(Exit { signal: Some(signal), .. }) => error.with("signal", signal.as_str()),
        Some(_) | None => error,
    }
}

/// The private directory of a kernel and its bridge, which is removed with this.
#[derive(Debug)]
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // The bridge has done so already, unless it was killed.
        if let Err(error) = std::fs::remove_dir_all(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.0.display(), "the directory of a kernel could not be removed");
        }
    }
}
