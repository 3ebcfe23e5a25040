//! Where the program listens.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

use super::Listener;
use crate::config::Listen;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// A place to listen at, taken.
pub(crate) struct Bound {
    pub(crate) listener: Listener,
    /// Address and port, where there are any.
    pub(crate) address: Option<SocketAddr>,
    /// How it is said: a URL, or `unix:PATH`.
    pub(crate) shown: String,
    /// Removes the socket at the end.
    pub(crate) file: Option<SocketFile>,
}

/// Takes the place.
///
/// # Errors
/// A sentence that says what to do.
pub(crate) async fn bind(listen: &Listen, tls: Option<TlsAcceptor>) -> Result<Bound, String> {
    let failed =
        |error: io::Error| format!("{listen} cannot be listened on: {error}; choose another address with --listen");
    match listen {
        Listen::Tcp(address) => {
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?;
            let shown = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
            Ok(Bound { listener: Listener::Tcp(listener, tls), address: Some(address), shown, file: None })
        }
        Listen::Unix(path) => {
            let (listener, file) = unix(path).map_err(failed)?;
            Ok(Bound { listener: Listener::Unix(listener), address: None, shown: listen.to_string(), file: Some(file) })
        }
    }
}

/// A socket in the file system, for its owner alone from its first moment on.
fn unix(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Before it has a name: what bind(2) makes takes over these permissions (unix(7)).
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    let address = SockAddr::unix(path)?;
    match socket.bind(&address) {
        // Left behind by a server that was killed: nobody answers there.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_behind(path) => {
            std::fs::remove_file(path)?;
            socket.bind(&address)?;
        }
        bound => bound?,
    }
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let file = SocketFile { path: path.to_owned(), inode: std::fs::symlink_metadata(path)?.ino() };
    Ok((UnixListener::from_std(socket.into())?, file))
}

fn is_left_behind(path: &Path) -> bool {
    // A file that is no socket refuses, too.
    std::fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket())
        && UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// A socket in the file system. Dropped, it is removed, unless another has taken its name.
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_own = std::fs::symlink_metadata(&self.path).is_ok_and(|it| it.ino() == self.inode);
        if is_own && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "the socket could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_socket_is_for_its_owner_and_goes_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let bound = bind(&Listen::Unix(path.clone()), None).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        UnixStream::connect(&path).unwrap();
        let taken = bind(&Listen::Unix(path.clone()), None).await.err().unwrap();
        assert!(taken.contains("--listen"), "{taken}");
        drop(bound);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_a_killed_server_left_behind_is_taken_over_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let first = bind(&Listen::Unix(path.clone()), None).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = bind(&Listen::Unix(path.clone()), None).await.unwrap();
        drop(first);
        assert!(path.exists(), "it is the second one's by now");
        drop(second);
        std::fs::write(&path, "a file of somebody").unwrap();
        assert!(bind(&Listen::Unix(path.clone()), None).await.is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a file of somebody");
    }
}
