//! The ids of processes, terminals, sessions and code contexts.

use std::collections::BTreeMap;

use sandwire_protocol::{Code, Error};

/// Longest id, in characters.
const MAX_ID: usize = 128;

/// Whether a client may give something this id.
///
/// # Errors
/// `VALIDATION_FAILED`.
pub(crate) fn check_id(id: &str) -> Result<(), Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=MAX_ID).contains(&id.len()) && id.bytes().all(fits) {
        return Ok(());
    }
    Err(Error::new(Code::ValidationFailed, format!("an id has 1 to {MAX_ID} characters of A-Z a-z 0-9 . _ -"))
        .with("field", "id"))
}

/// An id that none of these has, with a number from `next` on; ids of another boot stay apart from it.
pub(crate) fn unused_id<T>(kind: &str, boot: &str, next: u64, known: &BTreeMap<String, T>) -> String {
    let id = |number: u64| format!("{kind}-{}-{number}", boot.get(..4).unwrap_or_default());
    (next..).map(id).find(|id| !known.contains_key(id)).unwrap_or_default()
}
