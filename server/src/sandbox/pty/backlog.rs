//! What the model has not seen yet. Parsing takes longer than showing, so that viewers do not wait for it; and of a
//! flood of plain text only the end is parsed, because nothing of the rest is left on the screen or above it.

use std::collections::VecDeque;

use bytes::Bytes;

use super::screen::Screen;

/// Bytes that the model may be behind.
pub(crate) const MOST: usize = 512 << 10;

/// What one chunk costs at least, in bytes: without it a flood of tiny chunks would take more memory than is counted.
const CHUNK: usize = 128;

/// A model and what it has not seen.
#[derive(Debug)]
pub(crate) struct Backlog {
    screen: Screen,
    chunks: VecDeque<Bytes>,
    /// What the chunks cost.
    bytes: usize,
    /// How many of the last chunks hold no escape sequence.
    plain: usize,
}

impl Backlog {
    /// A model that has seen everything.
    pub(crate) fn new(screen: Screen) -> Self {
        Self { screen, chunks: VecDeque::new(), bytes: 0, plain: 0 }
    }

    /// The model, as far as it has come.
    pub(crate) fn screen(&self) -> &Screen {
        &self.screen
    }

    /// The model, to give it another size once it has seen everything.
    pub(crate) fn screen_mut(&mut self) -> &mut Screen {
        &mut self.screen
    }

    /// What it is behind, in bytes.
    pub(crate) fn behind(&self) -> usize {
        self.bytes
    }

    /// Puts something off for later.
    pub(crate) fn put_off(&mut self, bytes: &Bytes) {
        self.bytes += cost(bytes);
        self.chunks.push_back(bytes.clone());
        let plain = memchr::memchr3(0x1b, 0x0e, 0x0f, bytes).is_none();
        self.plain = if plain { self.plain + 1 } else { 0 };
        if self.bytes > MOST {
            self.forget();
        }
    }

    /// Lets the model see the next bytes, about `most` of them. False when it has seen everything.
    pub(crate) fn catch_up(&mut self, mut most: usize) -> bool {
        while most > 0
            && let Some(mut chunk) = self.chunks.pop_front()
        {
            self.bytes -= cost(&chunk);
            let piece = chunk.split_to(chunk.len().min(most));
            self.screen.process(&piece);
            most -= piece.len();
            if !chunk.is_empty() {
                self.bytes += cost(&chunk);
                self.chunks.push_front(chunk);
            }
            self.plain = self.plain.min(self.chunks.len());
        }
        !self.chunks.is_empty()
    }

    /// Drops what will have been scrolled out of the scrollback when the model has seen what is behind it.
    pub(crate) fn forget(&mut self) {
        if self.plain < self.chunks.len() {
            return;
        }
        let Some(mut lines) = self.screen.forgets_after() else { return };
        let mut searched = false;
        for (index, chunk) in self.chunks.iter().enumerate().rev() {
            for at in memchr::memrchr_iter(b'\n', chunk) {
                lines = lines.saturating_sub(1);
                if lines > 0 {
                    continue;
                }
                // What stays begins where the line before it ended: mostly at the left margin.
                if at.checked_sub(1).is_some_and(|before| chunk.get(before) == Some(&b'\r')) {
                    return self.drop_until(index, at + 1, 0);
                }
                if !searched && let Some(column) = self.column(index, at) {
                    return self.drop_until(index, at + 1, column);
                }
                searched = true;
            }
        }
    }

    /// The column of the cursor after what is before a place, where that is so plain that it needs no model: what a
    /// program writes to a raw terminal, which adds no return to a new line. The width itself means that the next
    /// character goes to the next line.
    fn column(&self, index: usize, at: usize) -> Option<usize> {
        let cols = usize::from(self.screen.size().cols);
        let mut printed = 0;
        let mut first = self.screen.column();
        for (number, chunk) in self.chunks.iter().enumerate().take(index + 1).rev() {
            let bytes = if number == index { chunk.get(..at)? } else { &chunk[..] };
            let returned = memchr::memrchr(b'\r', bytes);
            let line = bytes.get(returned.map_or(0, |at| at + 1)..)?;
            let (mut characters, mut simple) = (0, true);
            for byte in line {
                characters += usize::from(*byte != b'\n');
                simple &= matches!(byte, b' '..=b'~' | b'\n');
            }
            if !simple {
                return None;
            }
            printed += characters;
            if returned.is_some() {
                first = 0;
                break;
            }
        }
        Some(if printed == 0 { first } else { (first + printed - 1) % cols + 1 })
    }

    /// What stays begins in this column.
    fn drop_until(&mut self, index: usize, at: usize, column: usize) {
        self.chunks.drain(..index);
        if let Some(first) = self.chunks.front_mut() {
            *first = first.split_off(at);
        }
        // The line that this is printed on is scrolled away, too.
        let mut margin = vec![b' '; 1 + column];
        margin[0] = b'\r';
        self.chunks.push_front(margin.into());
        self.bytes = self.chunks.iter().map(cost).sum();
        self.plain = self.chunks.len();
    }
}

fn cost(chunk: &Bytes) -> usize {
    chunk.len() + CHUNK
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::screen::Size;
    use super::*;

    const SIZE: Size = Size { cols: 20, rows: 5 };

    /// Lines that wrap, have tabs, wide characters and lone returns.
    fn flood(seed: usize) -> String {
        let line = |n: usize| match (n + seed) % 7 {
            0 => format!("{n}\r\n"),
            1 => format!("{n} wraps over more than one line\r\n"),
            2 => format!("\t{n}\tx\r\n"),
            3 => format!("漢字🦀{n}\r\n"),
            4 => format!("old\rnew{n}\r\n"),
            5 => "\r\n".to_owned(),
            _ => format!("{n}\n"),
        };
        (0..60_000).map(line).collect()
    }

    /// Lines as a raw terminal shows them: each begins below the end of the one before.
    fn raw_flood(seed: usize) -> String {
        let line = |n: usize| match (n + seed) % 5 {
            0 => format!("{n}\n"),
            1 => "20 characters exactly\n"[1..].to_owned(),
            2 => "\n".to_owned(),
            3 if n % 20_011 == 3 => "returned\r".to_owned(),
            _ => format!("{n} goes over more than one line of it, and over a third\n"),
        };
        (0..60_000).map(line).collect()
    }

    fn seen(backlog: &mut Backlog) -> (String, Vec<u8>) {
        while backlog.catch_up(10_000) {}
        (backlog.screen().text(usize::MAX), backlog.screen().paint(usize::MAX))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

        #[test]
        fn what_is_forgotten_is_not_missed(
            seed in 0_usize..7, chunk in 500_usize..70_000, before in "\\PC{0,40}", more in 0_usize..100, raw: bool,
        ) {
            let flood = if raw { raw_flood(seed) } else { flood(seed) };
            let bytes: Bytes = format!("{before}\x1b[3;32m\x1b[4;7H{flood}").into();
            let mut whole = Screen::new(SIZE, 50);
            whole.process(&bytes);
            let mut backlog = Backlog::new(Screen::new(SIZE, 50));
            let (mut largest, mut forgotten) = (0, false);
            for piece in bytes.chunks(chunk) {
                let before = backlog.behind();
                backlog.put_off(&bytes.slice_ref(piece));
                forgotten |= backlog.behind() < before;
                largest = largest.max(backlog.behind());
                backlog.catch_up(more);
                while backlog.behind() > MOST {
                    backlog.catch_up(1000);
                }
            }
            let mut whole = Backlog::new(whole);
            prop_assert!(forgotten);
            prop_assert!(largest <= MOST + chunk + CHUNK);
            prop_assert_eq!(seen(&mut backlog), seen(&mut whole));
        }
    }

    #[test]
    fn nothing_is_forgotten_that_may_still_be_seen() {
        for before in ["\x1b[1;3r", "\x1b[?1049h", "\x1b[4h", "\x1b(0"] {
            let mut backlog = Backlog::new(Screen::new(SIZE, 50));
            backlog.put_off(&Bytes::copy_from_slice(before.as_bytes()));
            backlog.catch_up(100);
            let lines = Bytes::from("line\r\n".repeat(10_000));
            for _ in 0..12 {
                backlog.put_off(&lines);
            }
            assert!(backlog.behind() > 12 * lines.len(), "{before:?}");
        }
    }
}
