//! Transcripts: what one side of a lane does and hears, and what it must say.

mod script;
mod scripts;

#[allow(unused_imports, reason = "the tool writes transcripts, tests play them")]
pub use script::replay;

use super::value::Value;

/// The files, by name.
pub fn files() -> Vec<(String, Value)> {
    let scripts = scripts::all();
    scripts.into_iter().map(|script| (format!("lane/{}.json", script.name()), script.file())).collect()
}
