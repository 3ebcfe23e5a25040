//! JavaScript and TypeScript on Deno's kernel.

use std::path::PathBuf;
use std::time::Duration;

use sandwire::Client;
use sandwire::kinds::kernel::CellEvent;
use sandwire::protocol::Code;
use sandwire_tests::python;
use sandwire_tests::server::Server;

use super::{first, refused, run, served_by, told};

/// A server that finds Deno, where `tests/run` has it installed.
async fn with_deno() -> (Server, Client) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../client-js/test/runtimes/node_modules/.bin");
    assert!(folder.join("deno").exists(), "Deno is missing: run `npm install` in client-js/test/runtimes");
    served_by(python::with_kernels().env("PATH", python::path(folder)).env("NO_COLOR", "1")).await
}

#[tokio::test]
async fn deno_runs_javascript_and_typescript() {
    let (server, client) = with_deno().await;
    let specs = client.kernels().specs().await.unwrap();
    assert!(specs.iter().any(|spec| spec.name == "deno" && spec.language == "typescript"), "{specs:?}");
    let kernel = client.kernels().create().language("typescript").open().await.unwrap();
    let code = "interface Named { name: string }\nconst it: Named = { name: 'Zoë' };\nconsole.log(it.name);\n\
                console.error('err');\nawait new Promise((done) => setTimeout(done, 5));\nit.name.length";
    let result = run(&kernel, code).await;
    assert_eq!(result.error, None);
    assert_eq!((result.text().as_ref(), &result.stderr[..]), ("Zoë\n", &b"err\n"[..]));
    assert_eq!(result.results[0].text(), Some("3"));
    assert_eq!(told(&kernel, "console.log(it)").await, "{ name: \"Zoë\" }\n");
    let failed = run(&kernel, "throw new TypeError('no')").await.error.unwrap();
    assert!(failed.name.contains("TypeError") || failed.value.contains("no"), "{failed:?}");
    let html = run(&kernel, "Deno.jupyter.html`<b>${1 + 1}</b>`").await;
    assert_eq!(html.results[0].html(), Some("<b>2</b>"));
    let once = kernel.run("console.log(Deno.env.get('A'))").env("A", "1").run().await.unwrap();
    assert_eq!(once.text(), "1\n");
    assert_eq!(told(&kernel, "console.log(Deno.env.get('A'))").await, "undefined\n");
    // JavaScript is the same kernel, in a context of its own.
    let script = client.run_code("var n = 6; n * 7").language("js").run().await.unwrap();
    assert_eq!(script.results[0].text(), Some("42"));
    let info = client.kernel("javascript").info().await.unwrap();
    assert_eq!((info.spec.as_str(), info.language.as_str()), ("deno", "javascript"));
    kernel.delete(None).await.unwrap();
    client.kernel("javascript").delete(None).await.unwrap();
    assert!(server.started().is_empty());
}

#[tokio::test]
async fn what_deno_does_not_heed_is_ended_and_told() {
    let (_server, client) = with_deno().await;
    let kernel = client.kernels().create().language("javascript").open().await.unwrap();
    let mut running = kernel.run("console.log('up'); for (;;);").timeout(Duration::from_millis(500)).spawn().unwrap();
    assert!(matches!(first(&mut running).await, CellEvent::Stdout(_)));
    match running.wait().await {
        Ok(ran) => assert!(ran.timed_out, "{ran:?}"),
        Err(error) => assert_eq!(error.code(), Some(Code::KernelDied)),
    }
    let renewed = kernel.run("1 + 1").renew().run().await.unwrap();
    assert_eq!(renewed.results[0].text(), Some("2"));
    let error = refused(client.kernel("nothing").run("1")).await;
    assert_eq!(error.code, Code::KernelNotFound);
}
