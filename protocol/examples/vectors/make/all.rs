//! What the vectors and the generated parts of the contract are made of.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::wildcard_enum_match_arm,
    reason = "shared by a tool and tests, which fail by panicking and use different parts"
)]

pub mod contract;
pub mod frames;
pub mod hostile;
pub mod kinds;
pub mod lane;
pub mod tables;
pub mod value;

use std::path::Path;

/// Every generated file: its path below the crate, and its text.
pub fn everything(root: &Path) -> Vec<(String, String)> {
    let mut files = frames::files();
    files.extend(hostile::files());
    files.extend(kinds::files());
    files.extend(lane::files());
    files.extend(tables::files());
    let mut files: Vec<_> =
        files.into_iter().map(|(path, value)| (format!("vectors/{path}"), value.json() + "\n")).collect();
    files.push(("PROTOCOL.md".to_owned(), contract::document(root)));
    files
}
