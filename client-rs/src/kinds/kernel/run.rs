//! [`Cell`]: code to be run; [`RunningCell`] while it runs; [`CodeResult`]: what came of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sandwire_link::{Call, Reply};
use sandwire_protocol::kind::KernelRun;
use sandwire_protocol::kind::kernel::{CONTENT, Down, Failure, Ran, Rich, Run, STDOUT, Status, Up};

use super::super::exec::{DEFAULT_OUTPUT_LIMIT, millis};
use super::rich::{Part, RichResult};
use crate::client::Client;
use crate::error::Error;

/// A cell that was not run yet. Made by [`Kernel::run`](super::Kernel::run) and [`Client::run_code`].
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is run"]
pub struct Cell {
    client: Client,
    params: Run,
    output_limit: usize,
}

impl Cell {
    pub(super) fn new(client: Client, params: Run) -> Self {
        Self { client, params, output_limit: DEFAULT_OUTPUT_LIMIT }
    }

    /// Its language, when it is for no named context. Default: Python.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.params.language = Some(language.into());
        self
    }

    /// Time after which it is interrupted, and 5 s later its kernel is killed. Default: that of the context.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.params.timeout_ms = Some(millis(timeout));
        self
    }

    /// Sets a variable for this cell alone. In Python, JavaScript and TypeScript.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.env.insert(name.into(), Some(value.into()));
        self
    }

    /// Removes a variable for this cell alone.
    pub fn env_remove(mut self, name: impl Into<String>) -> Self {
        self.params.env.insert(name.into(), None);
        self
    }

    /// It may ask for input, which [`CellControl::input`] answers. Default: what asks for input fails.
    pub const fn with_input(mut self) -> Self {
        self.params.stdin = true;
        self
    }

    /// When the context's kernel has died, runs it in a fresh one instead of failing once with `KERNEL_DIED`.
    pub const fn renew(mut self) -> Self {
        self.params.renew = true;
        self
    }

    /// Bytes that [`run`](Self::run) keeps of all output together, and [`RunningCell::next`] of one result; what is beyond is
    /// thrown away, and said to be `truncated`. Default: [`DEFAULT_OUTPUT_LIMIT`].
    pub const fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Runs it to its end and collects what comes of it. Dropping the future interrupts the cell.
    ///
    /// # Errors
    /// `KERNEL_DIED`, `KERNEL_SPEC_NOT_FOUND` and others, when it cannot be run to its end. A cell that fails is no error.
    pub async fn run(self) -> Result<CodeResult, Error> {
        let limit = self.output_limit;
        let mut running = self.spawn()?;
        let mut result = CodeResult::default();
        while let Some(event) = running.next().await? {
            result.take(event, limit);
        }
        result.ran = running.wait().await?;
        Ok(result)
    }

    /// Starts it. What comes of it is read while it runs.
    ///
    /// # Errors
    /// When nothing can be opened; whether it can be run shows in [`RunningCell::next`].
    pub fn spawn(self) -> Result<RunningCell, Error> {
        let call = Arc::new(self.client.open::<KernelRun>(&self.params)?);
        Ok(RunningCell { call, limit: self.output_limit, contents: None, end: None })
    }
}

/// What a result, and each of its formats, takes of the output limit beside its contents, in bytes.
const EACH: usize = 64;

/// What a cell says while it runs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CellEvent {
    /// It runs, with this number.
    Started(u64),
    /// A piece of standard output, at most 64 KiB.
    Stdout(Bytes),
    /// A piece of standard error, at most 64 KiB.
    Stderr(Bytes),
    /// Something that it gave or displayed.
    Result(RichResult),
    /// What was shown until now is to be cleared; with true, not before the next output.
    Clear(bool),
    /// It asks for a line of input, with this prompt; whether that must not be shown.
    InputRequest(String, bool),
    /// It has failed.
    Error(Failure),
}

/// A cell that runs. Dropping it interrupts the cell.
#[derive(Debug)]
pub struct RunningCell {
    call: Arc<Call<KernelRun>>,
    limit: usize,
    /// The result whose contents come.
    contents: Option<Contents>,
    end: Option<Result<Ran, Error>>,
}

impl RunningCell {
    /// What it says next; `None` at its end. Cancel safe.
    ///
    /// # Errors
    /// `KERNEL_DIED` and others, when it did not come to its end.
    pub async fn next(&mut self) -> Result<Option<CellEvent>, Error> {
        loop {
            if let Some(contents) = self.contents.take_if(|contents| contents.is_whole()) {
                return Ok(Some(CellEvent::Result(contents.result())));
            }
            if self.end.is_some() {
                return Ok(None);
            }
            return Ok(Some(match self.call.recv().await {
                Reply::Data(CONTENT, data) => {
                    if let Some(contents) = &mut self.contents {
                        contents.take(data);
                    }
                    continue;
                }
                Reply::Data(STDOUT, data) => CellEvent::Stdout(data),
                Reply::Data(_, data) => CellEvent::Stderr(data),
                Reply::Event(Down::Result(about)) => {
                    self.contents = Some(Contents::new(about, self.limit));
                    continue;
                }
                Reply::Event(Down::Started { execution_count }) => CellEvent::Started(execution_count),
                Reply::Event(Down::Clear { wait }) => CellEvent::Clear(wait),
                Reply::Event(Down::InputRequest { prompt, password }) => CellEvent::InputRequest(prompt, password),
                Reply::Event(Down::Error(failure)) => CellEvent::Error(failure),
                Reply::End(_) => continue,
                Reply::Closed(Ok(ran)) => {
                    self.end = Some(Ok(ran));
                    continue;
                }
                Reply::Closed(Err(error)) => return Err(error.into()),
            }));
        }
    }

    /// Waits for its end, and throws away what it still says.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn wait(mut self) -> Result<Ran, Error> {
        while self.next().await?.is_some() {}
        self.end.unwrap_or_else(|| Ok(Ran::default()))
    }

    /// Interrupts it and answers it, also from another task.
    pub fn control(&self) -> CellControl {
        CellControl { call: Arc::clone(&self.call) }
    }
}

/// What can be asked of a cell while it runs. Made by [`RunningCell::control`].
#[derive(Clone, Debug)]
pub struct CellControl {
    call: Arc<Call<KernelRun>>,
}

impl CellControl {
    /// Interrupts it, as Ctrl-C would. Before its turn this is nothing.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn interrupt(&self) -> Result<(), Error> {
        Ok(self.call.event(Up::Interrupt {}).await?)
    }

    /// Answers what it asked for by [`CellEvent::InputRequest`].
    ///
    /// # Errors
    /// When it has ended.
    pub async fn input(&self, line: impl Into<String>) -> Result<(), Error> {
        Ok(self.call.event(Up::Input { value: line.into() }).await?)
    }

    /// Gives it up: it is interrupted, and [`RunningCell::next`] fails.
    pub fn cancel(&self) {
        self.call.cancel();
    }
}

/// The contents of a result, as they come.
#[derive(Debug)]
struct Contents {
    about: Rich,
    parts: Vec<Part>,
    /// What is there of the next part, and how much has come of it.
    data: BytesMut,
    come: u64,
    room: u64,
}

impl Contents {
    fn new(about: Rich, limit: usize) -> Self {
        Self { about, parts: Vec::new(), data: BytesMut::new(), come: 0, room: limit as u64 }
    }

    fn is_whole(&mut self) -> bool {
        self.close_parts();
        self.parts.len() == self.about.parts.len()
    }

    /// Closes the parts whose bytes are all there.
    fn close_parts(&mut self) {
        while let Some(part) = self.about.parts.get(self.parts.len()).filter(|part| part.size == self.come) {
            let truncated = part.size > self.room;
            if !truncated {
                self.room -= part.size;
            }
            let data = self.data.split().freeze();
            self.parts.push(Part { mime: part.mime.clone(), data, truncated });
            self.come = 0;
        }
    }

    fn take(&mut self, mut data: Bytes) {
        while !data.is_empty() {
            self.close_parts();
            let Some(part) = self.about.parts.get(self.parts.len()) else { return };
            let missing = usize::try_from(part.size - self.come).unwrap_or(usize::MAX);
            let piece = data.split_to(missing.min(data.len()));
            self.come += piece.len() as u64;
            if part.size <= self.room {
                self.data.extend_from_slice(&piece);
            }
        }
    }

    fn result(self) -> RichResult {
        RichResult { about: self.about, parts: self.parts }
    }
}

/// What came of a cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CodeResult {
    /// How it ended.
    pub ran: Ran,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
    /// What it displayed and gave, in this order: as a notebook shows it, so that what was updated is there once, and what was
    /// cleared is gone.
    pub results: Vec<RichResult>,
    /// How it failed.
    pub error: Option<Failure>,
    /// Whether there was more output than [`Cell::output_limit`].
    pub truncated: bool,
    /// All is to be cleared before the next output.
    clears: bool,
    /// What the results take of the limit.
    shown: usize,
}

impl CodeResult {
    /// Whether it came to its end without failing.
    pub fn success(&self) -> bool {
        self.ran.status == Status::Ok && !self.ran.timed_out
    }

    /// Standard output as text; invalid UTF-8 is replaced.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    fn take(&mut self, event: CellEvent, limit: usize) {
        match event {
            CellEvent::Stdout(data) => self.keep(&data, limit, |result| &mut result.stdout),
            CellEvent::Stderr(data) => self.keep(&data, limit, |result| &mut result.stderr),
            CellEvent::Result(result) => self.show(result, limit),
            CellEvent::Clear(true) => self.clears = true,
            CellEvent::Clear(false) => self.clear(),
            CellEvent::Error(failure) => self.error = Some(failure),
            CellEvent::Started(_) | CellEvent::InputRequest(..) => {}
        }
    }

    fn keep(&mut self, data: &[u8], limit: usize, place: fn(&mut Self) -> &mut Vec<u8>) {
        self.clear_if_asked();
        let room = limit.saturating_sub(self.size());
        self.truncated |= data.len() > room;
        place(self).extend_from_slice(data.get(..data.len().min(room)).unwrap_or_default());
    }

    fn show(&mut self, mut result: RichResult, limit: usize) {
        if result.about.update {
            let id = result.about.display_id.as_ref().filter(|id| !id.is_empty());
            for at in 0..self.results.len() {
                let Some(shown) =
                    self.results.get_mut(at).filter(|it| id.is_some() && it.about.display_id.as_ref() == id)
                else {
                    continue;
                };
                let before = cost(shown);
                shown.parts.clone_from(&result.parts);
                shown.about.parts.clone_from(&result.about.parts);
                let room = limit.saturating_sub(self.stdout.len() + self.stderr.len() + self.shown - before);
                self.truncated |= fit(shown, room);
                self.shown = self.shown - before + cost(shown);
            }
            return;
        }
        self.clear_if_asked();
        let room = limit.saturating_sub(self.size());
        self.truncated |= fit(&mut result, room);
        let cost = cost(&result);
        if cost > room {
            self.truncated = true;
            return;
        }
        self.shown += cost;
        self.results.push(result);
    }

    fn clear_if_asked(&mut self) {
        if std::mem::take(&mut self.clears) {
            self.clear();
        }
    }

    fn clear(&mut self) {
        self.stdout.clear();
        self.stderr.clear();
        self.results.clear();
        self.shown = 0;
    }

    const fn size(&self) -> usize {
        self.stdout.len() + self.stderr.len() + self.shown
    }
}

/// What a result takes of the limit, in bytes: one without contents is not free.
fn cost(result: &RichResult) -> usize {
    let said = [&result.about.metadata, &result.about.display_id].into_iter().flatten().map(String::len);
    let parts = result.parts.iter().map(|part| EACH + part.mime.len() + part.data.len());
    EACH + said.sum::<usize>() + parts.sum::<usize>()
}

/// Throws away the contents for which there is no room. Says whether anything was.
fn fit(result: &mut RichResult, room: usize) -> bool {
    let contents: usize = result.parts.iter().map(|part| part.data.len()).sum();
    let mut room = room.saturating_sub(cost(result) - contents);
    for part in &mut result.parts {
        if part.data.len() > room {
            *part = Part { truncated: true, data: Bytes::new(), mime: std::mem::take(&mut part.mime) };
        }
        room -= part.data.len();
    }
    result.parts.iter().any(|part| part.truncated)
}
