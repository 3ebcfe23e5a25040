//! The asking side: blocking, one request at a time.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::Operation;

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// How a command ended: its code, or its signal as a negative number.
pub type Exit = i32;

/// A connection to the bare server.
#[derive(Debug)]
pub struct Connection {
    socket: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        Ok(Self { socket: BufReader::with_capacity(BUFFER, socket) })
    }

    /// One round trip.
    ///
    /// # Errors
    /// When the connection breaks, as everywhere here.
    pub fn ping(&mut self) -> io::Result<()> {
        self.ask(Operation::Ping, &[])?;
        self.number().map(drop)
    }

    /// Runs a command to its end: its exit and stdout.
    pub fn exec(&mut self, command: &str) -> io::Result<(Exit, Vec<u8>)> {
        self.ask(Operation::Exec, command.as_bytes())?;
        let exit = self.number()?.cast_signed();
        let output = self.piece()?;
        self.piece()?;
        Ok((exit, output))
    }

    /// Runs a command and hands out its stdout as it comes.
    pub fn stream(&mut self, command: &str, take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<Exit> {
        self.start_stream(command)?;
        self.finish_stream(take)
    }

    /// The first half of [`Connection::stream`]: asks, and reads nothing.
    pub fn start_stream(&mut self, command: &str) -> io::Result<()> {
        self.ask(Operation::Stream, command.as_bytes())
    }

    /// The second half: reads all.
    pub fn finish_stream(&mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<Exit> {
        loop {
            match self.number()? as usize {
                0 => return Ok(self.number()?.cast_signed()),
                length => self.take(length, &mut take)?,
            }
        }
    }

    /// Opens a terminal. The connection is its own from now on.
    pub fn terminal(mut self, command: &str) -> io::Result<Terminal> {
        self.ask(Operation::Terminal, command.as_bytes())?;
        Ok(Terminal { connection: self })
    }

    /// Reads a file and hands out its content: the size.
    pub fn read(&mut self, path: &str, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
        self.ask(Operation::Read, path.as_bytes())?;
        let mut size = [0; 8];
        self.socket.read_exact(&mut size)?;
        let size = u64::from_le_bytes(size);
        self.take(size as usize, &mut take)?;
        Ok(size)
    }

    /// Writes a file of `size` bytes: `give` is called with the offset and lends what comes next.
    pub fn write<'a>(&mut self, path: &str, size: usize, give: impl Fn(usize) -> &'a [u8]) -> io::Result<()> {
        let mut parameters = (size as u64).to_le_bytes().to_vec();
        parameters.extend(path.as_bytes());
        let mut request = request(Operation::Write, &parameters);
        let first = give(0);
        let mut offset = first.len().min(size).min(BUFFER);
        request.extend(&first[..offset]);
        self.socket.get_mut().write_all(&request)?;
        while offset < size {
            let next = give(offset);
            let count = next.len().min(size - offset);
            self.socket.get_mut().write_all(&next[..count])?;
            offset += count;
        }
        self.piece().map(drop)
    }

    /// A handle by which another thread ends the connection.
    pub fn ender(&self) -> io::Result<impl FnOnce() + use<>> {
        let socket = self.socket.get_ref().try_clone()?;
        Ok(move || {
            // It may have ended by itself.
            socket.shutdown(Shutdown::Both).ok();
        })
    }

    fn ask(&mut self, operation: Operation, parameters: &[u8]) -> io::Result<()> {
        self.socket.get_mut().write_all(&request(operation, parameters))
    }

    fn number(&mut self) -> io::Result<u32> {
        let mut number = [0; 4];
        self.socket.read_exact(&mut number)?;
        Ok(u32::from_le_bytes(number))
    }

    fn piece(&mut self) -> io::Result<Vec<u8>> {
        let mut piece = vec![0; self.number()? as usize];
        self.socket.read_exact(&mut piece)?;
        Ok(piece)
    }

    fn take(&mut self, mut length: usize, take: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        while length > 0 {
            let bytes = self.socket.fill_buf()?;
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let count = bytes.len().min(length);
            take(&bytes[..count])?;
            self.socket.consume(count);
            length -= count;
        }
        Ok(())
    }
}

fn request(operation: Operation, parameters: &[u8]) -> Vec<u8> {
    let mut request = vec![operation as u8];
    request.extend((parameters.len() as u32).to_le_bytes());
    request.extend(parameters);
    request
}

/// A terminal on a connection of its own.
#[derive(Debug)]
pub struct Terminal {
    connection: Connection,
}

impl Terminal {
    /// Types.
    ///
    /// # Errors
    /// When the connection breaks, as everywhere here.
    pub fn write(&mut self, keys: &[u8]) -> io::Result<()> {
        let mut message = (keys.len() as u32).to_le_bytes().to_vec();
        message.extend(keys);
        self.connection.socket.get_mut().write_all(&message)
    }

    /// What the terminal shows next, handed out in one or more parts; the exit when that was all.
    pub fn read(&mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<Option<Exit>> {
        match self.connection.number()? as usize {
            0 => Ok(Some(self.connection.number()?.cast_signed())),
            length => self.connection.take(length, &mut take).map(|()| None),
        }
    }

    /// A handle by which another thread ends the terminal.
    pub fn ender(&self) -> io::Result<impl FnOnce() + use<>> {
        self.connection.ender()
    }
}
