//! The kinds that tell events: `file.search`, `file.watch`.

use sandwire_link::Channel;
use sandwire_protocol::Error;
use sandwire_protocol::kind::file::{Search, SearchEnd, Watch};
use sandwire_protocol::kind::{Done, FileSearch, FileWatch};

use super::files;
use crate::kinds::Context;

pub(crate) async fn search(
    params: Search,
    channel: &Channel<FileSearch>,
    context: &Context,
) -> Result<SearchEnd, Error> {
    let mut found = channel.until_cancelled(files(context).search(params)).await?;
    while let Some(result) = channel.until_cancelled(async { Ok(found.next().await) }).await? {
        channel.event(result).await?;
    }
    found.end().await
}

pub(crate) async fn watch(params: Watch, channel: &Channel<FileWatch>, context: &Context) -> Result<Done, Error> {
    let mut watching = channel.until_cancelled(files(context).watch(params)).await?;
    while let Some(event) = channel.until_cancelled(async { Ok(watching.next().await) }).await? {
        channel.event(event).await?;
    }
    watching.end().await.map(|()| Done {})
}
