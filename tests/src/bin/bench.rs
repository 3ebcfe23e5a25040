//! Runs the scenarios of speed and memory, the bare server and sandwire in turns. See [`sandwire_tests::bench`].

use std::process::ExitCode;

fn main() -> ExitCode {
    sandwire_tests::bench::main()
}
