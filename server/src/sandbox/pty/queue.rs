//! What one viewer of a terminal is still to be shown.

use std::collections::VecDeque;

use bytes::Bytes;
use sandwire_protocol::Error;
use sandwire_protocol::kind::command::Exit;

use super::screen::Size;

/// Bytes for a viewer beyond which it does not keep up. What it is shown after an interrupt is no more than this old.
const KEEPS_UP: usize = 64 << 10;

/// Bytes that wait for a viewer at the most, a painting aside.
pub(crate) const MOST: usize = 256 << 10;

/// What a piece costs beside its bytes: without it a flood of tiny pieces would take more memory than is counted.
const PIECE: usize = 128;

/// Something to show.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    /// What the terminal shows, or what paints its screen.
    Data(Bytes),
    /// The painting is complete.
    Live,
    /// The terminal has another size.
    Resized(Size),
    /// The terminal has ended, so; or how is not known.
    Ended(Result<Exit, Error>),
}

/// A viewer's queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// The screen, in front of all that waits.
    painting: Bytes,
    pieces: VecDeque<Piece>,
    /// What the pieces with bytes cost.
    bytes: usize,
    /// What it missed is gone: it has to be painted the screen anew.
    behind: bool,
}

impl Queue {
    /// Whether it takes what is shown.
    pub(crate) fn keeps_up(&self) -> bool {
        !self.behind && self.bytes < KEEPS_UP
    }

    /// Whether it needs to be painted the screen before anything else.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind
    }

    /// What the terminal shows now.
    pub(crate) fn show(&mut self, bytes: &Bytes) {
        if self.behind {
            return;
        }
        if self.bytes + bytes.len() + PIECE > MOST {
            self.let_go();
            return;
        }
        self.bytes += bytes.len() + PIECE;
        self.pieces.push_back(Piece::Data(bytes.clone()));
    }

    /// Gives up what waits: it will be painted the screen as it is then.
    pub(crate) fn let_go(&mut self) {
        self.behind = true;
        self.bytes = 0;
        self.painting = Bytes::new();
        self.pieces.retain(|piece| !matches!(piece, Piece::Data(_)));
    }

    /// Paints the screen, in front of what waits.
    pub(crate) fn paint(&mut self, painting: Vec<u8>) {
        self.behind = false;
        self.painting = painting.into();
    }

    /// Something that is no bytes. Of several sizes only the last matters.
    pub(crate) fn tell(&mut self, piece: Piece) {
        if matches!(piece, Piece::Resized(_)) {
            self.pieces.retain(|piece| !matches!(piece, Piece::Resized(_)));
        }
        self.pieces.push_back(piece);
    }

    /// The next piece, of at most `most` bytes.
    pub(crate) fn next(&mut self, most: usize) -> Option<Piece> {
        if !self.painting.is_empty() {
            return Some(Piece::Data(self.painting.split_to(self.painting.len().min(most))));
        }
        let piece = self.pieces.pop_front()?;
        let Piece::Data(mut bytes) = piece else { return Some(piece) };
        let first = bytes.split_to(bytes.len().min(most));
        self.bytes -= first.len();
        if bytes.is_empty() {
            self.bytes -= PIECE;
        } else {
            self.pieces.push_front(Piece::Data(bytes));
        }
        Some(Piece::Data(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_that_does_not_read_is_let_go_within_its_bound_and_painted_later() {
        let mut queue = Queue::default();
        let chunk = Bytes::from(vec![b'x'; 10_000]);
        let mut shown = 0;
        while !queue.is_behind() {
            assert!(queue.bytes <= MOST);
            queue.show(&chunk);
            shown += 1;
        }
        assert!(shown > 20);
        assert_eq!(queue.next(100), None);
        queue.tell(Piece::Live);
        queue.paint(b"screen".to_vec());
        queue.show(&Bytes::from_static(b"after"));
        assert_eq!(queue.next(4), Some(Piece::Data(Bytes::from_static(b"scre"))));
        assert_eq!(queue.next(100), Some(Piece::Data(Bytes::from_static(b"en"))));
        assert_eq!(queue.next(100), Some(Piece::Live));
        assert_eq!(queue.next(2), Some(Piece::Data(Bytes::from_static(b"af"))));
        assert_eq!(queue.next(100), Some(Piece::Data(Bytes::from_static(b"ter"))));
        assert_eq!(queue.next(100), None);
        assert_eq!(queue.bytes, 0);
    }

    #[test]
    fn tiny_pieces_are_bounded_too() {
        let mut queue = Queue::default();
        while !queue.is_behind() {
            assert!(queue.pieces.len() <= MOST / PIECE);
            queue.show(&Bytes::from_static(b"x"));
        }
    }

    #[test]
    fn a_large_painting_does_not_count_as_falling_behind() {
        let mut queue = Queue::default();
        queue.paint(vec![b'x'; 2 * MOST]);
        queue.show(&Bytes::from_static(b"after"));
        assert!(queue.keeps_up());
        let mut read = 0;
        while let Some(Piece::Data(bytes)) = queue.next(1000) {
            read += bytes.len();
        }
        assert_eq!(read, 2 * MOST + 5);
    }

    #[test]
    fn only_the_last_size_is_told() {
        let mut queue = Queue::default();
        for cols in 1..100 {
            queue.tell(Piece::Resized(Size { cols, rows: 5 }));
        }
        assert_eq!(queue.next(1), Some(Piece::Resized(Size { cols: 99, rows: 5 })));
        assert_eq!(queue.next(1), None);
    }
}
