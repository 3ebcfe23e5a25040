//! A code context: what goes on while kernels end, and one cell at a time runs in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sandwire_protocol::kind::command::Launch;
use sandwire_protocol::kind::kernel::{Create, Info, State};
use sandwire_protocol::{Code, Error};
use tokio::sync::OwnedMutexGuard;

use super::cell::Cell;
use super::language;
use super::living::{Control, Living, ending, with_exit};
use super::pool::Pool;
use super::specs::Found;
use super::wire::{self, Gone};
use crate::sandbox::activity::Work;
use crate::sandbox::machine::now_ms;
use crate::sandbox::process::run::Host;
use crate::sandbox::queue::{Queue, Turn};

/// A code context.
#[derive(Debug)]
pub(crate) struct Context {
    pub(super) id: String,
    /// In the order of their making.
    pub(super) number: u64,
    pub(super) language: String,
    host: Host,
    pool: Arc<Pool>,
    work: Work,
    found: Found,
    /// How its kernel is started.
    launch: Launch,
    timeout: Option<Duration>,
    pub(super) queue: Arc<Queue>,
    created_ms: u64,
    seen: Mutex<Seen>,
    inner: Arc<tokio::sync::Mutex<Inner>>,
}

/// What can be seen of it at any time.
#[derive(Debug, Default)]
struct Seen {
    starting: bool,
    pid: Option<u32>,
    control: Option<Arc<Control>>,
    used_ms: u64,
    count: u64,
    /// How often a kernel of it has ended, and what cells made was lost.
    deaths: u64,
    /// How the last one ended, when that is not told yet.
    untold: Option<Gone>,
    dead: bool,
}

/// What belongs to whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) living: Option<Living>,
}

/// What is asked of a context beside the code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) stdin: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) env: BTreeMap<String, Option<String>>,
    pub(crate) renew: bool,
}

/// A context in its turn.
#[derive(Debug)]
pub(crate) struct Held {
    pub(super) inner: OwnedMutexGuard<Inner>,
    pub(super) context: Arc<Context>,
    /// Given on last.
    _turn: Turn,
}

impl Context {
    /// A context without a kernel yet.
    pub(super) fn new(
        id: String,
        number: u64,
        (language, found): (String, Found),
        (host, pool, work): (Host, Arc<Pool>, Work),
        params: Create,
    ) -> Context {
        let launch = Launch {
            cwd: params.cwd,
            env: found.variables(&params.env),
            clear_env: params.clear_env,
            ..Launch::default()
        };
        let now = now_ms();
        Context {
            id,
            number,
            language,
            host,
            pool,
            work,
            found,
            launch,
            timeout: params.timeout_ms.map(Duration::from_millis),
            queue: Arc::default(),
            created_ms: now,
            seen: Mutex::new(Seen { used_ms: now, ..Seen::default() }),
            inner: Arc::default(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of it now.
    pub(crate) fn info(&self) -> Info {
        let (busy, queued) = self.queue.length();
        let seen = self.seen();
        let cwd = match &self.launch.cwd {
            Some(cwd) => self.host.workspace.join(cwd),
            None => self.host.workspace.to_path_buf(),
        };
        Info {
            id: self.id.clone(),
            spec: self.found.name.clone(),
            language: self.language.clone(),
            state: match (seen.starting, seen.pid) {
                (true, _) => State::Starting,
                (false, Some(_)) if busy => State::Busy,
                (false, None) if seen.dead => State::Dead,
                (false, _) => State::Idle,
            },
            pid: seen.pid,
            cwd: Some(cwd.to_string_lossy().into_owned()),
            created_ms: self.created_ms,
            used_ms: seen.used_ms,
            execution_count: seen.count,
            queued: u32::try_from(queued).unwrap_or(u32::MAX),
            exit: seen.untold.as_ref().and_then(|gone| gone.exit.clone()),
        }
    }

    /// How often a kernel of it has ended until now.
    pub(super) fn deaths(&self) -> u64 {
        self.seen().deaths
    }

    /// Interrupts the cell that runs.
    pub(crate) fn interrupt(&self) {
        if let Some(control) = &self.seen().control {
            control.interrupt();
        }
    }

    /// Ends what runs, and tells those who wait that what they counted on is lost.
    pub(super) fn give_up(&self) {
        let mut seen = self.seen();
        seen.deaths += 1;
        if let Some(control) = &seen.control {
            control.give_up();
            // What it does now is not waited for.
            control.interrupt();
        }
    }

    /// Gives it a fresh kernel, whatever became of the one that it has.
    ///
    /// # Errors
    /// Those of starting a kernel; `KERNEL_NOT_FOUND` when it is deleted meanwhile.
    pub(super) async fn restart(self: Arc<Self>) -> Result<Info, Error> {
        self.give_up();
        let turn = self.queue.enter_last().turn().await.map_err(|_closed| not_found(&self.id))?;
        let mut held = Arc::clone(&self).hold(turn).await;
        held.end(Duration::ZERO).await;
        self.seen().untold = None;
        held.start().await?;
        drop(held);
        // Those who waited have the turn now, and are told that what they counted on is lost: the kernel does nothing.
        Ok(Info { state: State::Idle, ..self.info() })
    }

    /// Ends it for good.
    pub(super) async fn close(self: &Arc<Self>, grace: Duration) {
        self.queue.close();
        self.give_up();
        let Ok(turn) = self.queue.enter_last().turn().await else { return };
        Arc::clone(self).hold(turn).await.end(grace).await;
    }

    /// Takes it, in its turn.
    pub(super) async fn hold(self: Arc<Self>, turn: Turn) -> Held {
        let inner = Arc::clone(&self.inner).lock_owned().await;
        Held { inner, context: self, _turn: turn }
    }

    /// The kernel has ended so, under a cell or while none ran: only in the former case others may wait already.
    pub(super) fn lost(&self, gone: Gone, under_cell: bool) {
        let mut seen = self.seen();
        (seen.pid, seen.control, seen.dead) = (None, None, true);
        seen.deaths += u64::from(under_cell);
        seen.untold = Some(gone);
    }

    /// A cell begins or ends, in the latter case with this number.
    pub(super) fn used(&self, count: Option<u64>) {
        let mut seen = self.seen();
        seen.used_ms = now_ms();
        seen.count = count.unwrap_or(seen.count);
    }

    /// That its kernel has ended so.
    pub(super) fn died(&self, gone: &Gone) -> Error {
        let how = match &gone.exit {
            Some(exit) => format!("the kernel of the context {:?} has ended ({})", self.id, ending(exit)),
            None => gone.said.clone(),
        };
        let words = if gone.exit.is_some() && !gone.said.is_empty() {
            format!(" It said: {}", gone.said)
        } else {
            String::new()
        };
        let text =
            format!("{how}, and what cells have made in it is lost; `kernel.restart` gives it a fresh one.{words}");
        with_exit(Error::new(Code::KernelDied, text).with("id", self.id.as_str()), gone.exit.as_ref())
    }

    /// That it was ended on purpose.
    pub(super) fn given_up(&self) -> Error {
        let text = format!("the context {:?} was deleted or restarted, and its cells are lost", self.id);
        Error::new(Code::KernelDied, text).with("id", self.id.as_str())
    }

    /// Looks after a kernel that ends while no cell runs.
    fn watch(self: &Arc<Self>, death: impl Future<Output = ()> + Send + 'static) {
        let context = Arc::downgrade(self);
        tokio::spawn(async move {
            death.await;
            let Some(context) = context.upgrade() else { return };
            let mut inner = Arc::clone(&context.inner).lock_owned().await;
            context.bury(&mut inner).await;
        });
    }

    /// Notes the end of the kernel that it has, if that has ended.
    async fn bury(&self, inner: &mut Inner) {
        let Some(living) = inner.living.as_mut().filter(|living| living.has_died()) else { return };
        let gone = super::cell::last_words(living).await;
        inner.living = None;
        self.lost(gone, false);
    }
}

impl Held {
    /// Gives the context a kernel, if it has none.
    ///
    /// # Errors
    /// Those of starting a kernel.
    pub(crate) async fn start(&mut self) -> Result<(), Error> {
        if self.inner.living.is_some() {
            return Ok(());
        }
        let context = Arc::clone(&self.context);
        context.seen().starting = true;
        let starting = Starting(&context);
        let living = context.pool.get(&context.found, &context.launch).await;
        if living.is_err() {
            context.seen().dead = true;
        }
        let living = living?;
        {
            let mut seen = context.seen();
            seen.pid = Some(living.pid);
            seen.control = Some(Arc::clone(&living.control));
            (seen.count, seen.dead) = (0, false);
        }
        drop(starting);
        context.watch(living.death());
        self.inner.living = Some(living);
        Ok(())
    }

    /// Begins a cell of one who has seen so many kernels end.
    ///
    /// # Errors
    /// `KERNEL_DIED`, `NOT_SUPPORTED`, those of starting a kernel.
    pub(super) async fn begin(mut self, code: String, asked: Asked, deaths: u64) -> Result<Cell, Error> {
        let context = Arc::clone(&self.context);
        context.bury(&mut self.inner).await;
        if context.deaths() > deaths {
            let gone = context.seen().untold.clone();
            return Err(gone.map_or_else(|| context.given_up(), |gone| context.died(&gone)));
        }
        let untold = context.seen().untold.take();
        if let Some(gone) = untold.filter(|_| !asked.renew) {
            return Err(context.died(&gone));
        }
        let (before, after) = if asked.env.is_empty() {
            (None, None)
        } else {
            let text = "`env` of a cell is for Python, JavaScript and TypeScript; give it to `kernel.create`";
            let code = language::variables(&context.found, &asked.env);
            let code =
                code.ok_or_else(|| Error::new(Code::NotSupported, text).with("language", context.language.as_str()))?;
            Some(code).unzip()
        };
        self.start().await?;
        let Some(living) = &self.inner.living else { return Err(Error::new(Code::Internal, "there is no kernel")) };
        let control = Arc::clone(&living.control);
        let cell = wire::Cell { stdin: asked.stdin, silent: false, before, after, trails: context.found.is_deno() };
        control.begin(&code, &cell).await?;
        context.used(None);
        let working = context.work.begin();
        Ok(Cell::new(self, control, working, asked.timeout.or(context.timeout)))
    }

    /// Ends its kernel.
    async fn end(&mut self, grace: Duration) {
        let living = self.inner.living.take();
        {
            let mut seen = self.context.seen();
            (seen.pid, seen.control) = (None, None);
        }
        if let Some(living) = living {
            living.end(grace).await;
        }
    }
}

/// A kernel is being started, until this is dropped.
struct Starting<'a>(&'a Context);

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.0.seen().starting = false;
    }
}

/// That there is no context with that id.
pub(super) fn not_found(id: &str) -> Error {
    Error::new(Code::KernelNotFound, format!("there is no code context {id:?}; create it")).with("id", id)
}

/// How a kernel ended that cannot be heard.
pub(super) fn unknown(error: &Error) -> Gone {
    Gone { exit: None, said: error.message.clone() }
}
