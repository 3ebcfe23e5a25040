//! `file.tree_write`: unpacks a tar stream on a thread of its own, as it comes, without a temporary file.
//!
//! Memory: [`QUEUE`] pieces as they came, an extended header of at most 64 KiB, and what is known of directories
//! whose times are set at the end ([`unpack`] has the bound).

use bytes::Bytes;
use sandwire_protocol::kind::file::{TreeEnd, TreeWrite};
use sandwire_protocol::{Code, Error};
use tokio::sync::mpsc;

pub(super) mod archive;
pub(super) mod unpack;

use super::blocking::{Long, Stop, StopOnDrop};
use super::path::{Need, reopen};
use super::{Files, error};
use crate::sandbox::buckets::Long as Bucket;
use archive::Input;
use unpack::Unpack;

/// Pieces that came and are not yet unpacked.
pub(super) const QUEUE: usize = 4;

/// An archive that is being unpacked. Dropped, it stops: entries that came whole stay.
#[derive(Debug)]
pub(crate) struct TreeWriter {
    pieces: mpsc::Sender<Option<Bytes>>,
    task: Long<TreeEnd>,
    _stop: StopOnDrop,
}

impl TreeWriter {
    /// Takes the next bytes. `false` when no more are wanted: the archive has failed, and [`TreeWriter::finish`] says
    /// why.
    pub(crate) async fn push(&mut self, data: Bytes) -> bool {
        self.pieces.send(Some(data)).await.is_ok()
    }

    /// Everything came: the result, once all is on disk.
    pub(crate) async fn finish(self) -> Result<TreeEnd, Error> {
        // When the unpacking has ended already, its result says why.
        drop(self.pieces.send(None).await);
        self.task.end().await
    }
}

impl Files {
    /// Begins to unpack.
    pub(crate) async fn tree_write(&self, params: TreeWrite) -> Result<TreeWriter, Error> {
        if params.owners && !rustix::process::geteuid().is_root() {
            let text = "owners can only be taken when the server is root";
            return Err(Error::new(Code::PermissionDenied, text).with("parameter", "owners"));
        }
        let place = self.long_work(&params.path, Bucket::Usual).await?;
        let (pieces, mut receiver) = mpsc::channel(QUEUE);
        let stop = Stop::default();
        let guard = stop.guard();
        let files = self.clone();
        let task = Long::start(place, move || {
            let wrong = |errno| error::failed("unpack", params.path.as_bytes(), errno);
            match files.open_path(&params.path, Need::Write, true) {
                Err(missing) if missing.code == Code::FileNotFound => {
                    files.make_parents(&params.path, Need::Write)?;
                    let place = files.place(&params.path, Need::Write)?;
                    match rustix::fs::mkdirat(&place.dir, place.name.as_c_str(), rustix::fs::Mode::from_raw_mode(0o755))
                    {
                        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                        Err(errno) => return Err(wrong(errno)),
                    }
                }
                found => drop(found?),
            }
            let top = files.open_path(&params.path, Need::Write, true)?;
            let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
            let root = reopen(&top, flags).map_err(wrong)?;
            Unpack::new(root, params.owners, stop).all(Input::new(Box::new(move || received(&mut receiver))))
        })?;
        Ok(TreeWriter { pieces, task, _stop: guard })
    }
}

/// The next piece, waited for on a thread of its own. Fails when the sender went away before the end.
pub(super) fn received(pieces: &mut mpsc::Receiver<Option<Bytes>>) -> Result<Option<Bytes>, Error> {
    pieces.blocking_recv().ok_or_else(|| Error::new(Code::Cancelled, "the opener gave up"))
}
