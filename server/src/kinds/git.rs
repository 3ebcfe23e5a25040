//! `git.*`: repositories.

use std::time::Duration;

use sandwire_link::{Channel, Item};
use sandwire_protocol::kind::GitCheckout;
use sandwire_protocol::kind::git::{CheckedOut, Checkout, CheckoutDown};
use sandwire_protocol::{Code, Error};

use super::Context;
use super::session::{Placed, inherit};
use crate::sandbox::git::{Asked, Latest};
use crate::sandbox::process::stop::Stop;

/// Time between two reports of progress.
const PAUSE: Duration = Duration::from_millis(100);

/// Time between TERM and KILL when the opener gives up.
const GRACE: Duration = Duration::from_secs(2);

pub(super) async fn checkout(
    (placed, params): (Placed, Checkout),
    channel: &Channel<GitCheckout>,
    context: &Context,
) -> Result<CheckedOut, Error> {
    let (asked, mut launch) = Asked::new(params)?;
    inherit(placed, &mut launch, channel).await?;
    let sandbox = &context.sandbox;
    let files = sandbox.files.limited_to(context.access.policy());
    let checkout = channel.until_cancelled(sandbox.checkouts.prepare(asked, launch, &files)).await?;
    let _working = sandbox.activity.commands.begin();
    let (latest, stop) = (checkout.latest(), Stop::new());
    let run = checkout.run(&stop);
    let (tell, gone) = (tell(channel, &latest), gone(channel));
    tokio::pin!(run, tell, gone);
    let mut given_up = None;
    let result = loop {
        tokio::select! {
            result = &mut run => break result,
            error = &mut gone, if given_up.is_none() => {
                given_up = Some(error);
                stop.request(GRACE);
            }
            // It ends with the channel.
            error = &mut tell, if given_up.is_none() => {
                given_up = Some(error);
                stop.request(GRACE);
            }
        }
    };
    if let Some(error) = given_up {
        return Err(error);
    }
    while let Some(progress) = latest.take() {
        channel.event(CheckoutDown::Progress(progress)).await?;
    }
    result
}

/// Reports progress, as fast as the opener reads and not faster than people do.
async fn tell(channel: &Channel<GitCheckout>, latest: &Latest) -> Error {
    loop {
        let progress = latest.next().await;
        if let Err(error) = channel.event(CheckoutDown::Progress(progress)).await {
            return error;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Resolves when the opener gives up, or says what it may not.
async fn gone(channel: &Channel<GitCheckout>) -> Error {
    match channel.recv().await {
        Ok(Item::Data(..) | Item::End(_)) => Error::new(Code::ValidationFailed, "a checkout takes no input"),
        Ok(Item::Event(event)) => match event {},
        Err(error) => error,
    }
}
