//! A code context: what goes on while kernels end, and one cell at a time runs in it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use sandwire_protocol::kind::command::Launch;
use sandwire_protocol::kind::kernel::{Create, Info, State};
use sandwire_protocol::{Code, Error};
use tokio_util::sync::CancellationToken;

use super::control::Control;
use super::held::Held;
use super::living::{Living, ending, with_exit};
use super::pool::Pool;
use super::registry::Table;
use super::specs::Found;
use super::wire::Gone;
use super::{language, lookup};
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
    /// What was asked for, the language by its usual name.
    params: Create,
    host: Host,
    pub(super) pool: Arc<Pool>,
    pub(super) work: Work,
    /// Where it is known.
    table: Weak<Mutex<Table>>,
    /// Its kernel, once that was looked for.
    found: OnceLock<Found>,
    pub(super) timeout: Option<Duration>,
    pub(super) queue: Arc<Queue>,
    created_ms: u64,
    seen: Mutex<Seen>,
    inner: Arc<tokio::sync::Mutex<Inner>>,
}

/// What can be seen of it at any time.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// A kernel is being started, which is not wanted any more when this is cancelled.
    pub(super) starting: Option<CancellationToken>,
    pub(super) pid: Option<u32>,
    pub(super) control: Option<Arc<Control>>,
    pub(super) cell: Present,
    used_ms: u64,
    pub(super) count: u64,
    /// How often a kernel of it has ended, and what cells made was lost.
    pub(super) deaths: u64,
    /// How the last one ended, when that is not told yet.
    pub(super) untold: Option<Gone>,
    pub(super) dead: bool,
    /// It was deleted.
    closed: bool,
    /// Why there is no kernel for it.
    refused: Option<Error>,
}

/// The cell whose turn it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Present {
    #[default]
    None,
    /// Its kernel is not told of it yet.
    Begins {
        /// It is to be interrupted then.
        interrupt: bool,
    },
    /// The one of this number.
    Runs(u64),
}

/// What belongs to whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) living: Option<Living>,
}

impl Context {
    /// A context without a kernel yet, known in that table.
    pub(super) fn new(
        id: String,
        number: u64,
        table: Weak<Mutex<Table>>,
        (host, pool, work): (Host, Arc<Pool>, Work),
        mut params: Create,
    ) -> Context {
        params.language = params.language.as_deref().map(language::canonical);
        let now = now_ms();
        Context {
            id,
            number,
            host,
            pool,
            work,
            table,
            found: OnceLock::new(),
            timeout: params.timeout_ms.map(Duration::from_millis),
            params,
            queue: Arc::default(),
            created_ms: now,
            seen: Mutex::new(Seen { used_ms: now, ..Seen::default() }),
            inner: Arc::default(),
        }
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its language; empty as long as that is its kernel's, and this not found.
    pub(super) fn language(&self) -> &str {
        let of_kernel = || self.found.get().map(|found| found.language.as_str());
        self.params.language.as_deref().or_else(of_kernel).unwrap_or_default()
    }

    /// Whether it is for that language, as far as that is known yet.
    ///
    /// # Errors
    /// `VALIDATION_FAILED` when it is not.
    pub(super) fn check_language(&self, wanted: Option<&str>) -> Result<(), Error> {
        let own = self.language();
        match wanted.map(language::canonical) {
            Some(wanted) if !own.is_empty() && wanted != own => {
                let text = format!("the code context {:?} is for {own}, not for {wanted}", self.id);
                Err(Error::new(Code::ValidationFailed, text).with("field", "language"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Its kernel, which is looked for once. When there is none, the context is no more.
    ///
    /// # Errors
    /// Those of [`lookup::find`].
    pub(super) async fn find(&self) -> Result<&Found, Error> {
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        let Create { spec, language, env, .. } = &self.params;
        match lookup::find(&self.host, env, spec.as_deref(), language.as_deref()).await {
            Ok(found) => Ok(self.found.get_or_init(|| found)),
            Err(error) => {
                self.seen().refused = Some(error.clone());
                if let Some(table) = self.table.upgrade() {
                    table.lock().unwrap_or_else(PoisonError::into_inner).forget(self);
                }
                self.queue.close();
                Err(error)
            }
        }
    }

    /// How its kernel is started.
    pub(super) fn launch(&self, found: &Found) -> Launch {
        Launch {
            cwd: self.params.cwd.clone(),
            env: found.variables(&self.params.env),
            clear_env: self.params.clear_env,
            ..Launch::default()
        }
    }

    /// What is known of it now.
    pub(crate) fn info(&self) -> Info {
        let (busy, queued) = self.queue.length();
        let seen = self.seen();
        let cwd = match &self.params.cwd {
            Some(cwd) => self.host.workspace.join(cwd),
            None => self.host.workspace.to_path_buf(),
        };
        Info {
            id: self.id.clone(),
            spec: self.found.get().map(|found| &found.name).or(self.params.spec.as_ref()).cloned().unwrap_or_default(),
            language: self.language().to_owned(),
            state: match (seen.starting.is_some(), seen.pid) {
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

    /// Interrupts the cell whose turn it is.
    pub(crate) fn interrupt(&self) {
        let mut seen = self.seen();
        match (seen.cell, &seen.control) {
            (Present::Begins { .. }, _) => seen.cell = Present::Begins { interrupt: true },
            (Present::Runs(number), Some(control)) => control.interrupt(number),
            (Present::Runs(_), None) | (Present::None, _) => {}
        }
    }

    /// Ends what runs and what is being started, and tells those who wait that what they counted on is lost.
    pub(super) fn give_up(&self) {
        {
            let mut seen = self.seen();
            seen.deaths += 1;
            if let Some(starting) = &seen.starting {
                starting.cancel();
            }
            if let Some(control) = &seen.control {
                control.give_up();
            }
        }
        // What it does now is not waited for.
        self.interrupt();
    }

    /// Gives it a fresh kernel, whatever became of the one that it has.
    ///
    /// # Errors
    /// Those of starting a kernel; `KERNEL_NOT_FOUND` when it is deleted meanwhile, `KERNEL_DIED` when it is restarted once more.
    pub(super) async fn restart(self: Arc<Self>) -> Result<Info, Error> {
        self.give_up();
        let turn = self.queue.enter_last().turn().await.map_err(|_closed| self.gone())?;
        let (deaths, closed) = {
            let seen = self.seen();
            (seen.deaths, seen.closed)
        };
        if closed {
            return Err(self.gone());
        }
        let mut held = Arc::clone(&self).hold(turn, deaths).await;
        held.end(Duration::ZERO).await;
        self.seen().untold = None;
        held.start().await?;
        drop(held);
        // Those who waited have the turn now, and are told that what they counted on is lost: the kernel does nothing.
        Ok(Info { state: State::Idle, ..self.info() })
    }

    /// Ends it for good.
    pub(super) async fn close(self: &Arc<Self>, grace: Duration) {
        self.seen().closed = true;
        self.queue.close();
        self.give_up();
        let Ok(turn) = self.queue.enter_last().turn().await else { return };
        Arc::clone(self).hold(turn, self.deaths()).await.end(grace).await;
    }

    /// Takes it, in the turn of one who has seen so many kernels end.
    pub(super) async fn hold(self: Arc<Self>, turn: Turn, deaths: u64) -> Held {
        let inner = Arc::clone(&self.inner).lock_owned().await;
        Held::new(self, inner, turn, deaths)
    }

    /// Why it is no more.
    pub(super) fn gone(&self) -> Error {
        self.seen().refused.clone().unwrap_or_else(|| not_found(&self.id))
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
    pub(super) fn watch(self: &Arc<Self>, death: impl Future<Output = ()> + Send + 'static) {
        let context = Arc::downgrade(self);
        tokio::spawn(async move {
            death.await;
            let Some(context) = context.upgrade() else { return };
            let mut inner = Arc::clone(&context.inner).lock_owned().await;
            context.bury(&mut inner).await;
        });
    }

    /// Notes the end of the kernel that it has, if that has ended.
    pub(super) async fn bury(&self, inner: &mut Inner) {
        let Some(living) = inner.living.as_mut().filter(|living| living.has_died()) else { return };
        let gone = super::cell::last_words(living).await;
        inner.living = None;
        self.lost(gone, false);
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
