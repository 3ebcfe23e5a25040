//! The cell that runs, and what of it waits for the server.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::Duration;

use sandwire_protocol::kind::encode;
use sandwire_protocol::kind::kernel::{Down, Status};
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

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Next {
    Nothing,
    /// Send this on the shell channel.
    Send(ZmqMessage),
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
    replied: Option<Instant>,
    idle: bool,
    failed: bool,
    done: Done,
    /// What the kernel asked for last.
    asks: Option<Message>,
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

impl Cells {
    /// No cell, and nothing that waits.
    pub(super) fn new(signer: Signer, spool: u64, folder: &Path) -> Cells {
        Cells { signer, spool: Spool::new(spool, folder.to_owned()), running: None, last_words: LastWords::default() }
    }

    /// Whether a cell runs.
    pub(super) fn is_busy(&self) -> bool {
        self.running.is_some()
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
            replied: None,
            idle: false,
            failed: false,
            done: Done::default(),
            asks: None,
        });
        self.request()
    }

    /// The next request of the cell.
    fn request(&mut self) -> Next {
        let Some(running) = &mut self.running else { return Next::Nothing };
        let Some((part, code)) = running.requests.pop_front() else { return Next::Drain };
        if part == Part::Trail {
            let (id, message) = self.signer.request("kernel_info_request", &json!({}));
            (running.part, running.id, running.reply, running.replied, running.idle) = (part, id, None, None, false);
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
        (running.part, running.id, running.reply, running.replied, running.idle) = (part, id, None, None, false);
        Next::Send(message)
    }

    /// Takes what the kernel published.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub(super) fn published(&mut self, message: &Message) -> io::Result<Next> {
        let Some(running) = &mut self.running else { return Ok(Next::Nothing) };
        let current = message.parent == running.id;
        if message.kind == "status" {
            running.idle |= current && message.text("execution_state") == "idle";
            return self.ended(false);
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
            Output::Stdout(text) => self.bytes(Say::Stdout, text.as_bytes())?,
            Output::Stderr(text) => self.bytes(Say::Stderr, text.as_bytes())?,
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
            running.replied = Some(Instant::now());
        }
        self.ended(false)
    }

    /// When the kernel is taken at its word.
    pub(super) fn word_at(&self) -> Option<Instant> {
        self.running.as_ref().and_then(|running| running.replied).map(|replied| replied + IDLE_WITHIN)
    }

    /// Whether the request has ended, and what comes then. `late`: without the kernel's saying that it is idle.
    ///
    /// # Errors
    /// When what it says cannot be kept.
    pub(super) fn ended(&mut self, late: bool) -> io::Result<Next> {
        let Some(running) = &mut self.running else { return Ok(Next::Nothing) };
        if !(running.idle || late) {
            return Ok(Next::Nothing);
        }
        let Some(reply) = running.reply.take() else { return Ok(Next::Nothing) };
        running.replied = None;
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
                self.event(Down::Error(output::failure(&reply)))?;
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
    ///
    /// # Errors
    /// When it cannot be kept.
    pub(super) fn asked(&mut self, message: Message) -> io::Result<()> {
        let Some(running) = &mut self.running else { return Ok(()) };
        if message.kind == "input_request" {
            let event = output::input_request(&message);
            running.asks = Some(message);
            self.event(event)?;
        }
        Ok(())
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
