//! Lines by a regular expression, and files by name.

use std::fmt::Write;

use futures_util::StreamExt;
use sandwire::kinds::file::{Search, SearchDown};

use super::answer::{Answer, shown};
use super::schema::SearchFiles;
use super::tools::Tools;

/// Matches when it is not said how many.
const MATCHES: u32 = 200;

/// Most lines around a match.
const MAX_CONTEXT: u32 = 20;

/// Bytes of a line that are shown.
const LINE: usize = 400;

pub(super) async fn search(tools: &Tools, arguments: SearchFiles) -> Answer {
    let search = Search {
        path: arguments.path.unwrap_or_else(|| ".".to_owned()).into(),
        include: arguments.glob.into_iter().collect(),
        pattern: arguments.pattern,
        literal: arguments.literal,
        ignore_case: arguments.ignore_case,
        gitignore: !arguments.all,
        context: arguments.context.map(|lines| lines.min(MAX_CONTEXT)),
        limit: Some(arguments.limit.unwrap_or(MATCHES)),
        ..Search::default()
    };
    let mut found = tools.client.files().search_with(&search)?;
    let mut text = String::new();
    while let Some(item) = found.next().await {
        let line = match item? {
            SearchDown::File(info) => format!("{} ({} bytes)\n", info.path, info.size),
            SearchDown::Line { path, line, text, matches } => {
                // As of grep: lines around a match are told by their dashes.
                let mark = if matches.is_empty() { '-' } else { ':' };
                let bytes = text.as_bytes();
                let (shown, more) = match bytes.get(..LINE) {
                    Some(start) => (shown(start), format!(" [… {} bytes more]", bytes.len() - LINE)),
                    None => (shown(bytes), String::new()),
                };
                format!("{path}{mark}{line}{mark}{shown}{more}\n")
            }
        };
        if text.len() + line.len() > tools.limit {
            text += "[… there are more: search for less, or in a smaller directory]\n";
            return Ok(text);
        }
        text += &line;
    }
    let end = found.end().copied().unwrap_or_default();
    if end.truncated {
        write!(text, "[… stopped after {} matches: there may be more; limit raises that]", end.matches)
            .unwrap_or_default();
    } else if text.is_empty() {
        write!(text, "[nothing, in {} files]", end.files).unwrap_or_default();
    }
    if end.unreadable > 0 {
        write!(text, "\n[{} files could not be read]", end.unreadable).unwrap_or_default();
    }
    Ok(text)
}
