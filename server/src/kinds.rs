//! The dispatch of all kinds: scope, limits, a task for each channel, CLOSE. One place for all.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use metrics::counter;
use sandwire_link::{Channel, Incoming};
use sandwire_protocol::kind::{self, Kind, Open};
use sandwire_protocol::{Code, Error};

use crate::auth::Access;
use crate::sandbox::Sandbox;
use crate::server::Server;

mod backup;
mod env;
mod exec;
mod file;
mod git;
mod kernel;
mod mount;
mod port;
mod process;
mod pty;
mod sandbox;
mod session;
mod tcp;

/// What a channel is served with.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) access: Arc<Access>,
    pub(crate) server: Arc<Server>,
}

/// Waits for work that must not be left half done. Who gives up waits for its end, too, unless that may take as long as a
/// bucket does.
async fn or_cancelled<K: Kind, T>(
    channel: &Channel<K>,
    may_wait: bool,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    if may_wait { channel.until_cancelled(work).await } else { work.await }
}

/// Serves a channel that a client opened, in a task of its own, or refuses it.
pub(crate) fn serve(incoming: Incoming, server: &Arc<Server>, access: &Arc<Access>) {
    let open = match Open::decode(&incoming.kind, &incoming.params) {
        Ok(open) => open,
        Err(error) => return incoming.refuse(error),
    };
    if let Err(error) = access.check(&open) {
        tracing::info!(kind = open.name(), code = %error.code, "refused");
        return incoming.refuse(error);
    }
    let place = match server.channel() {
        Ok(place) => place,
        Err(error) => return incoming.refuse(error),
    };
    let used = usage(&open, &server.sandbox);
    used();
    counter!("sandwire_channels_opened_total", "kind" => open.name()).increment(1);
    let context =
        Context { sandbox: Arc::clone(&server.sandbox), access: Arc::clone(access), server: Arc::clone(server) };

    /// Runs `module::function(params, &channel, &context)` to its end, which is the channel's.
    macro_rules! run {
        ($kind:ident, $params:ident, $($serve:tt)+) => {{
            let channel = incoming.into_channel::<kind::$kind>().on_use(Arc::clone(&used));
            tokio::spawn(async move {
                let work = AssertUnwindSafe($($serve)+($params, &channel, &context)).catch_unwind();
                let result = work.await.unwrap_or_else(|_| Err(panicked()));
                let result = result.map_err(|error| context.server.cause_of(error));
                used();
                if let Err(error) = &result {
                    let kind = <kind::$kind as kind::Kind>::NAME;
                    counter!("sandwire_channels_failed_total", "kind" => kind, "code" => error.code.name()).increment(1);
                }
                channel.close_holding(result, |bytes| place.hold(bytes));
            });
        }};
    }

    match open {
        Open::Exec(params) => {
            let params = (session::place(&server.sandbox, params.session.as_deref()), params);
            run!(Exec, params, exec::serve);
        }
        Open::SessionCreate(params) => {
            let made = session::make(&server.sandbox, params);
            run!(SessionCreate, made, session::create);
        }
        Open::SessionList(params) => run!(SessionList, params, session::list),
        Open::SessionGet(params) => run!(SessionGet, params, session::get),
        Open::SessionDelete(params) => run!(SessionDelete, params, session::delete),
        Open::EnvSet(params) => run!(EnvSet, params, env::set),
        Open::EnvList(params) => run!(EnvList, params, env::list),
        Open::KernelSpecs(params) => run!(KernelSpecs, params, kernel::specs),
        Open::KernelCreate(params) => {
            let made = kernel::make(&server.sandbox, params);
            run!(KernelCreate, made, kernel::create);
        }
        Open::KernelList(params) => run!(KernelList, params, kernel::list),
        Open::KernelGet(params) => run!(KernelGet, params, kernel::get),
        Open::KernelDelete(params) => run!(KernelDelete, params, kernel::delete),
        Open::KernelRestart(params) => run!(KernelRestart, params, kernel::restart),
        Open::KernelInterrupt(params) => run!(KernelInterrupt, params, kernel::interrupt),
        Open::KernelRun(params) => {
            let params = (kernel::place(&server.sandbox, &params), params);
            run!(KernelRun, params, kernel::run);
        }
        Open::ProcessStart(params) => {
            let params = (session::place(&server.sandbox, params.session.as_deref()), params);
            run!(ProcessStart, params, process::start);
        }
        Open::ProcessList(params) => run!(ProcessList, params, process::list),
        Open::ProcessGet(params) => run!(ProcessGet, params, process::get),
        Open::ProcessSignal(params) => run!(ProcessSignal, params, process::signal),
        Open::ProcessKill(params) => run!(ProcessKill, params, process::kill),
        Open::ProcessWait(params) => run!(ProcessWait, params, process::wait),
        Open::ProcessAttach(params) => run!(ProcessAttach, params, process::attach),
        Open::ProcessLogs(params) => run!(ProcessLogs, params, process::logs),
        Open::ProcessWaitLog(params) => run!(ProcessWaitLog, params, process::wait_log),
        Open::ProcessWaitPort(params) => run!(ProcessWaitPort, params, process::wait_port),
        Open::ProcessStats(params) => run!(ProcessStats, params, process::stats),
        Open::ProcessRemove(params) => run!(ProcessRemove, params, process::remove),
        Open::SandboxInfo(params) => run!(SandboxInfo, params, sandbox::info),
        Open::SandboxMetrics(params) => run!(SandboxMetrics, params, sandbox::metrics),
        Open::SandboxActivity(params) => run!(SandboxActivity, params, sandbox::activity),
        Open::PtyOpen(params) => {
            let params = (session::place(&server.sandbox, params.session.as_deref()), params);
            run!(PtyOpen, params, pty::open);
        }
        Open::PtyAttach(params) => run!(PtyAttach, params, pty::attach),
        Open::PtyList(params) => run!(PtyList, params, pty::list),
        Open::PtySnapshot(params) => run!(PtySnapshot, params, pty::snapshot),
        Open::PtyResize(params) => run!(PtyResize, params, pty::resize),
        Open::PtyClose(params) => run!(PtyClose, params, pty::close),
        Open::FileRead(params) => run!(FileRead, params, file::read),
        Open::FileWrite(params) => run!(FileWrite, params, file::write),
        Open::FileStat(params) => run!(FileStat, params, file::stat),
        Open::FileList(params) => run!(FileList, params, file::list),
        Open::FileMkdir(params) => run!(FileMkdir, params, file::mkdir),
        Open::FileRemove(params) => run!(FileRemove, params, file::remove),
        Open::FileRename(params) => run!(FileRename, params, file::rename),
        Open::FileMove(params) => run!(FileMove, params, file::move_to),
        Open::FileCopy(params) => run!(FileCopy, params, file::copy),
        Open::FileChmod(params) => run!(FileChmod, params, file::chmod),
        Open::FileSymlink(params) => run!(FileSymlink, params, file::symlink),
        Open::FileSearch(params) => run!(FileSearch, params, file::search),
        Open::FileWatch(params) => run!(FileWatch, params, file::watch),
        Open::TreeRead(params) => run!(TreeRead, params, file::tree_read),
        Open::TreeWrite(params) => run!(TreeWrite, params, file::tree_write),
        Open::BackupCreate(params) => run!(BackupCreate, params, backup::create),
        Open::BackupRestore(params) => run!(BackupRestore, params, backup::restore),
        Open::TcpConnect(params) => run!(TcpConnect, params, tcp::connect),
        Open::PortList(params) => run!(PortList, params, port::list),
        Open::PortWatch(params) => run!(PortWatch, params, port::watch),
        Open::PortExpose(params) => run!(PortExpose, params, port::expose),
        Open::PortUnexpose(params) => run!(PortUnexpose, params, port::unexpose),
        Open::GitCheckout(params) => {
            let params = (session::place(&server.sandbox, params.session.as_deref()), params);
            run!(GitCheckout, params, git::checkout);
        }
        Open::MountCreate(params) => run!(MountCreate, params, mount::create),
        Open::MountList(params) => run!(MountList, params, mount::list),
        Open::MountRemove(params) => run!(MountRemove, params, mount::remove),
    }
}

/// What counts the use of a channel. To look at how the sandbox fares is none: it could never be seen idle. Nor is to
/// be told of what changes there: nobody need sit in front of that.
fn usage(open: &Open, sandbox: &Arc<Sandbox>) -> Arc<dyn Fn() + Send + Sync> {
    if matches!(
        open,
        Open::SandboxInfo(_)
            | Open::SandboxMetrics(_)
            | Open::SandboxActivity(_)
            | Open::FileWatch(_)
            | Open::PortWatch(_)
    ) {
        return Arc::new(|| {});
    }
    let sandbox = Arc::clone(sandbox);
    Arc::new(move || sandbox.activity.touch())
}

fn panicked() -> Error {
    Error::new(Code::Internal, "the operation failed through a defect of the server; its log has more")
}

#[cfg(test)]
mod tests;
