//! `file.search`: by name and by content, on a thread of its own that stops when nobody listens.
//!
//! Memory: [`QUEUE`] results of at most about 12 KiB, at most [`LINE_HEAP`] for the longest line, and [`PATTERN_SIZE`]
//! each for the compiled pattern and for the states that it has been in.

use std::fs::File;
use std::io::{self, Read};

use grep_matcher::Matcher;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkContext, SinkMatch};
use rustix::fs::FileType;
use rustix::io::Errno;
use sandwire_protocol::kind::file::{Search, SearchDown, SearchEnd};
use sandwire_protocol::{ByteString, Code, Error};
use tokio::sync::mpsc;

use super::blocking::{Long, Stop, StopOnDrop};
use super::error::failed;
use super::gitignore::Gitignore;
use super::globs::Globs;
use super::info::describe_entry;
use super::path::Need;
use super::walk::{Entry, Rules, Step, Walk};
use super::{Files, MAX_SEARCHES, place};
use crate::sandbox::buckets::Long as Bucket;

/// Results found and not yet taken.
const QUEUE: usize = 64;

/// Longest line that can be searched, in bytes; a file with a longer one counts as unreadable.
const LINE_HEAP: usize = 2 << 20;

/// Largest compiled pattern, and largest cache of its states, in bytes: a pattern of a few characters can ask for
/// gigabytes.
const PATTERN_SIZE: usize = 1 << 20;

/// Bytes of a line that are told.
const MAX_TEXT: usize = 4096;

/// Matches in one line that are told.
const MAX_RANGES: usize = 256;

const DEFAULT_LIMIT: u32 = 10_000;
const MAX_CONTEXT: u32 = 100;
const MAX_PATTERN: usize = 64 << 10;

/// A search that is under way. Dropped, it stops.
#[derive(Debug)]
pub(crate) struct Found {
    results: mpsc::Receiver<SearchDown>,
    task: Long<SearchEnd>,
    _stop: StopOnDrop,
}

impl Found {
    /// The next result; `None` after the last.
    pub(crate) async fn next(&mut self) -> Option<SearchDown> {
        self.results.recv().await
    }

    /// The figures, after the last result.
    pub(crate) async fn end(self) -> Result<SearchEnd, Error> {
        self.task.end().await
    }
}

impl Files {
    /// Begins to search. Errors in the parameters are told here, those of the directory by [`Found::end`].
    pub(crate) async fn search(&self, params: Search) -> Result<Found, Error> {
        let globs = Globs::new(&params.include, &params.exclude)?;
        let by_content = params.pattern.is_some();
        let long = self.long_work(&params.path, if by_content { Bucket::Content } else { Bucket::Usual }).await?;
        let content = by_content.then(|| place(&self.searches, "searches by content", MAX_SEARCHES)).transpose()?;
        let matcher = params.pattern.as_deref().map(|pattern| compile(pattern, &params)).transpose()?;
        let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
        let context = params.context.unwrap_or(0);
        if limit == 0 {
            return Err(Error::new(Code::ValidationFailed, "limit has to be at least 1").with("parameter", "limit"));
        }
        if context > MAX_CONTEXT {
            let text = format!("context is {context}; at most {MAX_CONTEXT} lines are possible");
            return Err(Error::new(Code::ValidationFailed, text).with("parameter", "context"));
        }
        let (sender, results) = mpsc::channel(QUEUE);
        let stop = Stop::default();
        let guard = stop.guard();
        let files = self.clone();
        let task = Long::start((long, content), move || {
            let end = SearchEnd::default();
            let mut work = Work { sender, stop, limit: u64::from(limit), end };
            work.walk(&files, &params, globs, matcher.as_ref(), context as usize)?;
            Ok(work.end)
        })?;
        Ok(Found { results, task, _stop: guard })
    }
}

struct Work {
    sender: mpsc::Sender<SearchDown>,
    stop: Stop,
    limit: u64,
    end: SearchEnd,
}

impl Work {
    fn walk(
        &mut self,
        files: &Files,
        params: &Search,
        globs: Globs,
        matcher: Option<&RegexMatcher>,
        context: usize,
    ) -> Result<(), Error> {
        let root = files.open_directory(&params.path, Need::Read)?;
        let gitignore = params.gitignore.then(|| Gitignore::new(files, &root, true));
        let rules = Rules { globs: globs.clone(), gitignore, ..Rules::default() };
        let mut walk = Walk::new(root, rules).map_err(|errno| failed("search", params.path.as_bytes(), errno))?;
        let mut searcher = SearcherBuilder::new()
            .line_number(true)
            .before_context(context)
            .after_context(context)
            .binary_detection(BinaryDetection::quit(0))
            .heap_limit(Some(LINE_HEAP))
            .build();
        while let Some(step) = walk.next() {
            self.stop.check()?;
            let entry = match step {
                Step::Entry(entry) => entry,
                Step::Leave(_) => continue,
                Step::Unreadable(path, errno) if path.is_empty() => {
                    return Err(failed("search", params.path.as_bytes(), errno));
                }
                Step::Unreadable(..) => {
                    self.end.unreadable += 1;
                    continue;
                }
            };
            if entry.kind == FileType::Directory || !globs.includes(&entry.path) {
                continue;
            }
            match matcher {
                None => self.name(&entry)?,
                Some(matcher) if entry.kind == FileType::RegularFile => {
                    self.content(&entry, matcher, &mut searcher)?;
                }
                Some(_) => {}
            }
            if self.end.truncated {
                return Ok(());
            }
        }
        Ok(())
    }

    fn name(&mut self, entry: &Entry) -> Result<(), Error> {
        let Ok(info) = describe_entry(entry.path.as_slice().into(), &*entry.dir, &entry.name) else { return Ok(()) };
        self.end.files += 1;
        if self.count_match() { self.tell(SearchDown::File(info)) } else { Ok(()) }
    }

    fn content(&mut self, entry: &Entry, matcher: &RegexMatcher, searcher: &mut Searcher) -> Result<(), Error> {
        self.end.files += 1;
        let file = match entry.open() {
            Ok((fd, _)) => File::from(fd),
            Err(Errno::NOENT) => return Ok(()),
            Err(_) => {
                self.end.unreadable += 1;
                return Ok(());
            }
        };
        let reader = Stoppable { file, stop: self.stop.clone() };
        let mut lines = Lines { work: self, path: &entry.path, matcher };
        let searched = searcher.search_reader(matcher, reader, &mut lines);
        self.stop.check()?;
        if searched.is_err() {
            self.end.unreadable += 1;
        }
        Ok(())
    }

    /// Counts a match; `false` when it is one too many.
    fn count_match(&mut self) -> bool {
        self.end.truncated = self.end.matches >= self.limit;
        self.end.matches += u64::from(!self.end.truncated);
        !self.end.truncated
    }

    fn tell(&self, result: SearchDown) -> Result<(), Error> {
        self.sender.blocking_send(result).map_err(|_| Error::new(Code::Cancelled, "the opener gave up"))
    }
}

/// A file whose reading ends when the search is stopped.
struct Stoppable {
    file: File,
    stop: Stop,
}

impl Read for Stoppable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stop.check().map_err(io::Error::other)?;
        self.file.read(buffer)
    }
}

struct Lines<'a> {
    work: &'a mut Work,
    path: &'a [u8],
    matcher: &'a RegexMatcher,
}

impl Lines<'_> {
    fn tell(&mut self, number: Option<u64>, line: &[u8], matches: Vec<(u32, u32)>) -> io::Result<bool> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let text = ByteString::new(&line[..line.len().min(MAX_TEXT)]);
        let path = ByteString::new(self.path);
        let told = SearchDown::Line { path, line: number.unwrap_or(0), text, matches };
        self.work.tell(told).map(|()| true).map_err(io::Error::other)
    }
}

impl Sink for Lines<'_> {
    type Error = io::Error;

    fn matched(&mut self, _searcher: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        if !self.work.count_match() {
            return Ok(false);
        }
        // Without its newline, so that `$` is found at its end.
        let line = found.bytes().strip_suffix(b"\n").unwrap_or(found.bytes());
        let end = line.len().min(MAX_TEXT);
        let mut matches = Vec::new();
        self.matcher
            .find_iter(line, |range| {
                if range.start() <= end {
                    let clip = |at: usize| u32::try_from(at.min(end)).unwrap_or(u32::MAX);
                    matches.push((clip(range.start()), clip(range.end())));
                }
                range.start() <= end && matches.len() < MAX_RANGES
            })
            .map_err(io::Error::other)?;
        self.tell(found.line_number(), line, matches)
    }

    fn context(&mut self, _searcher: &Searcher, context: &SinkContext<'_>) -> io::Result<bool> {
        self.tell(context.line_number(), context.bytes(), Vec::new())
    }
}

fn compile(pattern: &str, params: &Search) -> Result<RegexMatcher, Error> {
    if pattern.len() > MAX_PATTERN {
        let text = format!("pattern has {} bytes; at most {MAX_PATTERN} are possible", pattern.len());
        return Err(Error::new(Code::ValidationFailed, text).with("parameter", "pattern"));
    }
    RegexMatcherBuilder::new()
        .case_insensitive(params.ignore_case)
        .fixed_strings(params.literal)
        .multi_line(true)
        .line_terminator(Some(b'\n'))
        .size_limit(PATTERN_SIZE)
        .dfa_size_limit(PATTERN_SIZE)
        .build(pattern)
        .map_err(|error| {
            Error::new(Code::ValidationFailed, format!("pattern cannot be used: {error}")).with("parameter", "pattern")
        })
}
