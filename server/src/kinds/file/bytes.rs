//! The kinds that carry content: `file.read`, `file.write`, `file.tree_read`, `file.tree_write`.

use ::bytes::Bytes;
use futures_util::FutureExt;
use sandwire_link::{Channel, Item};
use sandwire_protocol::kind::file::{Read, ReadDown, ReadEnd, TreeEnd, TreeRead, TreeWrite, Write, Written};
use sandwire_protocol::kind::{self, FileRead, FileWrite, NoEvent};
use sandwire_protocol::{Code, Error};

use super::files;
use crate::kinds::{Context, or_cancelled};

/// The only stream of these kinds.
const CONTENT: u8 = 0;

pub(crate) async fn read(params: Read, channel: &Channel<FileRead>, context: &Context) -> Result<ReadEnd, Error> {
    let meta = params.meta;
    let mut reader = channel.until_cancelled(files(context).read(params)).await?;
    if meta {
        channel.event(ReadDown::Meta(reader.info().clone())).await?;
    }
    while !reader.is_at_end() {
        let room = channel.reserve().await?;
        let Some(bytes) = channel.until_cancelled(reader.next(room)).await? else { break };
        channel.send(CONTENT, bytes)?;
    }
    let end = channel.until_cancelled(reader.end()).await?;
    channel.end(CONTENT)?;
    Ok(end)
}

pub(crate) async fn write(params: Write, channel: &Channel<FileWrite>, context: &Context) -> Result<Written, Error> {
    let mut writer = files(context).write(params)?;
    let may_wait = writer.may_wait();
    loop {
        let item = match channel.recv().now_or_never() {
            Some(item) => item,
            None => {
                if writer.in_place() {
                    or_cancelled(channel, may_wait, writer.flush()).await?;
                }
                channel.recv().await
            }
        };
        match content(item?)? {
            Some(bytes) => or_cancelled(channel, may_wait, writer.push(bytes)).await?,
            None => return or_cancelled(channel, may_wait, writer.finish()).await,
        }
    }
}

pub(crate) async fn tree_read(
    params: TreeRead,
    channel: &Channel<kind::TreeRead>,
    context: &Context,
) -> Result<TreeEnd, Error> {
    let mut reader = channel.until_cancelled(files(context).tree_read(params)).await?;
    loop {
        let room = channel.reserve().await?;
        let Some(bytes) = channel.until_cancelled(async { Ok(reader.next(room).await) }).await? else { break };
        channel.send(CONTENT, bytes)?;
    }
    let end = channel.until_cancelled(reader.end()).await?;
    channel.end(CONTENT)?;
    Ok(end)
}

pub(crate) async fn tree_write(
    params: TreeWrite,
    channel: &Channel<kind::TreeWrite>,
    context: &Context,
) -> Result<TreeEnd, Error> {
    let mut writer = channel.until_cancelled(files(context).tree_write(params)).await?;
    while let Some(bytes) = content(channel.recv().await?)? {
        if !channel.until_cancelled(async { Ok(writer.push(bytes).await) }).await? {
            break;
        }
    }
    channel.until_cancelled(writer.finish()).await
}

/// The next bytes of the content; `None` at its end.
fn content(item: Item<NoEvent>) -> Result<Option<Bytes>, Error> {
    match item {
        Item::Data(CONTENT, bytes) => Ok(Some(bytes)),
        Item::End(CONTENT) => Ok(None),
        Item::Data(stream, _) | Item::End(stream) => {
            let text = format!("the content comes on stream {CONTENT}, not on {stream}");
            Err(Error::new(Code::ValidationFailed, text).with("stream", u32::from(stream)))
        }
        Item::Event(event) => match event {},
    }
}
