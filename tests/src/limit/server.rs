//! The serving side.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ChildStdout, Command, ExitStatus, Stdio};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::fs::sendfile;
use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Operation, PIECE};

/// Size of the pipe from a command.
const PIPE: usize = 1 << 20;

/// Most bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// Most bytes of parameters.
const PARAMETERS: usize = 64 << 10;

/// Serves all connections of a listener, each in its own thread, for ever.
///
/// # Errors
/// When no connection can be accepted.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (connection, _) = listener.accept()?;
        std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
            // The client went: nothing is left to do.
            connected(connection).ok();
        })?;
    }
}

fn connected(mut socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut parameters = Vec::new();
    loop {
        let mut head = [0; 5];
        socket.read_exact(&mut head)?;
        let [operation, length @ ..] = head;
        let length = u32::from_le_bytes(length) as usize;
        if length > PARAMETERS {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        parameters.resize(length, 0);
        socket.read_exact(&mut parameters)?;
        let text = || std::str::from_utf8(&parameters).map_err(io::Error::other);
        match operation {
            0 => send(&mut socket, &parameters)?,
            1 => exec(&mut socket, text()?)?,
            2 => stream(&mut socket, text()?)?,
            3 => return terminal(socket, text()?),
            4 => read(&mut socket, text()?)?,
            5 => write(&mut socket, &parameters)?,
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

fn send(socket: &mut TcpStream, piece: &[u8]) -> io::Result<()> {
    let mut message = Vec::with_capacity(4 + piece.len());
    message.extend((piece.len() as u32).to_le_bytes());
    message.extend(piece);
    socket.write_all(&message)
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).stdin(Stdio::null()).process_group(0);
    shell
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| status.signal().map_or(-1, |signal| -signal))
}

fn exec(socket: &mut TcpStream, command: &str) -> io::Result<()> {
    let output = shell(command).output()?;
    let mut answer = Vec::with_capacity(12 + output.stdout.len() + output.stderr.len());
    answer.extend(code(output.status).to_le_bytes());
    for piece in [output.stdout, output.stderr] {
        answer.extend((piece.len() as u32).to_le_bytes());
        answer.extend(piece);
    }
    socket.write_all(&answer)
}

fn stream(socket: &mut TcpStream, command: &str) -> io::Result<()> {
    let mut child = shell(command).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let sent = forward(socket, &mut output);
    if sent.is_err() {
        Pid::from_raw(child.id().cast_signed()).map(|group| kill_process_group(group, Signal::KILL));
    }
    let status = child.wait()?;
    sent?;
    let mut end = [0; 8];
    end[4..].copy_from_slice(&code(status).to_le_bytes());
    socket.write_all(&end)
}

fn forward(socket: &mut TcpStream, output: &mut ChildStdout) -> io::Result<()> {
    // splice was tried: it is no faster, takes a third of the processor time, and nobody who may have to send bytes again
    // could use it.
    fcntl_setpipe_size(&*output, PIPE)?;
    let mut buffer = vec![0; 4 + BUFFER];
    loop {
        let count = output.read(&mut buffer[4..])?;
        if count == 0 {
            return Ok(());
        }
        buffer[..4].copy_from_slice(&(count as u32).to_le_bytes());
        socket.write_all(&buffer[..4 + count])?;
    }
}

fn terminal(mut socket: TcpStream, command: &str) -> io::Result<()> {
    let pair = native_pty_system().openpty(PtySize::default()).map_err(io::Error::other)?;
    let mut shell = CommandBuilder::new("/bin/sh");
    shell.args(["-c", command]);
    let mut child = pair.slave.spawn_command(shell).map_err(io::Error::other)?;
    drop(pair.slave);
    let mut shown = pair.master.try_clone_reader().map_err(io::Error::other)?;
    let mut typed = pair.master.take_writer().map_err(io::Error::other)?;
    let mut keys = socket.try_clone()?;
    let mut killer = child.clone_killer();
    std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
        let mut buffer = Vec::new();
        let mut pass = || -> io::Result<()> {
            let mut length = [0; 4];
            keys.read_exact(&mut length)?;
            buffer.resize((u32::from_le_bytes(length) as usize).min(PIECE), 0);
            keys.read_exact(&mut buffer)?;
            typed.write_all(&buffer)
        };
        while pass().is_ok() {}
        // The client went, or the command did.
        killer.kill().ok();
    })?;
    let mut buffer = vec![0; 4 + (64 << 10)];
    // The end of a terminal is an error of its reader.
    while let Ok(count @ 1..) = shown.read(&mut buffer[4..]) {
        buffer[..4].copy_from_slice(&(count as u32).to_le_bytes());
        socket.write_all(&buffer[..4 + count])?;
    }
    let mut end = [0; 8];
    end[4..].copy_from_slice(&child.wait()?.exit_code().to_le_bytes());
    socket.write_all(&end)
}

fn read(socket: &mut TcpStream, path: &str) -> io::Result<()> {
    let file = File::open(path)?;
    let mut left = file.metadata()?.len() as usize;
    rustix::net::send(&*socket, &(left as u64).to_le_bytes(), rustix::net::SendFlags::MORE)?;
    while left > 0 {
        match sendfile(&*socket, &file, None, left)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => left -= count,
        }
    }
    Ok(())
}

fn write(socket: &mut TcpStream, parameters: &[u8]) -> io::Result<()> {
    let (size, path) = parameters.split_first_chunk::<8>().ok_or(io::ErrorKind::InvalidInput)?;
    let path = std::str::from_utf8(path).map_err(io::Error::other)?;
    let mut left = u64::from_le_bytes(*size) as usize;
    let temporary = format!("{path}.{:?}", std::thread::current().id());
    let mut file = File::create(&temporary)?;
    let mut buffer = vec![0; left.min(BUFFER)];
    while left > 0 {
        let most = buffer.len().min(left);
        let count = socket.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.write_all(&buffer[..count])?;
        left -= count;
    }
    std::fs::rename(&temporary, path)?;
    send(socket, &[])
}

// The numbers in `connected` are those of the operations.
const _: () = {
    assert!(Operation::Ping as u8 == 0 && Operation::Exec as u8 == 1 && Operation::Stream as u8 == 2);
    assert!(Operation::Terminal as u8 == 3 && Operation::Read as u8 == 4 && Operation::Write as u8 == 5);
};
