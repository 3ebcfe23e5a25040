//! The code contexts of a sandbox, by id.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sandwire_protocol::kind::kernel::{Create, DEFAULT_LANGUAGE, Info, Spec};
use sandwire_protocol::{Code, Error};

use super::context::{Context, not_found};
use super::held::Held;
use super::pool::Pool;
use super::{language, lookup};
use crate::sandbox::activity::Work;
use crate::sandbox::id::{check_id, unused_id};
use crate::sandbox::process::run::Host;
use crate::sandbox::queue::{self, MOST, Refused};

/// Time that a kernel has to end when its context is deleted and none is named.
const GRACE: Duration = Duration::from_millis(2000);

/// Most bytes of what a context's kernel is started with: its variables above all.
const LARGEST_START: usize = 16 << 10;

/// How many there may be, and of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Contexts at once.
    pub(crate) max: usize,
    /// Kernels that wait for a context.
    pub(crate) pool: usize,
    /// Bytes of output of one kernel that wait for a reader.
    pub(crate) spool: u64,
}

/// All contexts.
#[derive(Debug)]
pub(crate) struct Registry {
    host: Host,
    max: usize,
    pool: Arc<Pool>,
    work: Work,
    table: Arc<Mutex<Table>>,
}

/// The contexts that are known.
#[derive(Debug, Default)]
pub(super) struct Table {
    contexts: BTreeMap<String, Arc<Context>>,
    next: u64,
    /// The server goes down.
    draining: bool,
}

/// A place in the queue of a context.
#[derive(Debug)]
pub(crate) struct Place {
    context: Arc<Context>,
    place: queue::Place,
    /// Kernels of it that have ended before.
    deaths: u64,
}

impl Registry {
    /// No contexts yet.
    pub(crate) fn new(host: Host, bounds: Bounds, work: Work) -> Registry {
        let pool = Arc::new(Pool::new(host.clone(), bounds.pool, bounds.spool));
        Registry { host, max: bounds.max, pool, work, table: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kernels that are installed.
    ///
    /// # Errors
    /// `KERNEL_START_FAILED` when they cannot be looked at.
    pub(crate) async fn specs(&self) -> Result<Vec<Spec>, Error> {
        lookup::all(&self.host).await
    }

    /// Makes a context, or with `reuse` finds one. Gives the first place in it when it is new. Its kernel is looked for in its
    /// turn, for that may take long.
    ///
    /// # Errors
    /// `VALIDATION_FAILED`, `KERNEL_EXISTS`, `LIMIT_EXCEEDED`, `DRAINING`.
    pub(crate) fn create(&self, mut params: Create) -> Result<(Arc<Context>, Option<Place>), Error> {
        if size_of(&params) > LARGEST_START {
            let text = format!("the variables of a context have at most {LARGEST_START} bytes");
            return Err(Error::new(Code::ValidationFailed, text).with("limit", LARGEST_START));
        }
        let mut table = self.lock();
        let id = match params.id.take() {
            Some(id) => {
                check_id(&id)?;
                id
            }
            None => unused_id("kernel", &self.host.boot, table.next, &table.contexts),
        };
        if let Some(context) = table.contexts.get(&id) {
            if params.reuse {
                return Ok((Arc::clone(context), None));
            }
            return Err(Error::new(Code::KernelExists, format!("a code context {id:?} exists already")).with("id", id));
        }
        let context = self.insert(&mut table, id, params)?;
        let place = context.enter()?;
        Ok((context, Some(place)))
    }

    fn insert(&self, table: &mut Table, id: String, params: Create) -> Result<Arc<Context>, Error> {
        if table.draining {
            return Err(Error::new(Code::Draining, "the server is going down and makes no code context"));
        }
        if table.contexts.len() >= self.max {
            let message = format!("the server's limit `max_kernels` ({}) is reached; delete one", self.max);
            return Err(Error::new(Code::LimitExceeded, message).with("limit", "max_kernels"));
        }
        let number = table.next;
        table.next += 1;
        let shared = (self.host.clone(), Arc::clone(&self.pool), self.work.clone());
        let context = Arc::new(Context::new(id.clone(), number, Arc::downgrade(&self.table), shared, params));
        table.contexts.insert(id, Arc::clone(&context));
        Ok(context)
    }

    /// Takes the next place in a context, or in the default one of a language, which is made when it is not there.
    ///
    /// # Errors
    /// `KERNEL_NOT_FOUND`, `VALIDATION_FAILED`, `LIMIT_EXCEEDED`, `DRAINING`.
    pub(crate) fn enter(&self, id: Option<&str>, language: Option<&str>) -> Result<Place, Error> {
        let mut table = self.lock();
        let context = match id {
            Some(id) => table.contexts.get(id).cloned().ok_or_else(|| not_found(id))?,
            None => {
                let wanted = language.map(language::canonical);
                let id = wanted.clone().unwrap_or_else(|| DEFAULT_LANGUAGE.to_owned());
                check_id(&id)?;
                match table.contexts.get(&id) {
                    Some(context) => Arc::clone(context),
                    None => self.insert(&mut table, id, Create { language: wanted, ..Create::default() })?,
                }
            }
        };
        context.check_language(language)?;
        context.enter()
    }

    /// The context with that id.
    ///
    /// # Errors
    /// `KERNEL_NOT_FOUND`.
    pub(crate) fn context(&self, id: &str) -> Result<Arc<Context>, Error> {
        self.lock().contexts.get(id).cloned().ok_or_else(|| not_found(id))
    }

    /// All contexts, oldest first.
    pub(crate) fn list(&self) -> Vec<Info> {
        let mut contexts: Vec<Arc<Context>> = self.lock().contexts.values().cloned().collect();
        contexts.sort_unstable_by_key(|context| context.number);
        contexts.iter().map(|context| context.info()).collect()
    }

    /// Kernels that live, those that wait for a context included.
    pub(crate) fn living(&self) -> usize {
        let table = self.lock();
        table.contexts.values().filter(|context| context.info().pid.is_some()).count() + self.pool.waiting()
    }

    /// Gives a context a fresh kernel.
    ///
    /// # Errors
    /// `KERNEL_NOT_FOUND`, those of starting a kernel.
    pub(crate) async fn restart(&self, id: &str) -> Result<Info, Error> {
        let context = self.context(id)?;
        // Not given up with the one who asked: the old kernel is gone either way.
        join(tokio::spawn(context.restart())).await
    }

    /// Ends a context and forgets it.
    ///
    /// # Errors
    /// `KERNEL_NOT_FOUND`.
    pub(crate) async fn delete(&self, id: &str, grace: Option<Duration>) -> Result<(), Error> {
        let context = self.lock().contexts.remove(id).ok_or_else(|| not_found(id))?;
        // Not given up with the one who asked: nobody else could end it any more.
        join(tokio::spawn(async move {
            context.close(grace.unwrap_or(GRACE)).await;
            Ok(())
        }))
        .await
    }

    /// Forgets this very context, whose kernel could not be started.
    pub(crate) async fn undo(&self, context: &Arc<Context>) {
        self.lock().forget(context);
        context.close(Duration::ZERO).await;
    }

    /// Ends all, each with this time of grace, and makes no other.
    pub(crate) async fn shutdown(&self, grace: Duration) {
        let contexts = {
            let mut table = self.lock();
            table.draining = true;
            std::mem::take(&mut table.contexts)
        };
        let close = futures_util::future::join_all(contexts.values().map(|context| context.close(grace)));
        tokio::join!(close, self.pool.shutdown());
    }
}

impl Table {
    /// Forgets this very context.
    pub(super) fn forget(&mut self, context: &Context) {
        if self.contexts.get(&context.id).is_some_and(|known| known.number == context.number) {
            self.contexts.remove(&context.id);
        }
    }
}

impl Context {
    fn enter(self: &Arc<Self>) -> Result<Place, Error> {
        let deaths = self.deaths();
        match self.queue.enter() {
            Ok(place) => Ok(Place { context: Arc::clone(self), place, deaths }),
            Err(refused) => Err(explain(refused, self)),
        }
    }
}

impl Place {
    /// Waits for the turn. Dropped before, the place is given up.
    ///
    /// # Errors
    /// `KERNEL_NOT_FOUND` when it was deleted meanwhile; those of finding its kernel.
    pub(crate) async fn turn(self) -> Result<Held, Error> {
        let Place { context, place, deaths } = self;
        match place.turn().await {
            Ok(turn) => Ok(context.hold(turn, deaths).await),
            Err(refused) => Err(explain(refused, &context)),
        }
    }
}

/// Waits for work that goes on when nobody does.
pub(super) async fn join<T>(task: tokio::task::JoinHandle<Result<T, Error>>) -> Result<T, Error> {
    task.await.map_err(|error| Error::new(Code::Internal, format!("the work on a kernel did not end: {error}")))?
}

/// What keeping it takes at least, in bytes.
fn size_of(params: &Create) -> usize {
    const EACH: usize = 32;
    let strings = params.env.keys().chain(params.env.values().flatten()).chain(&params.cwd);
    strings.map(|string| string.as_bytes().len() + EACH).sum::<usize>()
}

fn explain(refused: Refused, context: &Context) -> Error {
    let id = context.id.as_str();
    match refused {
        Refused::Full => {
            Error::new(Code::LimitExceeded, format!("{MOST} cells wait for the code context {id:?} already"))
                .with("limit", MOST)
                .with("id", id)
        }
        Refused::Closed => context.gone(),
    }
}
