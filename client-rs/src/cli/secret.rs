//! Secrets for the sandbox: from files and variables, never from arguments, which everybody sees in the list of processes.

use std::io::Read;
use std::path::Path;

use sandwire::protocol::Secret;

use super::fail::Failure;

/// Longest secret, in bytes.
const LONGEST: u64 = 64 << 10;

/// What is in a file, without the end of its line; `-` is standard input.
pub(crate) fn read(file: &Path) -> Result<Secret, Failure> {
    let mut text = String::new();
    let unreadable = |error: std::io::Error| Failure::Usage(format!("{}: {error}", file.display()));
    if file == Path::new("-") {
        std::io::stdin().lock().take(LONGEST).read_to_string(&mut text).map_err(unreadable)?;
    } else {
        let opened = std::fs::File::open(file).map_err(unreadable)?;
        opened.take(LONGEST).read_to_string(&mut text).map_err(unreadable)?;
    }
    Ok(text.trim_end_matches(['\r', '\n']).into())
}

/// The value of a variable here, unless it is empty.
pub(crate) fn variable(name: &str) -> Option<Secret> {
    std::env::var(name).ok().filter(|value| !value.is_empty()).map(Secret::from)
}
