//! Cells through a proxy that cuts connections at random bytes.

use std::time::Duration;

use sandwire::Client;
use sandwire_tests::proxy::{Cut, Proxy};
use sandwire_tests::{python, server};

use super::{context, value};

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_lose_no_output_and_run_no_cell_twice() {
    let server = python::with_kernels().start();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let client = Client::connect(server::url(proxy.address())).await.unwrap();
    let kernels = [context(&client).await, context(&client).await];
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    proxy.cut_randomly(seed, 1_000..100_000);
    client.reconnect();
    let work = kernels.iter().map(|kernel| async move {
        for round in 0..8_u32 {
            let code = "runs = globals().get('runs', 0) + 1\nimport os\nfor line in range(2000): print(line, 'ä' * 50)\n\
                 os.write(2, b'e' * 10_000)\nfrom IPython.display import display, Image\n\
                 display(Image(b'\\x89PNG' + bytes(range(256)) * 1000, format='png'))\nruns";
            let result = kernel.run(code).run().await.unwrap();
            let lines: String = (0..2000).map(|line| format!("{line} {}\n", "ä".repeat(50))).collect();
            assert!(result.text() == lines, "round {round}");
            assert_eq!((result.stderr.len(), result.results.len()), (10_000, 2));
            let picture = result.results[0].png().unwrap();
            assert_eq!(picture.len(), 4 + 256_000);
            assert!(picture[4..].iter().enumerate().all(|(at, byte)| usize::from(*byte) == at % 256));
            assert_eq!(result.results[1].text(), Some((round + 1).to_string().as_str()));
        }
    });
    let cuts = async {
        loop {
            tokio::time::sleep(Duration::from_millis(150)).await;
            proxy.cut_now(Cut::Reset);
        }
    };
    tokio::select! {
        _ = futures_util::future::join_all(work) => {}
        () = cuts => unreachable!("it cuts for ever"),
    }
    assert_eq!(value(&kernels[0], "runs").await, "8");
    let connections = proxy.counters().connections;
    assert!(connections > 5, "it was cut {connections} times");
}
