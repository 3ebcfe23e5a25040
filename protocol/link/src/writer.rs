//! The write half of a connection: takes what the signal names, lays it out as WebSocket frames, writes it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes, BytesMut};
use sandwire_protocol::frame::Frame;
use sandwire_protocol::lane::{Epoch, Role};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame as WsFrame, FrameHeader};

use crate::lane::Link;
use crate::signal::{Signal, Work};

/// Frames are gathered until so many bytes are worth a write. Not more: what is gathered cannot be overtaken.
const BATCH: usize = 16 << 10;

/// Payloads from this size on go to the kernel from where they are, without a copy into the batch.
const GATHER_FROM: usize = 4 << 10;

/// Masks are cut from random bytes that are drawn this many at once.
const MASK_POOL: usize = 512;

pub(crate) type Links = Arc<Mutex<BTreeMap<u32, (Link, Epoch)>>>;

pub(crate) struct Writer<W> {
    out: W,
    signal: Arc<Signal>,
    links: Links,
    /// A client masks what it sends (RFC 6455, section 5.3).
    masks: Option<Masks>,
    batch: BytesMut,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(crate) fn new(out: W, signal: Arc<Signal>, links: Links, role: Role) -> Self {
        let masks = match role {
            Role::Client => Some(Masks::default()),
            Role::Server => None,
        };
        Self { out, signal, links, masks, batch: BytesMut::new() }
    }

    /// Runs until the connection is closed from this side or a write fails.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        loop {
            match self.signal.take() {
                None if self.batch.is_empty() => {
                    // An idle connection keeps no batch.
                    self.batch = BytesMut::new();
                    self.signal.wait().await;
                }
                None => self.flush(None).await?,
                Some(Work::Control(bytes)) => self.batch.extend_from_slice(&bytes),
                Some(Work::Reply(frame)) => self.put(&frame).await?,
                Some(Work::Lane(lane)) => {
                    if let Some(frame) = self.next_of(lane) {
                        self.put(&frame).await?;
                    }
                }
                Some(Work::Close(code, reason)) => return self.close(code, reason).await,
            }
        }
    }

    fn next_of(&self, lane: u32) -> Option<Frame> {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let (link, epoch) = links.get(&lane)?;
        let mut frame = link.poll_transmit(*epoch)?;
        frame.lane = lane;
        Some(frame)
    }

    async fn put(&mut self, frame: &Frame) -> io::Result<()> {
        let empty = Bytes::new();
        let payload = frame.body.payload().unwrap_or(&empty);
        let mut head = BytesMut::with_capacity(sandwire_protocol::frame::codec::MAX_HEAD);
        frame.encode_head(&mut head);
        let length = (head.len() + payload.len()) as u64;
        let mask = self.masks.as_mut().map(Masks::next).transpose()?;
        let header = FrameHeader { opcode: OpCode::Data(Data::Binary), mask, ..FrameHeader::default() };
        let mut start = Vec::with_capacity(16);
        header.format(length, &mut start).map_err(io::Error::other)?;
        self.batch.extend_from_slice(&start);
        let from = self.batch.len();
        self.batch.extend_from_slice(&head);
        match mask {
            None if payload.len() >= GATHER_FROM => return self.flush(Some(payload.clone())).await,
            None => self.batch.extend_from_slice(payload),
            Some(mask) => {
                self.batch.extend_from_slice(payload);
                if let Some(masked) = self.batch.get_mut(from..) {
                    apply_mask(masked, mask);
                }
            }
        }
        if self.batch.len() >= BATCH { self.flush(None).await } else { Ok(()) }
    }

    /// Writes the batch, and the payload behind it.
    async fn flush(&mut self, payload: Option<Bytes>) -> io::Result<()> {
        let payload = payload.unwrap_or_default();
        let mut both = (&self.batch[..]).chain(payload);
        self.out.write_all_buf(&mut both).await?;
        self.batch.clear();
        self.out.flush().await
    }

    async fn close(mut self, code: u16, reason: String) -> io::Result<()> {
        let close = CloseFrame { code: CloseCode::from(code), reason: truncate(&reason).into() };
        let mut frame = WsFrame::close(Some(close));
        frame.header_mut().mask = self.masks.as_mut().map(Masks::next).transpose()?;
        debug_assert_eq!(frame.header().opcode, OpCode::Control(Control::Close));
        let mut bytes = Vec::new();
        frame.format(&mut bytes).map_err(io::Error::other)?;
        self.batch.extend_from_slice(&bytes);
        self.flush(None).await?;
        self.out.shutdown().await
    }
}

/// A close reason has at most 123 bytes (RFC 6455, section 5.5).
fn truncate(reason: &str) -> &str {
    let mut end = reason.len().min(123);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.get(..end).unwrap_or_default()
}

fn apply_mask(bytes: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
    for (byte, mask) in rest.iter_mut().skip(4).zip(mask) {
        *byte ^= mask;
    }
}

/// Random masks. They must not be guessable by what makes the payload (RFC 6455, section 10.3).
struct Masks {
    pool: [u8; MASK_POOL],
    used: usize,
}

impl Default for Masks {
    fn default() -> Self {
        Self { pool: [0; MASK_POOL], used: MASK_POOL }
    }
}

impl Masks {
    fn next(&mut self) -> io::Result<[u8; 4]> {
        if self.used + 4 > MASK_POOL {
            getrandom::fill(&mut self.pool).map_err(io::Error::other)?;
            self.used = 0;
        }
        let (masks, _) = self.pool.as_chunks::<4>();
        let mask = masks.get(self.used / 4).copied().unwrap_or_default();
        self.used += 4;
        Ok(mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masking_is_byte_by_byte_xor_at_every_length() {
        for length in 0..40 {
            let mut bytes: Vec<u8> = (0..length).collect();
            apply_mask(&mut bytes, [1, 2, 3, 4]);
            let expected: Vec<u8> = (0..length).map(|i| i ^ [1, 2, 3, 4][usize::from(i % 4)]).collect();
            assert_eq!(bytes, expected);
        }
    }

    #[test]
    fn a_close_reason_is_cut_at_a_character() {
        assert_eq!(truncate(&"ä".repeat(100)).len(), 122);
    }
}
