//! `run_code`: a cell in a code context, with its output, its results as text, and its pictures.

use std::collections::VecDeque;
use std::time::Duration;

use sandwire::Reply;
use sandwire::protocol::kind::KernelRun;
use sandwire::protocol::kind::kernel::{CONTENT, Down, Failure, Part, Ran, Rich, Run, Status};

use super::answer::{Ends, Failed, Said};
use super::schema::RunCode;
use super::tools::{LONGEST_WAIT, Tools};

/// Time that a cell has when it does not say, in milliseconds.
const TIMEOUT: u64 = 60_000;

/// Largest picture that is shown, in bytes.
const MAX_PICTURE: u64 = 1 << 20;

/// Pictures that are shown of one cell.
const MAX_PICTURES: usize = 4;

pub(super) async fn run(tools: &Tools, arguments: RunCode) -> Result<Said, Failed> {
    let run = Run {
        id: arguments.context,
        language: arguments.language,
        code: arguments.code,
        timeout_ms: Some(arguments.timeout_ms.unwrap_or(TIMEOUT).min(LONGEST_WAIT)),
        ..Run::default()
    };
    let call = tools.client.open::<KernelRun>(&run)?;
    let mut cell =
        Cell { ends: Ends::new(tools.limit), pictures: Vec::new(), expected: VecDeque::new(), failure: None };
    loop {
        match call.recv().await {
            Reply::Data(CONTENT, data) => cell.content(&data),
            Reply::Data(_, data) => cell.ends.push(&data),
            Reply::Event(Down::Result(rich)) => cell.result(rich),
            Reply::Event(Down::Error(failure)) => cell.failure = Some(failure),
            Reply::Event(Down::Started { .. } | Down::Clear { .. } | Down::InputRequest { .. }) | Reply::End(_) => {}
            Reply::Closed(ran) => return Ok(cell.said(&ran?)),
        }
    }
}

/// What came of a cell.
struct Cell {
    ends: Ends,
    pictures: Vec<(String, Vec<u8>)>,
    /// Contents that are still to come, the next one first.
    expected: VecDeque<Expected>,
    failure: Option<Failure>,
}

/// A format of a result whose content comes.
struct Expected {
    left: u64,
    shown: Shown,
}

enum Shown {
    Text,
    /// The place of a picture.
    Picture(usize),
    Nothing,
}

impl Cell {
    /// Chooses of a result's formats what a model can see: a picture, else the text.
    fn result(&mut self, rich: Rich) {
        let picture = rich.parts.iter().position(|part| is_picture(part) && self.pictures.len() < MAX_PICTURES);
        let text = rich.parts.iter().position(|part| part.mime == "text/plain");
        for (at, part) in rich.parts.into_iter().enumerate() {
            let shown = if Some(at) == picture {
                self.pictures.push((part.mime, Vec::new()));
                Shown::Picture(self.pictures.len() - 1)
            } else if Some(at) == text && picture.is_none() {
                Shown::Text
            } else {
                Shown::Nothing
            };
            self.expected.push_back(Expected { left: part.size, shown });
        }
        // Nothing comes of those without content.
        self.content(&[]);
    }

    fn content(&mut self, mut data: &[u8]) {
        while let Some(next) = self.expected.front_mut() {
            let taken = usize::try_from(next.left).unwrap_or(usize::MAX).min(data.len());
            let (now, rest) = data.split_at(taken);
            next.left -= taken as u64;
            match next.shown {
                Shown::Text => self.ends.push(now),
                Shown::Picture(at) => {
                    if let Some((_, content)) = self.pictures.get_mut(at) {
                        content.extend_from_slice(now);
                    }
                }
                Shown::Nothing => {}
            }
            data = rest;
            if next.left > 0 {
                return;
            }
            if matches!(next.shown, Shown::Text) {
                self.ends.push(b"\n");
            }
            self.expected.pop_front();
        }
    }

    fn said(self, ran: &Ran) -> Said {
        let seconds = Duration::from_millis(ran.duration_ms).as_secs_f64();
        let ended = match (ran.status, ran.timed_out) {
            (_, true) => "timed out, and was interrupted",
            (Status::Ok, false) => "ok",
            (Status::Error, false) => "error",
            (Status::Aborted, false) => "aborted: the kernel did not run it to its end",
        };
        let rest = |_| "Print less, or write it to a file and read that.".to_owned();
        let mut text = format!("{ended} ({seconds:.2} s)\n{}", self.ends.text(rest));
        if let Some(failure) = &self.failure {
            let traceback = plain(&failure.traceback.join("\n"));
            text += &format!("\n{}: {}\n{traceback}", failure.name, failure.value);
        }
        Said { text, pictures: self.pictures }
    }
}

fn is_picture(part: &Part) -> bool {
    matches!(part.mime.as_str(), "image/png" | "image/jpeg") && part.size <= MAX_PICTURE
}

/// Text without the escape sequences that colour it.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once(|letter: char| letter.is_ascii_alphabetic()).map_or("", |(_, rest)| rest);
    }
    plain + rest
}
