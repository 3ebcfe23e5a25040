//! Files: read by lines, write, edit, list.

use std::fmt::Write as _;

use memchr::memmem;
use sandwire::Code;
use sandwire::kinds::file::{FileType, List, Read, Write};

use super::answer::{Answer, Failed, shown, wrong};
use super::schema::{EditFile, ListFiles, ReadFile, WriteFile};
use super::tools::Tools;

/// Largest file that is edited, in bytes.
const MAX_EDITED: usize = 4 << 20;

/// Entries that are asked for at a time.
const PAGE: u32 = 500;

pub(super) async fn read(tools: &Tools, arguments: ReadFile) -> Answer {
    let first = arguments.start_line.unwrap_or(1).max(1);
    let after = arguments.lines.map_or(u64::MAX, |lines| first.saturating_add(lines));
    let mut download = tools.client.files().read(arguments.path)?;
    let mut lines =
        Lines { text: Vec::new(), first, after, limit: tools.limit, number: 1, begun: false, cut: 0, full: false };
    while let Some(chunk) = download.chunk().await? {
        lines.push(&chunk);
        if lines.full {
            break;
        }
    }
    let number = lines.number;
    let mut text = shown(&lines.text);
    if lines.cut > 0 {
        write!(text, "\n[… {} bytes of long lines are left out …]", lines.cut).unwrap_or_default();
    }
    if lines.full {
        write!(text, "\n[the file goes on: start_line {number} reads on]").unwrap_or_default();
    } else if lines.text.is_empty() {
        // A last line without a newline counts too.
        let count = if lines.begun { number } else { number - 1 };
        write!(text, "[nothing here: the file has {count} lines]").unwrap_or_default();
    }
    Ok(text)
}

/// Picks lines out of what comes, and puts their numbers before them.
struct Lines {
    text: Vec<u8>,
    first: u64,
    /// The line that is not wanted any more.
    after: u64,
    limit: usize,
    /// The line that is being read.
    number: u64,
    /// Whether something of it came.
    begun: bool,
    /// Bytes of lines that were longer than the limit.
    cut: u64,
    full: bool,
}

impl Lines {
    fn push(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            // Looked at before the line is begun: the answer says where to go on.
            if !self.begun
                && (self.number >= self.after || (self.text.len() >= self.limit && self.number >= self.first))
            {
                self.full = true;
                return;
            }
            let end = memchr::memchr(b'\n', data);
            let (line, rest) = data.split_at(end.map_or(data.len(), |end| end + 1));
            if self.number >= self.first {
                if !self.begun {
                    self.text.extend_from_slice(format!("{}\t", self.number).as_bytes());
                }
                // One line may go beyond the limit by what was before it, never by more than another limit.
                let room = (2 * self.limit).saturating_sub(self.text.len());
                let taken = line.get(..line.len().min(room)).unwrap_or_default();
                self.text.extend_from_slice(taken);
                self.cut += (line.len() - taken.len()) as u64;
                if taken.len() < line.len() && end.is_some() {
                    self.text.push(b'\n');
                }
            }
            self.begun = end.is_none();
            self.number += u64::from(end.is_some());
            data = rest;
        }
    }
}

pub(super) async fn write(tools: &Tools, arguments: WriteFile) -> Answer {
    let written = tools.client.files().write_all(arguments.path.as_str(), arguments.content).await?;
    Ok(format!("wrote {} bytes to {}", written.bytes, arguments.path))
}

pub(super) async fn edit(tools: &Tools, arguments: EditFile) -> Answer {
    let EditFile { path, old, new, all } = arguments;
    if old.is_empty() {
        return Err(wrong("old is empty: give text that is in the file"));
    }
    if old == new {
        return Err(wrong("old and new are the same: there is nothing to change"));
    }
    let files = tools.client.files();
    let mut download = files.read_with(&Read { path: path.as_str().into(), ..Read::default() })?;
    let mut content = Vec::new();
    while let Some(chunk) = download.chunk().await? {
        if content.len() + chunk.len() > MAX_EDITED {
            return Err(wrong(format!("the file has more than {MAX_EDITED} bytes: edit it by a command, as sed")));
        }
        content.extend_from_slice(&chunk);
    }
    let etag = download.end().map(|end| end.etag.clone()).filter(|etag| !etag.is_empty());
    let places: Vec<usize> = memmem::find_iter(&content, old.as_bytes()).collect();
    match places.len() {
        0 => {
            let text = format!(
                "{path} does not have this text: it has to be there exactly, with its white space; read the file again"
            );
            return Err(wrong(text));
        }
        2.. if !all => {
            let text =
                format!("{path} has this text {} times: give more of what is around it, or say all", places.len());
            return Err(wrong(text));
        }
        _ => {}
    }
    let mut edited = Vec::with_capacity(content.len() + new.len());
    let mut from = 0;
    for place in &places {
        edited.extend_from_slice(content.get(from..*place).unwrap_or_default());
        edited.extend_from_slice(new.as_bytes());
        from = place + old.len();
    }
    edited.extend_from_slice(content.get(from..).unwrap_or_default());
    let mut upload = files.write_with(&Write { path: path.as_str().into(), if_match: etag, ..Write::default() })?;
    let written = async {
        upload.send(edited).await?;
        upload.finish().await
    };
    match written.await {
        Ok(_) => {
            let line = 1 + memchr::memchr_iter(b'\n', content.get(..places[0]).unwrap_or_default()).count();
            let times =
                if places.len() > 1 { format!("{} places, the first one", places.len()) } else { "it".to_owned() };
            Ok(format!("replaced {times} in line {line} of {path}"))
        }
        Err(error) if error.code() == Some(Code::PreconditionFailed) => {
            Err(wrong(format!("{path} was changed by somebody else meanwhile, and not by this: read it again")))
        }
        Err(error) => Err(Failed::from(error)),
    }
}

pub(super) async fn list(tools: &Tools, arguments: ListFiles) -> Answer {
    let mut list = List {
        path: arguments.path.unwrap_or_else(|| ".".to_owned()).into(),
        recursive: arguments.recursive,
        include: arguments.glob.into_iter().collect(),
        limit: Some(PAGE),
        cursor: arguments.after.map(Into::into),
        ..List::default()
    };
    let mut text = String::new();
    loop {
        let page = tools.client.call::<sandwire::protocol::kind::FileList>(&list).await?;
        for info in &page.entries {
            let path = info.path.to_string();
            let line = match (info.file_type, &info.target) {
                (FileType::Directory, _) => format!("{path}/\n"),
                (FileType::Symlink, Some(target)) => format!("{path} -> {target}\n"),
                (FileType::File | FileType::Symlink, _) => format!("{path} ({} bytes)\n", info.size),
                (FileType::Other, _) => format!("{path} (a device, FIFO or socket)\n"),
            };
            if text.len() + line.len() > tools.limit
                && let Some(last) = &list.cursor
            {
                write!(text, "[… there are more: after {:?} reads on]", last.to_string()).unwrap_or_default();
                return Ok(text);
            }
            text += &line;
            list.cursor = Some(info.path.clone());
        }
        match page.cursor {
            Some(cursor) => list.cursor = Some(cursor),
            None if text.is_empty() => return Ok("[nothing]".to_owned()),
            None => return Ok(text),
        }
    }
}
