//! `sandwire-server`: reads its settings and serves one sandbox, keeps many, or asks whether a server serves.

use std::io::Write;
use std::process::ExitCode;

use sandwire_server::config::{self, Request};

fn main() -> ExitCode {
    let result = match config::read(std::env::args_os()) {
        Ok(Request::Serve(settings)) => sandwire_server::run(*settings),
        Ok(Request::Host(settings)) => sandwire_server::run_host(*settings),
        Ok(Request::Print(text)) => {
            return match std::io::stdout().write_all(text.as_bytes()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            };
        }
        Ok(Request::Health(settings)) => {
            return match sandwire_server::health(&settings) {
                Ok(()) => ExitCode::SUCCESS,
                Err(reason) => {
                    eprintln!("sandwire-server: {reason}");
                    ExitCode::FAILURE
                }
            };
        }
        Ok(Request::Bridge) => return sandwire_server::bridge(),
        Ok(Request::Enter(arguments)) => return sandwire_server::enter(arguments),
        Err(error) => {
            eprintln!("sandwire-server: {error}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandwire-server: {error}");
            ExitCode::FAILURE
        }
    }
}
