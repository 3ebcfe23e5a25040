//! The cell that runs, and what of it waits for the server.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::Duration;

use sandwire_protocol::kind::encode;
use sandwire_protocol::kind::kernel::{Down, Failure, Status};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use zeromq::ZmqMessage;

use super::message::{Message, Signer};
use super::output::{self, Content, Output};
use super::spool::Spool;
use super::words::LastWords;
use crate::sandbox::kernel::wire::{self, Cell, Done, PIECE, Say};

/// Time after a reply in which the kernel is to say that it is idle. One that never does so is taken at its word.
const IDLE_WITHIN: Duration = Duration::from_secs(5);

/// Time in which a kernel that shows the code of a cell begins to run it, and one that is busy and shows nothing. Before that
/// an interrupt is lost, or hits the kernel itself.
const BEGINS_WITHIN: Duration = Duration::from_millis(50);
const SHOWS_WITHIN: Duration = Duration::from_millis(500);

/// Time after which a kernel is interrupted that does not say that it is busy.
const UNHEARD: Duration = Duration::from_secs(2);

/// Time between a kernel's saying that it is idle and its reply, after which it is asked something else: ipykernel gives no
/// reply when an interrupt hits itself. It answers in order, so that none comes any more behind that answer.
const REPLIES_WITHIN: Duration = Duration::from_millis(500);

/// Time in which a kernel that asks for input answers what it is asked meanwhile. One that does not is not waited for.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Next {
    Nothing,
    /// Send this on the shell channel.
    Send(ZmqMessage),
    /// Send this on the control channel, which the kernel hears also while a cell waits.
    Control(ZmqMessage),
    /// The cell has ended: nothing more comes of it but what is in the kernel's pipes.
    Drain,
}

/// A cell and its output.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) signer: Signer,
    pub(super) spool: Spool,
    running: Option<Running>,
    last_words: LastWords,
}

#[derive(Debug)]
struct Running {
    cell: Cell,
    /// What is to be run after the present request.
    requests: VecDeque<(Part, String)>,
    part: Part,
    /// The present request.
    id: String,
    /// The request of the cell itself.
    itself: String,
    reply: Option<Map<String, Value>>,
    /// When something is missed that was to come with what has come.
    missed_at: Option<Instant>,
    idle: bool,
    /// From when on the kernel heeds an interrupt of the cell itself; none as long as it is not busy with it.
    begins: Option<Instant>,
    /// Since when it is to be interrupted.
    wish: Option<Instant>,
    /// What the kernel was asked because it did not reply.
    probe: Option<String>,
    failed: bool,
    done: Done,
    /// What the kernel asked for last.
    asks: Option<Message>,
    /// That is not told yet.
    untold: Option<Untold>,
}

/// That the kernel asks for input comes on a channel of its own, and may be here before what the cell printed first. Told is it
/// when the kernel has published that it has answered a question of ours: behind all that it had published before.
#[derive(Debug)]
struct Untold {
    event: Down,
    /// The question.
    probe: String,
    /// When it is told without.
    at: Instant,
}

/// Which request of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Before,
    Itself,
    /// Asks for the kernel's info, behind whose answer nothing of the cell comes.
    Trail,
    After,
}

impl Running {
    /// A request was made, and nothing of its answer has come.
    fn asked(&mut self, part: Part, id: String) {
        (self.part, self.id, self.reply, self.missed_at, self.probe, self.idle) = (part, id, None, None, None, false);
        self.untold = None;
    }

    /// Whether its own code may run now.
    fn is_open(&self) -> bool {
        self.part == Part::Itself && self.reply.is_none() && !self.idle
    }
}

impl Cells {
    /// No cell, and nothing that waits.
    pub(super) fn new(signer: Signer, spool: u64, folder: &Path) -> Cells {
        Cells { signer, spool: Spool::new(spool, folder.to_owned()), running: None, last_words: LastWords::default() }
    }

    /// The cell is to be interrupted: now if this is true, else when [`Cells::interrupt_at`] has come. Nothing but its own code
    /// ever is.
    pub(super) fn interrupt(&mut self) -> bool {
        let Some(running) = &mut self.running else { return false };
        let now = Instant::now();
        let wished = *running.wish.get_or_insert(now);
        if !running.is_open() || running.begins.unwrap_or(wished + UNHEARD) > now {
            return false;
        }
        // One that the kernel was not ready for is owed to it still.
        running.wish = if running.begins.is_some() { None } else { Some(now) };
        true
    }

    /// When the cell is to be interrupted for which that was asked too early.
    pub(super) fn interrupt_at(&self) -> Option<Instant> {
        let running = self.running.as_ref().filter(|running| running.is_open())?;
        running.wish.map(|wished| running.begins.unwrap_or(wished + UNHEARD))
    }

    /// Whether the cell has more output than may wait.
    pub(super) fn is_over(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.done.overflow)
    }

    /// What the kernel said last outside of cells.
    pub(super) fn last_words(&self) -> String {
        self.last_words.text()
    }

    /// The kernel takes cells: what it said until now was no last word.
    pub(super) fn ready(&mut self) {
        self.last_words.clear();
    }

    /// Begins a cell.
    pub(super) fn begin(&mut self, mut cell: Cell, code: String) -> Next {
        let before = cell.before.take().map(|code| (Part::Before, code));
        let after = cell.after.take().map(|code| (Part::After, code));
        let trail = cell.trails.then(|| (Part::Trail, String::new()));
        let requests = before.into_iter().chain([(Part::Itself, code)]).chain(trail).chain(after).collect();
        self.running = Some(Running {
            cell,
            requests,
            part: Part::Before,
            id: String::new(),
            itself: String::new(),
            reply: None,
            missed_at: None,
            idle: false,
            begins: None,
            wish: None,
            probe: None,
            failed: false,
            done: Done::default(),
            asks: None,
            untold: None,
        });
        self.request()
    }

    /// The next request of the cell.
    fn request(&mut self) -> Next {
        let Some(running) = &mut self.running else { return Next::Nothing };
        let Some((part, code)) = running.requests.pop_front() else { return Next::Drain };
        if part == Part::Trail {
            let (id, message) = self.signer.request("kernel_info_request", &json!({}));
            running.asked(part, id);
            return Next::Send(message);
        }
        let silent = running.cell.silent || part != Part::Itself;
        let content = json!({
            "code": code,
            "silent": silent,
            "store_history": !silent,
            "user_expressions": {},
            "allow_stdin": running.cell.stdin && !silent,
            "stop_on_error": true,
        });
        let (id, message) = self.signer.request("execute_request", &content);
        if part == Part::Itself {
            running.itself.clone_from(&id);
        }
        running.asked(part, id);
        Next::Send(message)
    }

    /// Takes what the kernel published.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub(super) fn published(&mut self, message: &Message) -> io::Result<Next> {
        let Some(running) = &mut self.running else { return Ok(Next::Nothing) };
        let current = message.parent == running.id;
        if current && running.part == Part::Itself {
            if message.kind == "execute_input" {
                running.begins = Some(Instant::now() + BEGINS_WITHIN);
            } else if message.kind == "status" && message.text("execution_state") == "busy" {
                running.begins = running.begins.or_else(|| Some(Instant::now() + SHOWS_WITHIN));
            }
        }
        if message.kind == "status" {
            let is_idle = message.text("execution_state") == "idle";
            if is_idle && let Some(untold) = running.untold.take_if(|untold| untold.probe == message.parent) {
                self.event(untold.event)?;
                return Ok(Next::Nothing);
            }
            if current && is_idle {
                running.idle = true;
                if running.reply.is_none() {
                    running.missed_at = Some(Instant::now() + REPLIES_WITHIN);
                }
            }
            return self.ended();
        }
        let trails = running.part == Part::Trail;
        let own = current || (trails && message.parent == running.itself);
        if trails && message.kind == "error" && running.failed {
            // The reply told it already.
            return Ok(Next::Nothing);
        }
        let silent = running.cell.silent || matches!(running.part, Part::Before | Part::After);
        let only_own = matches!(message.kind.as_str(), "execute_input" | "error" | "execute_result");
        if silent || (only_own && !own) {
            return Ok(Next::Nothing);
        }
        match output::read(message) {
            Output::Stdout(text) => self.bytes(Say::Stdout, text)?,
            Output::Stderr(text) => self.bytes(Say::Stderr, text)?,
            Output::Rich(content) => self.content(content)?,
            Output::Event(event) => self.event(event)?,
            Output::None => {}
        }
        Ok(Next::Nothing)
    }

    /// Takes what the kernel answered.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub(super) fn answered(&mut self, message: Message) -> io::Result<Next> {
        let Some(running) = &mut self.running else { return Ok(Next::Nothing) };
        if matches!(message.kind.as_str(), "execute_reply" | "kernel_info_reply") && message.parent == running.id {
            running.reply = Some(message.content);
            running.missed_at = Some(Instant::now() + IDLE_WITHIN);
        } else if running.probe.as_ref() == Some(&message.parent) && running.reply.is_none() {
            running.reply = Some(Map::new());
        }
        self.ended()
    }

    /// When something is missed that was to come with what has come.
    pub(super) fn missed_at(&self) -> Option<Instant> {
        let running = self.running.as_ref()?;
        let untold = running.untold.as_ref().map(|untold| untold.at);
        running.missed_at.into_iter().chain(untold).min()
    }

    /// Something is missed: that the kernel is idle, its reply, or the answer to a question.
    ///
    /// # Errors
    /// When what it says cannot be kept.
    pub(super) fn missed(&mut self) -> io::Result<Next> {
        let Some(running) = &mut self.running else { return Ok(Next::Nothing) };
        if let Some(untold) = running.untold.take_if(|untold| untold.at <= Instant::now()) {
            self.event(untold.event)?;
            return Ok(Next::Nothing);
        }
        running.missed_at = None;
        if running.reply.is_some() {
            running.idle = true;
            return self.ended();
        }
        let (id, message) = self.signer.request("kernel_info_request", &json!({}));
        running.probe = Some(id);
        Ok(Next::Send(message))
    }

    /// Whether the request has ended, and what comes then.
    fn ended(&mut self) -> io::Result<Next> {
        let Some(running) = &mut self.running else { return Ok(Next::Nothing) };
        if !running.idle {
            return Ok(Next::Nothing);
        }
        let Some(reply) = running.reply.take() else { return Ok(Next::Nothing) };
        running.missed_at = None;
        let status = match reply.get("status").and_then(Value::as_str) {
            Some("ok") => Status::Ok,
            Some("error") => Status::Error,
            Some(_) | None => Status::Aborted,
        };
        match running.part {
            Part::Itself => {
                running.done.status = status;
                running.done.execution_count = reply.get("execution_count").and_then(Value::as_u64);
                let untold = status == Status::Error && !running.failed;
                if running.cell.silent {
                    running.done.execution_count = None;
                } else {
                    self.pages(&reply)?;
                    if untold {
                        self.event(Down::Error(output::failure(&reply)))?;
                    }
                }
            }
            Part::Before if status != Status::Ok => {
                running.done.status = Status::Error;
                running.requests.clear();
                // The lines of code hold the values of variables.
                let failure = Failure { traceback: Vec::new(), ..output::failure(&reply) };
                self.event(Down::Error(failure))?;
            }
            Part::Before | Part::Trail | Part::After => {}
        }
        Ok(self.request())
    }

    /// What a help page shows: some kernels answer with it instead of publishing it.
    fn pages(&mut self, reply: &Map<String, Value>) -> io::Result<()> {
        for payload in reply.get("payload").and_then(Value::as_array).into_iter().flatten() {
            if payload.get("source").and_then(Value::as_str) == Some("page")
                && let Some(data) = payload.get("data").and_then(Value::as_object)
            {
                let mut content = output::contents(data);
                content.rich.display = true;
                self.content(content)?;
            }
        }
        Ok(())
    }

    /// Takes what the kernel asks for.
    pub(super) fn asked(&mut self, message: Message) -> Next {
        let Some(running) = self.running.as_mut().filter(|_| message.kind == "input_request") else {
            return Next::Nothing;
        };
        let (probe, question) = self.signer.request("kernel_info_request", &json!({}));
        let at = Instant::now() + ANSWERS_WITHIN;
        running.untold = Some(Untold { event: output::input_request(&message), probe, at });
        running.asks = Some(message);
        Next::Control(question)
    }

    /// The answer to what the kernel asked for, when it did.
    pub(super) fn input(&mut self, value: &str) -> Option<ZmqMessage> {
        let asks = self.running.as_mut()?.asks.take()?;
        Some(self.signer.answer("input_reply", &json!({ "value": value }), &asks))
    }

    /// Takes what came through a pipe of the kernel.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub(super) fn written(&mut self, say: Say, bytes: &[u8]) -> io::Result<()> {
        if self.running.as_ref().is_some_and(|running| !running.cell.silent) {
            return self.bytes(say, bytes);
        }
        self.last_words.add(bytes);
        Ok(())
    }

    /// Tells the end of the cell.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub(super) fn done(&mut self) -> io::Result<()> {
        let Some(running) = self.running.take() else { return Ok(()) };
        self.tell(Say::Done, &running.done)
    }

    /// Tells something that is neither output nor within the bound of it.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub(super) fn tell<T: serde::Serialize>(&mut self, say: Say, value: &T) -> io::Result<()> {
        let message = wire::message(say as u8, value).map_err(io::Error::other)?;
        self.spool.push(&message)
    }

    fn event(&mut self, event: Down) -> io::Result<()> {
        if let (Down::Error(_), Some(running)) = (&event, &mut self.running) {
            running.failed = true;
        }
        let payload = encode(&event).map_err(io::Error::other)?;
        self.output(&[(Say::Event, &payload)])
    }

    fn bytes(&mut self, say: Say, bytes: &[u8]) -> io::Result<()> {
        self.output(&[(say, bytes)])
    }

    /// A result: what it is, and then its contents, or neither.
    fn content(&mut self, content: Content) -> io::Result<()> {
        let payload = encode(&Down::Result(content.rich)).map_err(io::Error::other)?;
        let mut pieces: Vec<(Say, &[u8])> = vec![(Say::Event, &payload)];
        pieces.extend(content.parts.iter().map(|part| (Say::Content, &part[..])));
        self.output(&pieces)
    }

    /// Keeps output, if all of it is within the bound.
    fn output(&mut self, said: &[(Say, &[u8])]) -> io::Result<()> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let cost = |bytes: &[u8]| (bytes.len() + (bytes.len() / PIECE + 1) * wire::HEADER) as u64;
        let all: u64 = said.iter().map(|(_, bytes)| cost(bytes)).sum();
        running.done.overflow |= !self.spool.has_room(all);
        if running.done.overflow {
            return Ok(());
        }
        for (say, bytes) in said {
            for piece in bytes.chunks(PIECE) {
                self.spool.push(&wire::header(*say as u8, piece.len()))?;
                self.spool.push(piece)?;
            }
        }
        Ok(())
    }
}
