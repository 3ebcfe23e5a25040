//! The Python that tests run kernels of: with ipykernel, NumPy, pandas and Matplotlib, as `tests/run setup` installs it.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::server::{Builder, Server, binary};

/// The folder of the environment.
///
/// # Panics
/// When it was not made.
#[must_use]
pub fn environment() -> PathBuf {
    let built = binary("sandwire-server");
    let found = built.ancestors().map(|folder| folder.join("python")).find(|it| it.join("bin/python3").exists());
    found.unwrap_or_else(|| panic!("there is no Python environment for tests beside {built:?}: run `tests/run setup`"))
}

/// A server that finds these kernels. They have a home of their own, in which what Matplotlib makes once is found again.
///
/// # Panics
/// When the environment was not made.
#[must_use]
pub fn with_kernels() -> Builder {
    let environment = environment();
    let home = environment.join("home");
    std::fs::create_dir_all(&home).unwrap();
    Server::builder().env("PATH", path(environment.join("bin"))).env("HOME", home)
}

/// PATH with this folder before all others.
#[must_use]
pub fn path(first: PathBuf) -> OsString {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths([first].into_iter().chain(std::env::split_paths(&rest))).unwrap()
}
