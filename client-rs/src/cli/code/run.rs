//! `code run`: a cell, with its output as it comes, its results as text, and pictures to files.

use std::ffi::OsString;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sandwire::Client;
use sandwire::kinds::kernel::{Cell, CellControl, CellEvent, CodeResult, Ran, RichResult, RunningCell, Status};
use serde_json::{Map, Value, json};

use super::super::connect::Global;
use super::super::cp::local;
use super::super::fail::Failure;
use super::super::{args, interrupts, stdio};

/// What a shell reports of a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Exit code for a cell whose time was over, as of timeout(1).
const TIMED_OUT: i32 = 124;

/// Exit code for a cell that failed.
const FAILED: i32 = 1;

/// Run a cell, with its output as it comes.
///
/// Results are shown as text. What the cell asks for is read from standard input, a line each time. Ctrl-C interrupts the
/// cell; the second one leaves it. The exit code is 0, 1 when the cell failed, 124 when its time was over, and 255 when it
/// could not be run to its end.
///
/// With --json one object is printed at the end: the fields of its end ("status", "execution_count", "duration_ms" …),
/// "stdout", "stderr", "error" ({"name", "value", "traceback"}) and "results": for each a map from its MIME types to text,
/// JSON, or {"base64": …}.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The cell itself.
    #[arg(short, long, value_name = "CODE", conflicts_with = "file")]
    code: Option<String>,
    /// A file with the cell; `-` is standard input.
    #[arg(required_unless_present = "code")]
    file: Option<OsString>,
    /// The context, of those that `code list` lists. Default: the default one of the language.
    #[arg(long = "in", value_name = "NAME")]
    context: Option<String>,
    /// The language, when no context is named. Default: python.
    #[arg(short, long, value_name = "LANGUAGE", conflicts_with = "context")]
    language: Option<String>,
    /// Interrupt it after this time, and kill its kernel 5 s later.
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    timeout: Option<Duration>,
    /// Set a variable for this cell alone.
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Write pictures and other results that are no text to files in this directory, and say where.
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// When the context's kernel has died, begin a fresh one instead of failing once.
    #[arg(long)]
    renew: bool,
}

pub(crate) async fn run(args: Args, client: &Client, global: &Global) -> Result<i32, Failure> {
    let from_stdin = args.file.as_deref().is_some_and(|file| file == "-");
    let code = match (args.code, args.file) {
        (Some(code), _) => code,
        (None, Some(_)) if from_stdin => io::read_to_string(io::stdin())?,
        (None, file) => {
            let file = PathBuf::from(file.unwrap_or_default());
            std::fs::read_to_string(&file).map_err(|error| local(&file, &error))?
        }
    };
    let mut cell = match args.context {
        Some(context) => client.kernel(context).run(code),
        None => client.run_code(code),
    };
    if let Some(language) = args.language {
        cell = cell.language(language);
    }
    if let Some(timeout) = args.timeout {
        cell = cell.timeout(timeout);
    }
    for setting in args.env {
        let (name, value) =
            setting.split_once('=').ok_or_else(|| Failure::Usage("--env takes NAME=VALUE".to_owned()))?;
        cell = cell.env(name, value);
    }
    if args.renew {
        cell = cell.renew();
    }
    if global.json {
        return collected(cell).await;
    }
    // Its own text comes from there: there is nothing left to answer with.
    let cell = if from_stdin { cell } else { cell.with_input() };
    let mut shown = Shown { save: args.save, number: 0 };
    let mut running = cell.spawn()?;
    match follow(&mut running, &mut shown).await? {
        Some(code) => Ok(code),
        None => Ok(exit_code(&running.wait().await?)),
    }
}

/// Shows what it says, until its end, or until we are to leave it.
async fn follow(running: &mut RunningCell, shown: &mut Shown) -> Result<Option<i32>, Failure> {
    let control = running.control();
    let mut interrupt = interrupts()?;
    let mut interrupted = 0;
    loop {
        let event = tokio::select! {
            event = running.next() => event,
            _ = interrupt.recv() => {
                interrupted += 1;
                if interrupted > 1 {
                    control.cancel();
                    return Ok(Some(INTERRUPTED));
                }
                let control = control.clone();
                tokio::spawn(async move { control.interrupt().await });
                continue;
            }
        };
        match event {
            Ok(Some(event)) => shown.show(event, &control)?,
            Ok(None) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

async fn collected(cell: Cell) -> Result<i32, Failure> {
    let result = cell.run().await?;
    stdio::json(&object(&result)?)?;
    Ok(exit_code(&result.ran))
}

fn exit_code(ran: &Ran) -> i32 {
    if ran.timed_out {
        let what =
            if ran.kernel_died { "; its kernel ended by that, or was killed because it did not heed it" } else { "" };
        eprintln!("sandwire: the time was over and the cell was interrupted{what}");
        return TIMED_OUT;
    }
    match ran.status {
        Status::Ok => 0,
        Status::Error => FAILED,
        Status::Aborted => {
            eprintln!("sandwire: the kernel did not run the cell to its end");
            FAILED
        }
    }
}

/// How output is shown.
struct Shown {
    save: Option<PathBuf>,
    /// Files that were written.
    number: usize,
}

impl Shown {
    fn show(&mut self, event: CellEvent, control: &CellControl) -> Result<(), Failure> {
        match event {
            CellEvent::Stdout(data) => stdio::stdout(&data)?,
            CellEvent::Stderr(data) => stdio::stderr(&data)?,
            CellEvent::Result(result) => self.result(&result)?,
            CellEvent::Error(failure) => {
                let text = if failure.traceback.is_empty() {
                    format!("{}: {}\n", failure.name, failure.value)
                } else {
                    failure.traceback.join("\n") + "\n"
                };
                stdio::stderr(text.as_bytes())?;
            }
            CellEvent::InputRequest(prompt, _) => {
                stdio::stderr(prompt.as_bytes())?;
                answer(control.clone());
            }
            // A terminal's scrollback is not cleared for it.
            CellEvent::Started(_) | CellEvent::Clear(_) | _ => {}
        }
        Ok(())
    }

    fn result(&mut self, result: &RichResult) -> Result<(), Failure> {
        if let Some(folder) = &self.save {
            for part in result.parts.iter().filter(|part| !part.truncated) {
                if let Some(ending) = ending(&part.mime) {
                    self.number += 1;
                    std::fs::create_dir_all(folder)?;
                    let path = free(folder, self.number, ending);
                    std::fs::write(&path, &part.data)?;
                    eprintln!("sandwire: {} written to {}", part.mime, path.display());
                }
            }
        }
        match result.text().or_else(|| result.markdown()).or_else(|| result.html()) {
            Some(text) => stdio::line(text)?,
            None => {
                let mimes: Vec<_> = result.parts.iter().map(|part| part.mime.as_str()).collect();
                eprintln!("sandwire: a result that is no text ({}); --save DIR keeps it", mimes.join(", "));
            }
        }
        Ok(())
    }
}

/// The next file name that is free.
fn free(folder: &Path, number: usize, ending: &str) -> PathBuf {
    let path = |number: usize| folder.join(format!("result-{number}.{ending}"));
    (number..).map(path).find(|path| !path.exists()).unwrap_or_else(|| path(number))
}

/// The usual ending of files of a type that is no plain text.
fn ending(mime: &str) -> Option<&'static str> {
    Some(match mime {
        "image/png" => "png",
        "image/jpeg" => "jpeg",
        "image/svg+xml" => "svg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "application/pdf" => "pdf",
        "text/html" => "html",
        "application/json" => "json",
        _ => return None,
    })
}

/// Answers with the next line of standard input. Read in a thread of its own: the cell may end before there is one.
fn answer(control: CellControl) {
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let mut line = String::new();
        // At its end the answer is an empty line, as a terminal's Ctrl-D gives it to Jupyter.
        io::stdin().lock().read_line(&mut line).unwrap_or_default();
        // The cell may have ended meanwhile.
        runtime.block_on(control.input(line.trim_end_matches(['\r', '\n']))).unwrap_or_default();
    });
}

/// The whole cell for `--json`.
fn object(result: &CodeResult) -> Result<Value, Failure> {
    let mut all = serde_json::to_value(&result.ran).map_err(io::Error::other)?;
    for (name, data) in [("stdout", &result.stdout), ("stderr", &result.stderr)] {
        all[name] = content(name, &Bytes::copy_from_slice(data));
    }
    if let Some(error) = &result.error {
        all["error"] = serde_json::to_value(error).map_err(io::Error::other)?;
    }
    let results = result.results.iter().map(|result| {
        let parts = result.parts.iter().map(|part| {
            let content = if part.truncated { Value::Null } else { content(&part.mime, &part.data) };
            (part.mime.clone(), content)
        });
        Value::Object(parts.collect::<Map<_, _>>())
    });
    all["results"] = results.collect();
    all["truncated"] = result.truncated.into();
    Ok(all)
}

fn content(mime: &str, data: &Bytes) -> Value {
    let is_json = mime == "application/json" || mime.ends_with("+json");
    if let Some(value) = is_json.then(|| serde_json::from_slice(data).ok()).flatten() {
        return value;
    }
    match std::str::from_utf8(data) {
        Ok(text) => text.into(),
        Err(_) => json!({ "base64": STANDARD.encode(data) }),
    }
}
