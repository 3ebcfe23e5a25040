//! `cp`: files and trees into the sandbox, out of it, and within it.

mod download;
pub(crate) mod progress;
mod upload;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use sandwire::Client;
use sandwire::kinds::file::Files;
use sandwire::protocol::kind::file::{Copy, FileType, Info, TreeRead, TreeWrite};
use sandwire::protocol::{ByteString, Code};
use serde::Serialize;

use super::args::{Place, join, last_name};
use super::connect::Global;
use super::fail::Failure;
use super::stdio;
use progress::Progress;

/// What a shell reports of a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Copy files and trees into the sandbox, out of it, and within it.
///
/// A path in the sandbox begins with a colon; `-` is standard input or output (a tar stream with -r). A file, and a tree
/// that is new, appears whole or not at all. Modes are kept, and links stay links inside a tree.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire cp report.pdf :/workspace/          into a directory of the sandbox
  sandwire cp -r src tests :project/           trees; relative paths are taken from the workspace
  sandwire cp -r --exclude target :project .   out of the sandbox
  sandwire cp :/etc/hosts -                    to standard output
  sandwire cp -r :project - | tar t            as a tar stream
  sandwire cp -r :a :b                         within the sandbox")]
pub(crate) struct Args {
    /// Copy directories with all that is in them.
    #[arg(short, long)]
    recursive: bool,
    /// Out of the sandbox: leave out what matches, with all that is in it.
    #[arg(long, value_name = "GLOB", requires = "recursive")]
    exclude: Vec<String>,
    /// Out of the sandbox: only what matches.
    #[arg(long, value_name = "GLOB", requires = "recursive")]
    include: Vec<String>,
    /// Out of the sandbox: leave out what .gitignore leaves out.
    #[arg(long, requires = "recursive")]
    gitignore: bool,
    /// What to copy, and last of all where to.
    #[arg(required = true, num_args = 2.., value_name = "SRC... DST")]
    paths: Vec<OsString>,
}

/// What was copied.
#[derive(Debug, Default, Serialize)]
struct Copied {
    /// Files, directories and links.
    entries: u64,
    /// Bytes of content.
    bytes: u64,
}

/// What one copy needs.
struct Job<'a> {
    files: Files,
    args: &'a Args,
    progress: Progress,
    /// Something in the sandbox that must go when the copy fails.
    leftover: std::sync::Mutex<Option<ByteString>>,
}

pub(crate) async fn run(args: Args, client: &Client, global: &Global) -> Result<i32, Failure> {
    let mut places: Vec<Place> = args.paths.iter().map(|path| Place::parse(path)).collect();
    let Some(target) = places.pop() else {
        return Err(Failure::Usage("there is nothing to copy".to_owned()));
    };
    let several = places.len() > 1;
    let mut interrupt = super::interrupts()?;
    for source in &places {
        let progress = Progress::new(!global.quiet && !global.json && stdio::stderr_is_terminal());
        let job = Job { files: client.files(), args: &args, progress, leftover: std::sync::Mutex::default() };
        let result = tokio::select! {
            result = job.copy(source, &target, several) => result.map(Some),
            _ = interrupt.recv() => Ok(None),
        };
        job.progress.done();
        if !matches!(result, Ok(Some(_))) {
            job.clean_up().await;
        }
        match result? {
            Some(copied) if global.json => stdio::json(&copied)?,
            Some(_) => {}
            None => return Ok(INTERRUPTED),
        }
    }
    Ok(0)
}

impl Job<'_> {
    async fn copy(&self, source: &Place, target: &Place, several: bool) -> Result<Copied, Failure> {
        match (source, target) {
            (Place::Sandbox(from), Place::Sandbox(to)) => self.within(from, to, several).await,
            (Place::Local(from), Place::Sandbox(to)) => upload::path(self, from, to, several).await,
            (Place::Sandbox(from), Place::Local(to)) => download::path(self, from, to, several).await,
            (Place::Stdio, Place::Sandbox(to)) if self.args.recursive => {
                let write = TreeWrite { path: to.clone(), owners: false };
                let upload = self.files.tree_write_with(&write)?;
                let end = upload::stream(self, tokio::io::stdin(), upload).await?;
                Ok(Copied { entries: end.entries, bytes: end.bytes })
            }
            (Place::Stdio, Place::Sandbox(to)) => {
                let upload = self
                    .files
                    .write_with(&sandwire::protocol::kind::file::Write { path: to.clone(), ..Default::default() })?;
                let end = upload::stream(self, tokio::io::stdin(), upload).await?;
                Ok(Copied { entries: 1, bytes: end.bytes })
            }
            (Place::Sandbox(from), Place::Stdio) if self.args.recursive => {
                let download = self.files.tree_read_with(&self.tree(from))?;
                let end = download::stdout(self, download).await?;
                skipped(&end.skipped);
                Ok(Copied { entries: end.entries, bytes: end.bytes })
            }
            (Place::Sandbox(from), Place::Stdio) => {
                let end = download::stdout(self, self.files.read(from.clone())?).await?;
                Ok(Copied { entries: 1, bytes: end.bytes })
            }
            (Place::Local(_) | Place::Stdio, Place::Local(_) | Place::Stdio) => {
                Err(Failure::Usage("neither side is in the sandbox: its paths begin with a colon".to_owned()))
            }
        }
    }

    async fn within(&self, from: &ByteString, to: &ByteString, several: bool) -> Result<Copied, Failure> {
        let to = self.remote_target(to, &last_name(from), several).await?.0;
        let copy = Copy { from: from.clone(), to, recursive: self.args.recursive, no_replace: false };
        let copied = self.files.copy_with(&copy).await?;
        Ok(Copied { entries: copied.count, bytes: copied.bytes })
    }

    fn tree(&self, path: &ByteString) -> TreeRead {
        TreeRead {
            path: path.clone(),
            include: self.args.include.clone(),
            exclude: self.args.exclude.clone(),
            gitignore: self.args.gitignore,
        }
    }

    /// Where something of this name goes in the sandbox, and what is there: into a directory, else the path itself.
    async fn remote_target(
        &self,
        to: &ByteString,
        name: &ByteString,
        several: bool,
    ) -> Result<(ByteString, Option<Info>), Failure> {
        let there = self.remote(to).await?;
        let directory = there.as_ref().is_some_and(|info| info.file_type == FileType::Directory);
        if !directory && (several || to.as_bytes().ends_with(b"/")) {
            return Err(Failure::Usage(format!(":{to} is no directory")));
        }
        if !directory || name.is_empty() {
            return Ok((to.clone(), there));
        }
        let inside = join(to, name);
        let there = self.remote(&inside).await?;
        Ok((inside, there))
    }

    async fn remote(&self, path: &ByteString) -> Result<Option<Info>, Failure> {
        match self.files.stat(path.clone()).await {
            Ok(info) => Ok(Some(info)),
            Err(error) if error.code() == Some(Code::FileNotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn set_leftover(&self, path: Option<ByteString>) {
        *self.leftover.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = path;
    }

    async fn clean_up(&self) {
        let path = self.leftover.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(path) = path
            && let Err(error) = self.files.remove_all(path.clone()).await
        {
            eprintln!("sandwire: :{path} could not be removed: {}", super::fail::describe(&error));
        }
    }
}

/// An error that names the local path.
pub(super) fn local(path: &Path, error: &io::Error) -> Failure {
    Failure::Error(io::Error::new(error.kind(), format!("{}: {error}", path.display())).into())
}

fn needs_recursive(name: impl std::fmt::Display) -> Failure {
    Failure::Usage(format!("{name} is a directory: say -r"))
}

fn skipped(paths: &[ByteString]) {
    for path in paths {
        eprintln!("sandwire: left out: {path} (no file, directory or link, or it cannot be read)");
    }
}

/// The directory that something is in.
pub(super) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_path_buf(),
        None => PathBuf::from("/"),
    }
}
