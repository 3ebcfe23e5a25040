//! `search` and `watch`: what files hold, and how they change.

use std::ffi::OsString;
use std::io::{self, IsTerminal};

use futures_util::StreamExt;
use sandwire::Client;
use sandwire::protocol::kind::file::{Change, Search, SearchDown, Watch, WatchDown};

use super::args::remote;
use super::connect::Global;
use super::fail::Failure;
use super::format::printable;
use super::stdio;

/// Find files by content, by name, or both. Exit code 1 when nothing was found.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire search 'fn main' -g '**/*.rs' src
  sandwire search --name '*.log' /var/log")]
pub(crate) struct SearchArgs {
    /// Find by name only: the argument before PATH is a glob, not a pattern.
    #[arg(long)]
    name: bool,
    /// Only files whose path matches.
    #[arg(short, long, value_name = "GLOB")]
    glob: Vec<String>,
    /// Leave out what matches, with all that is in it.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Take the pattern as plain text.
    #[arg(short = 'F', long)]
    fixed: bool,
    /// Do not tell upper from lower case.
    #[arg(short, long)]
    ignore_case: bool,
    /// Leave out what .gitignore leaves out, and hidden files.
    #[arg(long)]
    gitignore: bool,
    /// Lines before and after each match.
    #[arg(short = 'C', long)]
    context: Option<u32>,
    /// Stop after so many matches.
    #[arg(short, long)]
    max: Option<u32>,
    /// A regular expression, tried on each line.
    pattern: String,
    /// The directory. Default: the workspace.
    #[arg(default_value = ".")]
    path: OsString,
}

pub(crate) async fn search(args: SearchArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let mut include = args.glob;
    let pattern = if args.name {
        include.push(args.pattern);
        None
    } else {
        Some(args.pattern)
    };
    let search = Search {
        path: remote(&args.path),
        include,
        exclude: args.exclude,
        pattern,
        literal: args.fixed,
        ignore_case: args.ignore_case,
        gitignore: args.gitignore,
        context: args.context,
        limit: args.max,
    };
    let mut found = client.files().search_with(&search)?;
    let colour = io::stdout().is_terminal();
    while let Some(item) = found.next().await {
        let item = item?;
        if global.json {
            stdio::json(&item)?;
            continue;
        }
        match item {
            SearchDown::File(info) => stdio::line(printable(&info.path.to_string()))?,
            SearchDown::Line { path, line, text, matches } => {
                let path = printable(&path.to_string());
                let mark = if matches.is_empty() { '-' } else { ':' };
                let text = highlight(text.as_bytes(), &matches, colour);
                stdio::line(format_args!("{path}{mark}{line}{mark}{text}"))?;
            }
        }
    }
    let end = found.end().copied().unwrap_or_default();
    if end.unreadable > 0 {
        eprintln!("sandwire: {} files could not be read", end.unreadable);
    }
    if end.truncated {
        eprintln!("sandwire: stopped after {} matches", end.matches);
    }
    Ok(i32::from(end.matches == 0))
}

/// The text with its matches in red, when there are colours.
fn highlight(text: &[u8], matches: &[(u32, u32)], colour: bool) -> String {
    let show = |bytes: &[u8]| printable(&String::from_utf8_lossy(bytes).replace('\t', "    "));
    if !colour {
        return String::from_utf8_lossy(text).into_owned();
    }
    let mut shown = String::new();
    let mut at = 0;
    for (begin, end) in matches {
        let (begin, end) = (*begin as usize, *end as usize);
        shown += &show(text.get(at..begin).unwrap_or_default());
        shown += "\x1b[1;31m";
        shown += &show(text.get(begin..end).unwrap_or_default());
        shown += "\x1b[0m";
        at = end;
    }
    shown + &show(text.get(at..).unwrap_or_default())
}

/// Report changes below a path, until Ctrl-C.
#[derive(Debug, clap::Args)]
pub(crate) struct WatchArgs {
    /// Only the directory itself, not what is below its directories.
    #[arg(long)]
    flat: bool,
    /// Only paths that match.
    #[arg(short, long, value_name = "GLOB")]
    glob: Vec<String>,
    /// Leave out what matches, with all that is in it.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Changes of one path within this time are one. Default: 50ms.
    #[arg(long, value_name = "TIME", value_parser = super::args::duration)]
    debounce: Option<std::time::Duration>,
    /// The path. Default: the workspace.
    #[arg(default_value = ".")]
    path: OsString,
}

pub(crate) async fn watch(args: WatchArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let watch = Watch {
        path: remote(&args.path),
        flat: args.flat,
        include: args.glob,
        exclude: args.exclude,
        debounce_ms: args.debounce.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
    };
    let mut changes = client.files().watch_with(&watch)?;
    let mut interrupt = super::interrupts()?;
    loop {
        let change = tokio::select! {
            change = changes.next() => change,
            _ = interrupt.recv() => return Ok(0),
        };
        let Some(change) = change.transpose()? else { return Ok(0) };
        if global.json {
            stdio::json(&change)?;
            continue;
        }
        match change {
            WatchDown::Ready {} => {
                if !global.quiet {
                    eprintln!("sandwire: watching {}", watch.path);
                }
            }
            WatchDown::Overflow {} => {
                eprintln!("sandwire: changes were lost: look at everything again");
            }
            WatchDown::Change { change, path, from, directory } => {
                let what = match change {
                    Change::Create => "create",
                    Change::Modify => "modify",
                    Change::Attrib => "attrib",
                    Change::Remove => "remove",
                    Change::Rename => "rename",
                };
                let mark = if directory { "/" } else { "" };
                let from = from.map(|from| format!("{} -> ", printable(&from.to_string()))).unwrap_or_default();
                stdio::line(format_args!("{what} {from}{}{mark}", printable(&path.to_string())))?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::highlight;

    #[test]
    fn only_matches_are_coloured_and_only_when_wanted() {
        assert_eq!(highlight(b"a\tbc", &[(2, 3)], false), "a\tbc");
        assert_eq!(highlight(b"a\x1bbc", &[(2, 3)], true), "a?\x1b[1;31mb\x1b[0mc");
    }
}
