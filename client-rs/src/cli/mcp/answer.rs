//! What a tool answers: text of a bounded size that is true about what it leaves out, and errors with what to do.

use std::collections::VecDeque;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{CallToolResult, ContentBlock};
use sandwire::Error;

/// What a tool answers in words, or why it cannot.
pub(super) type Answer = Result<String, Failed>;

/// What a tool answers.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// In words.
    pub(super) text: String,
    /// Pictures, with their MIME types.
    pub(super) pictures: Vec<(String, Vec<u8>)>,
}

impl From<String> for Said {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

/// Why a tool could not do its work.
#[derive(Debug)]
pub(super) enum Failed {
    /// The sandbox, or the way to it.
    Sandbox(Error),
    /// The arguments, or what they are about.
    Wrong(String),
}

impl<E: Into<Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Sandbox(error.into())
    }
}

/// An error about the arguments.
pub(super) fn wrong(text: impl Into<String>) -> Failed {
    Failed::Wrong(text.into())
}

/// The answer as MCP has it. What goes wrong in the sandbox is for the model to read, and no error of the protocol.
pub(super) fn result(answer: Result<Said, Failed>) -> CallToolResult {
    match answer {
        Ok(Said { text, pictures }) => {
            let pictures =
                pictures.into_iter().map(|(mime, content)| ContentBlock::image(STANDARD.encode(content), mime));
            CallToolResult::success(std::iter::once(ContentBlock::text(text)).chain(pictures).collect())
        }
        Err(Failed::Wrong(text)) => CallToolResult::error(vec![ContentBlock::text(text)]),
        Err(Failed::Sandbox(error)) => {
            let text = match error.code() {
                Some(code) => {
                    let told = super::super::fail::describe(&error);
                    format!("{told}\nWhat to do: {}", code.remedy())
                }
                None => error.to_string(),
            };
            CallToolResult::error(vec![ContentBlock::text(text)])
        }
    }
}

/// The first and the last bytes of an output, and how many there were. Holds no more than its limit.
#[derive(Debug)]
pub(super) struct Ends {
    half: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
    /// Whether the head is all that there is of it.
    closed: bool,
}

impl Ends {
    /// Keeps so many bytes.
    pub(super) const fn new(limit: usize) -> Self {
        Self { half: limit / 2, head: Vec::new(), tail: VecDeque::new(), total: 0, closed: false }
    }

    /// More of the output.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.total += data.len() as u64;
        let room = if self.closed { 0 } else { self.half - self.head.len() };
        let (first, rest) = data.split_at(data.len().min(room));
        self.head.extend_from_slice(first);
        let rest = rest.get(rest.len().saturating_sub(self.half)..).unwrap_or_default();
        let over = (self.tail.len() + rest.len()).saturating_sub(self.half);
        self.tail.drain(..over);
        self.tail.extend(rest);
    }

    /// So many bytes that nobody has any more.
    pub(super) fn gap(&mut self, missing: u64) {
        self.total += missing;
        self.closed = true;
        self.tail.clear();
    }

    /// Whether something was left out.
    pub(super) fn cut(&self) -> bool {
        self.total > (self.head.len() + self.tail.len()) as u64
    }

    /// The text; `rest` says how to get what is left out, from an offset.
    pub(super) fn text(&self, rest: impl FnOnce(u64) -> String) -> String {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        if !self.cut() {
            return shown(&[self.head.as_slice(), &tail].concat());
        }
        // Not in the middle of a character.
        let head = match std::str::from_utf8(&self.head) {
            Err(error) if error.error_len().is_none() => self.head.get(..error.valid_up_to()).unwrap_or_default(),
            Ok(_) | Err(_) => &self.head,
        };
        let begun = tail.iter().take(3).take_while(|byte| (0x80..0xc0).contains(*byte)).count();
        let tail = tail.get(begun..).unwrap_or_default();
        let left_out = self.total - (head.len() + tail.len()) as u64;
        let rest = rest(head.len() as u64);
        format!("{}\n[… {left_out} of {} bytes are left out here. {rest} …]\n{}", shown(head), self.total, shown(tail))
    }
}

/// Bytes as text. What is no UTF-8 stands there as `\xNN`, and that is said.
pub(super) fn shown(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut invalid = 0;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            invalid += 1;
            // Writing to a string cannot fail.
            write!(text, "\\x{byte:02x}").unwrap_or_default();
        }
    }
    if invalid > 0 {
        write!(text, "\n[{invalid} bytes are not UTF-8 and stand here as \\xNN]").unwrap_or_default();
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn ends(limit: usize, pieces: &[&[u8]]) -> Ends {
        let mut ends = Ends::new(limit);
        for piece in pieces {
            ends.push(piece);
        }
        ends
    }

    #[test]
    fn what_fits_is_whole_and_the_rest_is_counted() {
        assert_eq!(ends(8, &[b"abc", b"defgh"]).text(|_| unreachable!()), "abcdefgh");
        let cut = ends(8, &[b"abcdef", b"", b"ghijklmnop", b"q"]);
        let text = cut.text(|offset| format!("from {offset}"));
        assert_eq!(text, "abcd\n[… 9 of 17 bytes are left out here. from 4 …]\nnopq");
        assert!(cut.tail.capacity() <= 64);
        let mut gap = ends(8, &[b"ab"]);
        gap.gap(10);
        gap.push(b"xyz");
        assert_eq!(gap.text(|_| "-".to_owned()), "ab\n[… 10 of 15 bytes are left out here. - …]\nxyz");
        // A character at the cut belongs to what is left out, on both sides.
        let text = ends(8, &["aaa€bbbb€c".as_bytes()]).text(|offset| offset.to_string());
        assert_eq!(text, "aaa\n[… 7 of 14 bytes are left out here. 3 …]\n€c");
        let text = ends(6, &["aaa€bbbb€".as_bytes(), b"cc"]).text(|offset| offset.to_string());
        assert_eq!(text, "aaa\n[… 10 of 15 bytes are left out here. 3 …]\ncc");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_what_they_are() {
        assert_eq!(shown("grün".as_bytes()), "grün");
        assert_eq!(shown(b"a\xff\xfeb"), "a\\xff\\xfeb\n[2 bytes are not UTF-8 and stand here as \\xNN]");
    }
}
