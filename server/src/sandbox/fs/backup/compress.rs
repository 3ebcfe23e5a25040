//! Compression, both ways, with a memory that is known.
//!
//! Zstandard with a window of [`WINDOW_LOG`] takes 4.4 MiB at its highest level here, and 1.5 MiB to decompress; an
//! archive that asks for a larger window is refused. Gzip takes less than 1 MiB.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use sandwire_protocol::Error;
use sandwire_protocol::kind::backup::Compression;

use super::seal::{Unsealed, damaged};
use crate::sandbox::fs::tree_write::archive::Source;

/// Logarithm of the window: how far back what repeats is found.
const WINDOW_LOG: u32 = 20;

/// Bytes that are decompressed at a time.
const PIECE: usize = 64 << 10;

/// The default level and the highest one. Above these, Zstandard takes a multiple of the memory for a few hundredths.
pub(super) const fn levels(compression: Compression) -> (u32, u32) {
    match compression {
        Compression::Zstd => (3, 6),
        Compression::Gzip => (6, 9),
        Compression::None => (0, 0),
    }
}

/// Compresses what is written to it.
pub(super) enum Compressor<W: Write> {
    Zstd(zstd::stream::write::Encoder<'static, W>),
    Gzip(GzEncoder<W>),
    None(W),
}

impl<W: Write> Compressor<W> {
    /// One that writes to `output`, at a level within [`levels`].
    pub(super) fn new(output: W, compression: Compression, level: u32) -> io::Result<Self> {
        Ok(match compression {
            Compression::Zstd => {
                let level = i32::try_from(level).map_err(io::Error::other)?;
                let mut encoder = zstd::stream::write::Encoder::new(output, level)?;
                encoder.window_log(WINDOW_LOG)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
            Compression::Gzip => Self::Gzip(GzEncoder::new(output, flate2::Compression::new(level))),
            Compression::None => Self::None(output),
        })
    }

    /// Writes what is left, and gives back where it went.
    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Self::Zstd(encoder) => encoder.finish(),
            Self::Gzip(encoder) => encoder.finish(),
            Self::None(output) => Ok(output),
        }
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Zstd(encoder) => encoder.write(data),
            Self::Gzip(encoder) => encoder.write(data),
            Self::None(output) => output.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Zstd(encoder) => encoder.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::None(output) => output.flush(),
        }
    }
}

/// What an archive decompresses to.
pub(super) fn source(archive: Unsealed) -> Result<Source, Error> {
    let mut reader: Box<dyn Read> = match archive.compression() {
        Compression::Zstd => {
            let decoder = zstd::stream::read::Decoder::new(archive).and_then(|mut decoder| {
                decoder.window_log_max(WINDOW_LOG)?;
                Ok(decoder)
            });
            Box::new(decoder.map_err(|error| told(&error))?)
        }
        Compression::Gzip => Box::new(MultiGzDecoder::new(archive)),
        Compression::None => Box::new(archive),
    };
    let mut buffer = vec![0; PIECE];
    Ok(Box::new(move || {
        let length = reader.read(&mut buffer).map_err(|error| told(&error))?;
        Ok(if length == 0 { None } else { Some(Bytes::copy_from_slice(&buffer[..length])) })
    }))
}

/// The error that the archive's own bytes ended with, or what the decompressor says of them.
fn told(error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => error.clone(),
        None => damaged(&format!("the archive cannot be decompressed: {error}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use zstd::zstd_safe::{CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer};

    use super::*;

    #[test]
    fn the_highest_level_takes_the_memory_that_is_told() {
        let (_, most) = levels(Compression::Zstd);
        for level in 1..=most {
            let mut context = CCtx::create();
            context.set_parameter(CParameter::CompressionLevel(level as i32)).unwrap();
            context.set_parameter(CParameter::WindowLog(WINDOW_LOG)).unwrap();
            let mut made = vec![0; 1 << 20];
            let data: Vec<u8> = (0..4_u32 << 20).flat_map(|at| (at.wrapping_mul(at) >> 13).to_le_bytes()).collect();
            let mut input = InBuffer::around(&data);
            while input.pos < data.len() {
                context.compress_stream(&mut OutBuffer::around(&mut made), &mut input).unwrap();
            }
            assert!(context.sizeof() <= 9 << 19, "level {level}: {} KiB", context.sizeof() >> 10);
        }
        let mut context = DCtx::create();
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).unwrap();
        assert!(context.sizeof() <= 1 << 19);
    }
}
