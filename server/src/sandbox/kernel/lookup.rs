//! Looking for kernels, away from everybody else: `JUPYTER_PATH` may name a bucket that does not answer.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use sandwire_protocol::kind::kernel::{DEFAULT_LANGUAGE, Spec};
use sandwire_protocol::{ByteString, Code, Error};
use tokio::sync::{Semaphore, oneshot};

use super::specs::{self, Found};
use crate::sandbox::process::run::Host;

/// Variables that a kernel is started with, over those of the sandbox.
pub(super) type Env = BTreeMap<ByteString, Option<ByteString>>;

/// Most that look at once, those that are waited for no more included: each is a thread.
const MOST: usize = 4;

/// Time that it may take.
const LOOKS: Duration = Duration::from_secs(10);

static PLACES: Semaphore = Semaphore::const_new(MOST);

/// The kernels that are installed.
///
/// # Errors
/// `KERNEL_START_FAILED` when they cannot be looked at in time.
pub(super) async fn all(host: &Host) -> Result<Vec<Spec>, Error> {
    let host = host.clone();
    apart(move || specs::all(&|name| variable(&host, &Env::new(), name)).iter().map(Found::listed).collect()).await
}

/// Finds a kernel by its name, or for a language.
///
/// # Errors
/// `KERNEL_SPEC_NOT_FOUND`; `KERNEL_START_FAILED` when they cannot be looked at in time.
pub(super) async fn find(host: &Host, env: &Env, spec: Option<&str>, language: Option<&str>) -> Result<Found, Error> {
    let (host, env) = (host.clone(), env.clone());
    let (spec, language) = (spec.map(str::to_owned), language.unwrap_or(DEFAULT_LANGUAGE).to_owned());
    apart(move || specs::find(spec.as_deref(), &language, &|name| variable(&host, &env, name))).await?
}

/// Looks on a thread of its own, which takes its place until it is back.
async fn apart<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let looked = async {
        let place = PLACES.acquire().await.ok()?;
        let (tell, told) = oneshot::channel();
        let run = move || {
            let looked = look();
            drop(place);
            // Nobody may wait any more.
            let _unheard = tell.send(looked);
        };
        std::thread::Builder::new().name("sandwire-kernels".to_owned()).spawn(run).ok()?;
        told.await.ok()
    };
    let late = || {
        let text = format!(
            "the kernels that are installed could not be looked at within {} s; does a directory of `JUPYTER_PATH` or \
             `PATH` answer?",
            LOOKS.as_secs()
        );
        Error::new(Code::KernelStartFailed, text)
    };
    tokio::time::timeout(LOOKS, looked).await.ok().flatten().ok_or_else(late)
}

/// A variable as a kernel would have it, that is started with these over those of the sandbox and the server.
fn variable(host: &Host, env: &Env, name: &str) -> Option<OsString> {
    match env.get(&ByteString::from(name)) {
        Some(value) => value.clone().map(|value| OsString::from_vec(value.into_bytes())),
        None => host.variables.value(name).map(OsString::from_vec),
    }
}
