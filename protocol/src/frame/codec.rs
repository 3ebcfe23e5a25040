//! Bytes to frames and back. There is one encoding of each frame: integers and lengths have their shortest form.

use bytes::{BufMut, Bytes, BytesMut};

use super::header::{Header, LEN, kind};
use super::{Body, Frame, Outcome};
use crate::error::WireError;
use crate::limits::{MAX_FRAME, MAX_KIND_NAME};
use crate::schedule::Class;

/// Longest head (everything but the payload) of any frame, in bytes.
pub const MAX_HEAD: usize = LEN + MAX_KIND_NAME + 16;

impl Frame {
    /// Encodes the frame.
    pub fn encode(&self) -> Bytes {
        let payload = self.body.payload();
        let mut out = BytesMut::with_capacity(MAX_HEAD + payload.map_or(0, Bytes::len));
        self.encode_head(&mut out);
        if let Some(payload) = payload {
            out.put_slice(payload);
        }
        out.freeze()
    }

    /// Length of the encoded frame in bytes.
    pub fn encoded_len(&self) -> usize {
        let mut head = BytesMut::with_capacity(MAX_HEAD);
        self.encode_head(&mut head);
        head.len() + self.body.payload().map_or(0, Bytes::len)
    }

    /// Encodes everything but the payload's own bytes, which follow as they are: a writer that can gather needs no copy.
    pub fn encode_head(&self, out: &mut BytesMut) {
        let mut head = |kind: u8, elements: u8| {
            out.put_slice(&Header { elements, kind, lane: self.lane, channel: self.channel }.bytes());
        };
        match &self.body {
            Body::Hello(payload) => {
                head(kind::HELLO, 4);
                put_bin_len(out, payload.len());
            }
            Body::Welcome(payload) => {
                head(kind::WELCOME, 4);
                put_bin_len(out, payload.len());
            }
            Body::Ack { received } => {
                head(kind::ACK, 4);
                put_uint(out, *received);
            }
            Body::Ping { nonce } => {
                head(kind::PING, 4);
                put_uint(out, *nonce);
            }
            Body::Pong { nonce, received } => {
                head(kind::PONG, 5);
                put_uint(out, *nonce);
                put_uint(out, *received);
            }
            Body::GoAway(payload) => {
                head(kind::GOAWAY, 4);
                put_bin_len(out, payload.len());
            }
            Body::Reset(payload) => {
                head(kind::RESET, 4);
                put_bin_len(out, payload.len());
            }
            Body::Open { kind: name, class, params } => {
                head(kind::OPEN, 6);
                put_str(out, name);
                put_uint(out, class.map_or(0, |class| class as u64));
                put_bin_len(out, params.len());
            }
            Body::Data { stream, data } => {
                head(kind::DATA, 5);
                put_uint(out, u64::from(*stream));
                put_bin_len(out, data.len());
            }
            Body::Event(payload) => {
                head(kind::EVENT, 4);
                put_bin_len(out, payload.len());
            }
            Body::Credit { bytes } => {
                head(kind::CREDIT, 4);
                put_uint(out, u64::from(*bytes));
            }
            Body::End { stream } => {
                head(kind::END, 4);
                put_uint(out, u64::from(*stream));
            }
            Body::Close(outcome) => {
                head(kind::CLOSE, 5);
                let (status, payload) = match outcome {
                    Outcome::Result(payload) => (0, payload),
                    Outcome::Error(payload) => (1, payload),
                };
                put_uint(out, status);
                put_bin_len(out, payload.len());
            }
            Body::Cancel => head(kind::CANCEL, 3),
        }
    }

    /// Decodes one frame. Payloads are slices of `bytes`, not copies.
    ///
    /// # Errors
    /// A [`WireError`] that says what is wrong.
    pub fn decode(bytes: &Bytes) -> Result<Frame, WireError> {
        if bytes.len() > MAX_FRAME {
            return Err(WireError::TooLarge(bytes.len()));
        }
        let header = Header::read(bytes)?;
        let mut fields = Fields { bytes, at: LEN };
        let of_channel = header.kind >= kind::OPEN;
        let (elements, body) = match header.kind {
            kind::HELLO => (4, Body::Hello(fields.bin()?)),
            kind::WELCOME => (4, Body::Welcome(fields.bin()?)),
            kind::ACK => (4, Body::Ack { received: fields.uint()? }),
            kind::PING => (4, Body::Ping { nonce: fields.uint()? }),
            kind::PONG => (5, Body::Pong { nonce: fields.uint()?, received: fields.uint()? }),
            kind::GOAWAY => (4, Body::GoAway(fields.bin()?)),
            kind::RESET => (4, Body::Reset(fields.bin()?)),
            kind::OPEN => {
                let name = fields.kind_name()?;
                let class = match fields.uint()? {
                    0 => None,
                    1 => Some(Class::Interactive),
                    2 => Some(Class::Bulk),
                    _ => return Err(WireError::Malformed("the class of OPEN is 0, 1 or 2")),
                };
                (6, Body::Open { kind: name, class, params: fields.bin()? })
            }
            kind::DATA => {
                let stream = fields.stream()?;
                let data = fields.bin()?;
                if data.is_empty() {
                    return Err(WireError::Malformed("DATA without a byte"));
                }
                (5, Body::Data { stream, data })
            }
            kind::EVENT => (4, Body::Event(fields.bin()?)),
            kind::CREDIT => {
                let bytes = u32::try_from(fields.uint()?).ok().filter(|bytes| *bytes > 0);
                (4, Body::Credit { bytes: bytes.ok_or(WireError::Malformed("CREDIT is 1 to 2^32 - 1"))? })
            }
            kind::END => (4, Body::End { stream: fields.stream()? }),
            kind::CLOSE => {
                let outcome = match fields.uint()? {
                    0 => Outcome::Result(fields.bin()?),
                    1 => Outcome::Error(fields.bin()?),
                    _ => return Err(WireError::Malformed("the status of CLOSE is 0 or 1")),
                };
                (5, Body::Close(outcome))
            }
            kind::CANCEL => (3, Body::Cancel),
            other => return Err(WireError::UnknownFrame(other)),
        };
        if header.elements != elements {
            return Err(WireError::Malformed("wrong number of elements for this kind of frame"));
        }
        if fields.at != bytes.len() {
            return Err(WireError::Malformed("bytes after the end of the frame"));
        }
        if of_channel == (header.channel == 0) {
            return Err(WireError::Malformed("frames of a channel have a channel, others have 0"));
        }
        Ok(Frame { lane: header.lane, channel: header.channel, body })
    }
}

fn put_uint(out: &mut BytesMut, value: u64) {
    if value < 0x80 {
        out.put_u8(value as u8);
    } else if let Ok(value) = u8::try_from(value) {
        out.put_u8(0xcc);
        out.put_u8(value);
    } else if let Ok(value) = u16::try_from(value) {
        out.put_u8(0xcd);
        out.put_u16(value);
    } else if let Ok(value) = u32::try_from(value) {
        out.put_u8(0xce);
        out.put_u32(value);
    } else {
        out.put_u8(0xcf);
        out.put_u64(value);
    }
}

fn put_bin_len(out: &mut BytesMut, len: usize) {
    if let Ok(len) = u8::try_from(len) {
        out.put_u8(0xc4);
        out.put_u8(len);
    } else if let Ok(len) = u16::try_from(len) {
        out.put_u8(0xc5);
        out.put_u16(len);
    } else {
        out.put_u8(0xc6);
        out.put_u32(u32::try_from(len).unwrap_or(u32::MAX));
    }
}

/// Names longer than [`MAX_KIND_NAME`] are cut, so that the head keeps its bound; no kind has such a name.
fn put_str(out: &mut BytesMut, text: &str) {
    let mut end = text.len().min(MAX_KIND_NAME);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.as_bytes().get(..end).unwrap_or_default();
    if text.len() < 32 {
        out.put_u8(0xa0 | text.len() as u8);
    } else {
        out.put_u8(0xd9);
        out.put_u8(text.len() as u8);
    }
    out.put_slice(text);
}

struct Fields<'a> {
    bytes: &'a Bytes,
    at: usize,
}

const SHORT: WireError = WireError::Malformed("the frame ends too early");

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let end = self.at.saturating_add(N);
        let slice = self.bytes.get(self.at..end).ok_or(SHORT)?;
        self.at = end;
        slice.try_into().map_err(|_| SHORT)
    }

    fn slice(&mut self, len: usize) -> Result<Bytes, WireError> {
        let end = self.at.saturating_add(len);
        if end > self.bytes.len() {
            return Err(SHORT);
        }
        let slice = self.bytes.slice(self.at..end);
        self.at = end;
        Ok(slice)
    }

    fn uint(&mut self) -> Result<u64, WireError> {
        let [marker] = self.take()?;
        let (value, least) = match marker {
            0..=0x7f => (u64::from(marker), 0),
            0xcc => (u64::from(u8::from_be_bytes(self.take()?)), 0x80),
            0xcd => (u64::from(u16::from_be_bytes(self.take()?)), 0x100),
            0xce => (u64::from(u32::from_be_bytes(self.take()?)), 0x1_0000),
            0xcf => (u64::from_be_bytes(self.take()?), 0x1_0000_0000),
            _ => return Err(WireError::Malformed("not an unsigned integer")),
        };
        if value < least {
            return Err(WireError::Malformed("an integer that is not in its shortest form"));
        }
        Ok(value)
    }

    fn stream(&mut self) -> Result<u8, WireError> {
        u8::try_from(self.uint()?).ok().filter(|stream| *stream <= 2).ok_or(WireError::Malformed("a stream is 0 to 2"))
    }

    fn bin(&mut self) -> Result<Bytes, WireError> {
        let [marker] = self.take()?;
        let (len, least) = match marker {
            0xc4 => (usize::from(u8::from_be_bytes(self.take()?)), 0),
            0xc5 => (usize::from(u16::from_be_bytes(self.take()?)), 0x100),
            0xc6 => (u32::from_be_bytes(self.take()?) as usize, 0x1_0000),
            _ => return Err(WireError::Malformed("the payload is not a bin")),
        };
        if len < least {
            return Err(WireError::Malformed("a length that is not in its shortest form"));
        }
        self.slice(len)
    }

    fn kind_name(&mut self) -> Result<String, WireError> {
        let [marker] = self.take()?;
        let len = match marker {
            0xa0..=0xbf => usize::from(marker & 0x1f),
            0xd9 => {
                let [len] = self.take()?;
                if len < 32 {
                    return Err(WireError::Malformed("a length that is not in its shortest form"));
                }
                usize::from(len)
            }
            _ => return Err(WireError::Malformed("the kind of OPEN is not a str")),
        };
        if len > MAX_KIND_NAME {
            return Err(WireError::Malformed("the kind of OPEN is too long"));
        }
        let name = self.slice(len)?;
        match std::str::from_utf8(&name) {
            Ok(name) => Ok(name.to_owned()),
            Err(_) => Err(WireError::Malformed("the kind of OPEN is not UTF-8")),
        }
    }
}
