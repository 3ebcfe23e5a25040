//! Code contexts in a bucket whose store says nothing.

use sandwire::protocol::kind::kernel::{Create, Delete, Ran, Run};
use sandwire::protocol::kind::{KernelCreate, KernelDelete, KernelList, KernelRun, kernel};
use sandwire_tests::python;

use super::*;

fn create(id: &str, cwd: Option<&str>) -> Create {
    Create { id: Some(id.into()), cwd: cwd.map(Into::into), ..Create::default() }
}

fn cell(id: &str, code: &str) -> Run {
    Run { id: Some(id.into()), code: code.into(), ..Run::default() }
}

async fn ran(client: &Client, run: &Run) -> Result<Ran, Error> {
    answered(collect(&client.open::<KernelRun>(run).unwrap())).await.result
}

async fn delete(client: &Client, id: &str) {
    answered(ask::<KernelDelete>(client, &Delete { id: id.into(), grace_ms: Some(0) })).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contexts_in_a_bucket_that_is_gone_can_be_ended_and_others_go_on() {
    let builder = python::with_kernels().env("SANDWIRE_KERNEL_POOL", "1");
    let (server, client) = crate::kinds::served_by(builder).await;
    let store = mounted(&client).await;
    for (id, cwd) in [("inside", Some("data")), ("cut", Some("data")), ("other", None)] {
        ask::<KernelCreate>(&client, &create(id, cwd)).await.unwrap();
    }
    store.signal(Signal::STOP);
    let client = &client;
    let (alone, waiting) = (create("alone", Some("data/deep0")), create("waiting", Some("data/deep1")));
    let given_up = async {
        let call = client.open::<KernelCreate>(&alone).unwrap();
        wait_until_starting(client, "alone").await;
        cancelled(call).await;
    };
    let deleted = async {
        let call = client.open::<KernelCreate>(&waiting).unwrap();
        wait_until_starting(client, "waiting").await;
        let first = client.open::<KernelRun>(&cell("waiting", "1")).unwrap();
        cancelled(first).await;
        delete(client, "waiting").await;
        assert!(answered(collect(&call)).await.result.is_err());
    };
    let late = async {
        let run = Run { timeout_ms: Some(1500), ..cell("inside", "open('deep2/file').read()") };
        let ran = ran(client, &run).await;
        assert!(ran.as_ref().is_ok_and(|ran| ran.timed_out && ran.kernel_died), "{ran:?}");
    };
    let cut = async {
        let run = cell("cut", "open('../begun', 'w'); open('deep3/file').read()");
        let call = client.open::<KernelRun>(&run).unwrap();
        wait_for("the cell", || server.workspace().join("begun").exists()).await;
        cancelled(call).await;
        delete(client, "cut").await;
    };
    let others = async {
        for number in 0..20 {
            let run = cell("other", &format!("a = {number}"));
            assert_eq!(ran(client, &run).await.unwrap().status, kernel::Status::Ok);
        }
    };
    tokio::join!(given_up, deleted, late, cut, others);
    unmount(client, "data").await;
    for kernel in ask::<KernelList>(client, &kernel::List {}).await.unwrap().kernels {
        assert!(["inside", "other"].contains(&kernel.id.as_str()), "{kernel:?}");
        delete(client, &kernel.id).await;
    }
}

async fn wait_until_starting(client: &Client, id: &str) {
    sandwire_tests::wait::wait_until_async("the kernel to start", || async {
        let kernels = ask::<KernelList>(client, &kernel::List {}).await.unwrap().kernels;
        if kernels.iter().any(|it| it.id == id && it.state == kernel::State::Starting) { Ok(()) } else { Err(kernels) }
    })
    .await;
}
