//! `kernel.*` on real kernels: ipykernel with NumPy, pandas and Matplotlib, and Deno.

mod bounds;
mod cells;
mod ends;
mod languages;
mod life;
mod resume;
mod rich;
mod starts;

use sandwire::Client;
use sandwire::kinds::kernel::{Cell, CellEvent, CodeResult, Kernel, RunningCell};
use sandwire::protocol::error::Detail;
use sandwire::protocol::{Code, Error};
use sandwire_tests::python;
use sandwire_tests::server::{Builder, Server};

/// A server that finds kernels, and a client.
async fn served() -> (Server, Client) {
    served_by(python::with_kernels()).await
}

async fn served_by(builder: Builder) -> (Server, Client) {
    // No kernel waits, so that those that there are can be counted.
    let server = builder.env("SANDWIRE_KERNEL_POOL", "0").start();
    let client = Client::connect(server.url()).await.unwrap();
    (server, client)
}

/// A context with its own kernel.
async fn context(client: &Client) -> Kernel {
    client.kernels().create().open().await.unwrap()
}

/// Runs a cell to its end.
async fn run(kernel: &Kernel, code: &str) -> CodeResult {
    kernel.run(code).run().await.unwrap_or_else(|error| panic!("{code}: {error}"))
}

/// What a cell that must not fail wrote to standard output.
async fn told(kernel: &Kernel, code: &str) -> String {
    let result = run(kernel, code).await;
    assert_eq!(result.error, None, "{code}");
    assert!(result.success());
    result.text().into_owned()
}

/// What the last expression of a cell gives, as text.
async fn value(kernel: &Kernel, code: &str) -> String {
    let result = run(kernel, code).await;
    assert_eq!(result.error, None, "{code}");
    result.results[0].text().unwrap().to_owned()
}

/// Why the server refuses a cell.
async fn refused(cell: Cell) -> Error {
    match cell.run().await {
        Err(sandwire::Error::Remote(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

/// That the kernel ended with this code.
fn died_with(error: &Error, code: i64) -> bool {
    error.code == Code::KernelDied && error.details.get("exit_code") == Some(&Detail::Int(code))
}

/// The first event of a running cell that is no start.
async fn first(running: &mut RunningCell) -> CellEvent {
    loop {
        match running.next().await.unwrap().expect("the cell ended") {
            CellEvent::Started(_) => {}
            event => return event,
        }
    }
}

/// Waits until the cell has written this, in however many pieces a kernel says it.
async fn sees(running: &mut RunningCell, text: &str) {
    let mut seen = Vec::new();
    while !seen.starts_with(text.as_bytes()) {
        match first(running).await {
            CellEvent::Stdout(data) if text.as_bytes().starts_with(&seen) => seen.extend_from_slice(&data),
            event => panic!("{event:?} behind {:?}", String::from_utf8_lossy(&seen)),
        }
    }
}
