//! Keeps the server's secrets from the commands that it starts, which run as the same user and may look at it in `/proc`.

#![allow(unsafe_code, reason = "the environment that a process was started with can only be overwritten where it is")]

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Overwrites the value of SANDWIRE_TOKEN, which `/proc/PID/environ` shows for as long as the server runs, and lets
/// nobody else of the same user look into the server's memory (PR_SET_DUMPABLE; root still may). There are no core dumps
/// from then on either: they would hold the token.
///
/// To be called once the settings are read, and before there is another thread.
pub(crate) fn secrets() {
    // SAFETY: no other thread reads or changes the environment yet. The value is a C string; all of its bytes, without
    // the NUL at its end, are the process's own and writable: the kernel lays them on the stack.
    unsafe {
        let value = libc::getenv(c"SANDWIRE_TOKEN".as_ptr());
        if !value.is_null() {
            value.write_bytes(b'x', libc::strlen(value));
        }
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "the server's memory is not hidden from its commands");
    }
}
