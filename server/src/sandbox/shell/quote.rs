//! Bytes as a shell's word, and back. Pure.

use std::fmt::Write as _;

/// A word that the shell reads as exactly these bytes: in single quotes, which every shell takes literally.
///
/// Bytes that are not UTF-8 have no place in a `String`; bash writes and reads them as `$'\ooo'`.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut word = String::with_capacity(bytes.len() + 2);
    for chunk in bytes.utf8_chunks() {
        if !chunk.valid().is_empty() {
            word.push('\'');
            word.push_str(&chunk.valid().replace('\'', "'\\''"));
            word.push('\'');
        }
        if !chunk.invalid().is_empty() {
            word.push_str("$'");
            for byte in chunk.invalid() {
                // Writing to a String cannot fail.
                let _written = write!(word, "\\{byte:03o}");
            }
            word.push('\'');
        }
    }
    if word.is_empty() { "''".to_owned() } else { word }
}

/// The same as it stands, for shells that know no `$'…'`.
pub(super) fn literal(bytes: &[u8]) -> Vec<u8> {
    let mut word = vec![b'\''];
    for byte in bytes {
        if *byte == b'\'' {
            word.extend_from_slice(b"'\\''");
        } else {
            word.push(*byte);
        }
    }
    word.push(b'\'');
    word
}

/// A path as a word, without quotes where it needs none.
pub(super) fn word(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if !path.is_empty() && path.bytes().all(plain) { path.to_owned() } else { quoted(path.as_bytes()) }
}

/// The word that stands first in `text`, when it is in single quotes as bash writes it: `'it'\''s'`; and what is behind it.
pub(super) fn unquoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    let mut rest = text.strip_prefix(b"'")?;
    loop {
        let end = memchr::memchr(b'\'', rest)?;
        let (inside, after) = rest.split_at(end);
        word.extend_from_slice(inside);
        match after.strip_prefix(b"'\\''") {
            Some(more) => {
                word.push(b'\'');
                rest = more;
            }
            None => return Some((word, after.get(1..).unwrap_or_default())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words() {
        assert_eq!(quoted(b""), "''");
        assert_eq!(quoted(b"a b"), "'a b'");
        assert_eq!(quoted(b"it's"), "'it'\\''s'");
        assert_eq!(quoted(b"a\xff"), "'a'$'\\377'");
        assert_eq!(literal(b"it's\xff"), b"'it'\\''s\xff'");
        assert_eq!(unquoted(b"'it'\\''s' EXIT").unwrap(), (b"it's".to_vec(), &b" EXIT"[..]));
        for broken in [&b""[..], b"x", b"'x", b"'x'\\''", b"\"x\""] {
            assert_eq!(unquoted(broken), None, "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back_by_bash(bytes in proptest::collection::vec(1_u8..=255, 0..40)) {
            let script = format!("printf %s {}", quoted(&bytes));
            let output = std::process::Command::new("bash").env("LC_ALL", "C.UTF-8").arg("-c").arg(script).output().unwrap();
            prop_assert_eq!(output.stdout, bytes);
        }

        #[test]
        fn quotes_come_off_again(text in "[^\0]{0,40}") {
            // An empty word, and text without a quote, are written alike by bash.
            prop_assert_eq!(unquoted(quoted(text.as_bytes()).as_bytes()).unwrap().0, text.as_bytes());
        }
    }
}
