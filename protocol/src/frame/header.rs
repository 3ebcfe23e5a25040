//! The fixed-width header: all that a relay needs to know of a frame.

use crate::error::WireError;

/// Length of the header in bytes: array marker, kind, lane, channel.
pub const LEN: usize = 12;

/// Frame kinds by number. A number is never used again for another frame.
pub mod kind {
    /// HELLO.
    pub const HELLO: u8 = 1;
    /// WELCOME.
    pub const WELCOME: u8 = 2;
    /// ACK.
    pub const ACK: u8 = 3;
    /// PING.
    pub const PING: u8 = 4;
    /// PONG.
    pub const PONG: u8 = 5;
    /// GOAWAY.
    pub const GOAWAY: u8 = 6;
    /// RESET.
    pub const RESET: u8 = 7;
    /// OPEN.
    pub const OPEN: u8 = 8;
    /// DATA.
    pub const DATA: u8 = 9;
    /// EVENT.
    pub const EVENT: u8 = 10;
    /// CREDIT.
    pub const CREDIT: u8 = 11;
    /// END.
    pub const END: u8 = 12;
    /// CLOSE.
    pub const CLOSE: u8 = 13;
    /// CANCEL.
    pub const CANCEL: u8 = 14;
}

/// A frame's address, read without decoding the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Number of elements of the array.
    pub elements: u8,
    /// Frame kind, see [`kind`].
    pub kind: u8,
    /// Lane.
    pub lane: u32,
    /// Channel.
    pub channel: u32,
}

const FIXARRAY: u8 = 0x90;
const UINT32: u8 = 0xce;

impl Header {
    /// Reads the header at the begin of a frame.
    ///
    /// # Errors
    /// [`WireError::Malformed`] for any other form than the fixed one.
    pub fn read(frame: &[u8]) -> Result<Header, WireError> {
        let [marker, kind, UINT32, l0, l1, l2, l3, UINT32, c0, c1, c2, c3, ..] = *frame else {
            return Err(WireError::Malformed("not the fixed header [kind, uint32 lane, uint32 channel, …]"));
        };
        if marker & 0xf0 != FIXARRAY || marker & 0x0f < 3 {
            return Err(WireError::Malformed("not an array of 3 to 15 elements"));
        }
        Ok(Header {
            elements: marker & 0x0f,
            kind,
            lane: u32::from_be_bytes([l0, l1, l2, l3]),
            channel: u32::from_be_bytes([c0, c1, c2, c3]),
        })
    }

    /// The header's bytes.
    pub const fn bytes(self) -> [u8; LEN] {
        let [l0, l1, l2, l3] = self.lane.to_be_bytes();
        let [c0, c1, c2, c3] = self.channel.to_be_bytes();
        [FIXARRAY | (self.elements & 0x0f), self.kind, UINT32, l0, l1, l2, l3, UINT32, c0, c1, c2, c3]
    }
}

/// Gives an encoded frame another lane, in place. Returns whether it had a header to overwrite.
pub fn readdress(frame: &mut [u8], lane: u32) -> bool {
    if Header::read(frame).is_err() {
        return false;
    }
    if let Some(place) = frame.get_mut(3..7) {
        place.copy_from_slice(&lane.to_be_bytes());
    }
    true
}
