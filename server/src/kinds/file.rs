//! `file.*`: files, directories, watches and trees, within the paths that the caller's token allows.

mod bytes;
mod events;

use sandwire_link::Channel;
use sandwire_protocol::Error;
use sandwire_protocol::kind::file::{
    Chmod, Copied, Copy, Info, List, Listing, Mkdir, Remove, Removed, Rename, Stat, Symlink,
};
use sandwire_protocol::kind::{
    Done, FileChmod, FileCopy, FileList, FileMkdir, FileMove, FileRemove, FileRename, FileStat, FileSymlink,
};

use super::Context;
use crate::sandbox::fs::Files;

pub(super) use self::bytes::{read, tree_read, tree_write, write};
pub(super) use self::events::{search, watch};

/// The files as this caller may see them.
fn files(context: &Context) -> Files {
    context.sandbox.files.limited_to(context.access.policy())
}

pub(super) async fn stat(params: Stat, channel: &Channel<FileStat>, context: &Context) -> Result<Info, Error> {
    channel.until_cancelled(files(context).stat(params)).await
}

pub(super) async fn list(params: List, channel: &Channel<FileList>, context: &Context) -> Result<Listing, Error> {
    channel.until_cancelled(files(context).list(params)).await
}

pub(super) async fn mkdir(params: Mkdir, channel: &Channel<FileMkdir>, context: &Context) -> Result<Done, Error> {
    channel.until_cancelled(files(context).mkdir(params)).await
}

pub(super) async fn remove(params: Remove, channel: &Channel<FileRemove>, context: &Context) -> Result<Removed, Error> {
    channel.until_cancelled(files(context).remove(params)).await
}

pub(super) async fn rename(params: Rename, channel: &Channel<FileRename>, context: &Context) -> Result<Done, Error> {
    channel.until_cancelled(files(context).rename(params)).await
}

pub(super) async fn move_to(params: Rename, channel: &Channel<FileMove>, context: &Context) -> Result<Done, Error> {
    channel.until_cancelled(files(context).move_to(params)).await
}

pub(super) async fn copy(params: Copy, channel: &Channel<FileCopy>, context: &Context) -> Result<Copied, Error> {
    channel.until_cancelled(files(context).copy(params)).await
}

pub(super) async fn chmod(params: Chmod, channel: &Channel<FileChmod>, context: &Context) -> Result<Done, Error> {
    channel.until_cancelled(files(context).chmod(params)).await
}

pub(super) async fn symlink(params: Symlink, channel: &Channel<FileSymlink>, context: &Context) -> Result<Done, Error> {
    channel.until_cancelled(files(context).symlink(params)).await
}
