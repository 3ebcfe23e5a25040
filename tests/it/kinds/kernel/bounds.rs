//! Output that nobody reads, and messages of any size: nothing is lost in silence, and the server's memory has a bound.

use sandwire::kinds::kernel::CellEvent;
use sandwire::protocol::Code;
use sandwire_tests::python;

use super::{context, refused, served, served_by, told, value};

#[tokio::test]
async fn a_slow_reader_misses_nothing_and_costs_the_server_nothing() {
    let (server, client) = served().await;
    let kernel = context(&client).await;
    told(&kernel, "import hashlib, sys").await;
    let before = server.rss();
    // Far more than ZeroMQ keeps for a slow subscriber (1000 messages), and than any window.
    let code = "digest = hashlib.sha256()\nfor line in range(30_000):\n    text = f'{line} {\"x\" * 2000}\\n'\n    \
                digest.update(text.encode())\n    print(text, end='', flush=True)\nopen('written', 'w').close()";
    let mut running = kernel.run(code).spawn().unwrap();
    assert!(matches!(running.next().await.unwrap(), Some(CellEvent::Started(_))));
    let written = server.workspace().join("written");
    sandwire_tests::wait::wait_for("the cell is over, which nobody reads", || written.exists()).await;
    let grown = server.rss().saturating_sub(before);
    assert!(grown < 8 << 20, "the server holds {grown} bytes more");
    let mut digest = <sha2::Sha256 as sha2::Digest>::new();
    while let Some(event) = running.next().await.unwrap() {
        let CellEvent::Stdout(data) = event else { panic!("{event:?}") };
        sha2::Digest::update(&mut digest, &data);
    }
    let digest: String = sha2::Digest::finalize(digest).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(value(&kernel, "digest.hexdigest()").await, format!("'{digest}'"));
}

#[tokio::test]
async fn more_than_may_wait_ends_the_cell_and_says_so() {
    let (server, client) = served_by(python::with_kernels().env("SANDWIRE_KERNEL_SPOOL", "4MiB")).await;
    let kernel = context(&client).await;
    let code = "count = 0\nprint('begins', flush=True)\ntry:\n    while True:\n        print('x' * 10_000, flush=True)\n        \
                count += 1\nfinally:\n    open('ended', 'w').close()";
    let mut running = kernel.run(code).spawn().unwrap();
    assert!(matches!(running.next().await.unwrap(), Some(CellEvent::Started(_))));
    let ended = server.workspace().join("ended");
    sandwire_tests::wait::wait_for("the cell is interrupted", || ended.exists()).await;
    let mut bytes = 0;
    let error = loop {
        match running.next().await {
            Ok(Some(CellEvent::Stdout(data))) => bytes += data.len(),
            Ok(event) => panic!("{event:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Some(Code::LimitExceeded), "{error}");
    assert!(bytes >= 4 << 20, "{bytes} bytes came before");
    assert!(value(&kernel, "count").await.parse::<u64>().unwrap() > 100);
    // One that is larger than all that may wait.
    let error = refused(kernel.run("'x' * 5_000_000")).await;
    assert_eq!(error.code, Code::LimitExceeded);
    assert_eq!(value(&kernel, "1").await, "1");
}

#[tokio::test]
async fn a_message_that_is_larger_than_the_bridge_ends_the_kernel_and_not_the_server() {
    let (server, client) = served().await;
    let kernel = context(&client).await;
    let before = server.rss();
    let error = refused(kernel.run("print('x' * 600_000_000)")).await;
    assert!([Code::KernelDied, Code::LimitExceeded].contains(&error.code), "{error}");
    let grown = server.peak_rss().saturating_sub(before);
    assert!(grown < 16 << 20, "the server took {grown} bytes more");
    assert_eq!(kernel.run("1 + 1").renew().run().await.unwrap().results[0].text(), Some("2"));
}

#[tokio::test]
async fn only_so_many_cells_wait() {
    let (_server, client) = served().await;
    let kernel = context(&client).await;
    let running = kernel.run("input()").with_input().spawn().unwrap();
    let waiting: Vec<_> = (0..64).map(|_| kernel.run("1").spawn().unwrap()).collect();
    assert_eq!(refused(kernel.run("1")).await.code, Code::LimitExceeded);
    drop(running);
    for cell in waiting {
        cell.wait().await.unwrap();
    }
}
