//! What a person types to leave: the detach key, or `~.` at the begin of a line.

/// Looks through the keys for a way out.
#[derive(Debug)]
pub(crate) struct Escape {
    key: Option<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the begin of a line.
    Begin,
    /// Behind a `~` at the begin of a line, which was not passed on yet.
    Tilde,
    Within,
}

/// What came of some keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// What is to be sent.
    pub(crate) keys: Vec<u8>,
    /// Whether the way out was typed behind it. What came after it is gone.
    pub(crate) detach: bool,
}

impl Escape {
    /// With a detach key as a byte; `None` for none.
    pub(crate) const fn new(key: Option<u8>) -> Self {
        Self { key, state: State::Begin }
    }

    /// Looks at what was typed.
    pub(crate) fn pass(&mut self, typed: &[u8]) -> Passed {
        let mut passed = Passed::default();
        for byte in typed.iter().copied() {
            if self.key == Some(byte) || (self.state == State::Tilde && byte == b'.') {
                passed.detach = true;
                return passed;
            }
            self.state = match (self.state, byte) {
                (State::Begin, b'~') => {
                    self.state = State::Tilde;
                    continue;
                }
                // `~~` is one `~`.
                (State::Tilde, b'~') => State::Within,
                (State::Tilde, _) => {
                    passed.keys.push(b'~');
                    next(byte)
                }
                (State::Begin | State::Within, _) => next(byte),
            };
            passed.keys.push(byte);
        }
        passed
    }
}

const fn next(byte: u8) -> State {
    if matches!(byte, b'\r' | b'\n') { State::Begin } else { State::Within }
}

/// A key as it is written: `ctrl-]`, `^]`, or `none`.
pub(crate) fn key(text: &str) -> Result<Option<u8>, String> {
    if text == "none" {
        return Ok(None);
    }
    let wrong = || format!("{text:?} is no key; write it as ctrl-] or ctrl-b, or none");
    let lower = text.to_ascii_lowercase();
    let letter = lower.strip_prefix("ctrl-").or_else(|| lower.strip_prefix('^')).ok_or_else(wrong)?;
    match letter.as_bytes() {
        [byte @ (b'a'..=b'z' | b'@' | b'['..=b'_')] => Ok(Some(byte & 0x1f)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(parts: &[&[u8]]) -> (Vec<u8>, bool) {
        let mut escape = Escape::new(Some(0x1d));
        let mut keys = Vec::new();
        for part in parts {
            let passed = escape.pass(part);
            keys.extend(passed.keys);
            if passed.detach {
                return (keys, true);
            }
        }
        (keys, false)
    }

    #[test]
    fn what_is_typed_goes_on_as_it_is() {
        for keys in [b"ls\r".as_slice(), b"a~.b\r", b"\x1b[A\xff", b"~/x\r", b"echo ~\r"] {
            assert_eq!(pass(&[keys]), (keys.to_vec(), false));
        }
    }

    #[test]
    fn tilde_dot_leaves_only_at_the_begin_of_a_line() {
        assert_eq!(pass(&[b"~.x"]), (vec![], true));
        assert_eq!(pass(&[b"ls\r~", b".", b"x"]), (b"ls\r".to_vec(), true));
        assert_eq!(pass(&[b"~~."]), (b"~.".to_vec(), false));
    }

    #[test]
    fn the_key_leaves_anywhere() {
        assert_eq!(pass(&[b"vim\x1dx"]), (b"vim".to_vec(), true));
        assert_eq!(Escape::new(None).pass(b"\x1d").keys, b"\x1d");
    }

    #[test]
    fn keys_are_named_as_people_do() {
        assert_eq!(key("ctrl-]"), Ok(Some(0x1d)));
        assert_eq!(key("Ctrl-B"), Ok(Some(2)));
        assert_eq!(key("^\\"), Ok(Some(0x1c)));
        assert_eq!(key("none"), Ok(None));
        assert!(key("x").is_err() && key("ctrl-ab").is_err());
    }
}
