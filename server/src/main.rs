//! `sandwire-server`: reads its settings and serves.

use std::process::ExitCode;

use sandwire_server::config::{self, Request};

fn main() -> ExitCode {
    let settings = match config::read(std::env::args_os()) {
        Ok(Request::Serve(settings)) => settings,
        Ok(Request::Print(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("sandwire-server: {error}");
            return ExitCode::from(2);
        }
    };
    match sandwire_server::run(*settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandwire-server: {error}");
            ExitCode::FAILURE
        }
    }
}
