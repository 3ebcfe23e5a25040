//! Standard input of processes, and who is attached to them.

use bytes::Bytes;
use sandwire::protocol::Code;
use sandwire::protocol::kind::command::Target;
use sandwire::protocol::kind::process::{AttachUp, From, LogEvent, Restart, RestartPolicy, Start, State};
use sandwire::protocol::kind::{ProcessAttach, ProcessWaitLog, process};
use sandwire_tests::wait::wait_until_async;

use super::{attach, ended, get, named, start, wait_log};
use crate::common::{collect, noise};
use crate::kinds::{ask, event, refusal, served};

#[tokio::test]
async fn input_is_for_those_who_asked_for_it() {
    let (_server, client) = served().await;
    start(&client, named("deaf", "cat; echo end; sleep 600")).await;
    ask::<ProcessWaitLog>(&client, &wait_log("deaf", "end")).await.unwrap();
    assert_eq!(refusal::<ProcessAttach>(&client, &attach("deaf", true)).await.code, Code::StdinNotOpen);
    start(&client, Start { stdin: true, ..named("cat", "cat") }).await;
    for wrong in [0, 1, 2] {
        let looking = client.open::<ProcessAttach>(&attach("cat", wrong != 0)).unwrap();
        looking.write(wrong, Bytes::from_static(b"x")).await.unwrap();
        assert_eq!(collect(&looking).await.result.unwrap_err().code, Code::StdinNotOpen, "stream {wrong}");
    }
    let looking = client.open::<ProcessAttach>(&attach("cat", false)).unwrap();
    looking.end(0).unwrap();
    assert_eq!(collect(&looking).await.result.unwrap_err().code, Code::StdinNotOpen);
    assert_eq!(get(&client, "cat").await.unwrap().state, State::Running, "it is not touched");
    // Once it is closed by one, it is closed for all.
    let late = client.open::<ProcessAttach>(&process::Attach { from: From::End, ..attach("deaf", false) }).unwrap();
    event(&late).await;
    start(&client, Start { stdin: true, ..named("closed", "cat; echo closed; sleep 600") }).await;
    let one = client.open::<ProcessAttach>(&attach("closed", true)).unwrap();
    let other = client.open::<ProcessAttach>(&attach("closed", true)).unwrap();
    one.end(0).unwrap();
    ask::<ProcessWaitLog>(&client, &wait_log("closed", "closed")).await.unwrap();
    other.write(0, Bytes::from_static(b"too late")).await.unwrap();
    assert_eq!(collect(&other).await.result.unwrap_err().code, Code::StdinNotOpen);
    drop(one);
    // What has ended can still be attached to: its log and its end.
    client.processes().process("closed").kill(None).await.unwrap();
    let after = collect(&client.open::<ProcessAttach>(&attach("closed", true)).unwrap()).await;
    assert_eq!((after.streams[1].as_slice(), after.result.unwrap().state), (b"closed\n".as_slice(), State::Exited));
}

#[tokio::test]
async fn who_is_attached_sees_all_writes_and_signals() {
    let (_server, client) = served().await;
    start(&client, Start { stdin: true, ..named("p", "cat; exit 3") }).await;
    let input = noise(21, 2_000_000);
    let writer = client.open::<ProcessAttach>(&attach("p", true)).unwrap();
    let reader = client.open::<ProcessAttach>(&attach("p", false)).unwrap();
    let feed = async {
        writer.write(0, input.clone()).await.unwrap();
        writer.end(0).unwrap();
    };
    let (one, other, ()) = tokio::join!(collect(&writer), collect(&reader), feed);
    assert!(one.streams[1] == input && other.streams[1] == input, "both see all of it");
    assert_eq!(one.result.unwrap(), other.result.unwrap());

    start(&client, named("t", "trap 'exit 8' USR1; echo up >&2; while :; do sleep 0.01; done")).await;
    let attached = client.open::<ProcessAttach>(&attach("t", false)).unwrap();
    ask::<ProcessWaitLog>(&client, &wait_log("t", "up")).await.unwrap();
    let signal = |name: &str| AttachUp::Signal { signal: name.to_owned(), target: Target::Leader };
    let wrong = client.open::<ProcessAttach>(&attach("t", false)).unwrap();
    wrong.event(signal("NOPE")).await.unwrap();
    assert_eq!(collect(&wrong).await.result.unwrap_err().code, Code::ValidationFailed);
    attached.event(signal("10")).await.unwrap();
    let all = collect(&attached).await;
    assert_eq!((all.streams[2].as_slice(), all.result.unwrap().exit.unwrap().code), (b"up\n".as_slice(), Some(8)));
    // Detaching changes nothing.
    start(&client, named("stays", "sleep 600")).await;
    let attached = client.open::<ProcessAttach>(&attach("stays", false)).unwrap();
    assert_eq!(event(&attached).await, LogEvent::Begin { offset: 0 });
    attached.cancel();
    assert_eq!(collect(&attached).await.result.unwrap_err().code, Code::Cancelled);
    assert_eq!(get(&client, "stays").await.unwrap().state, State::Running);
}

#[tokio::test]
async fn a_signal_overtakes_input_that_nobody_reads_and_a_writer_does_not_outlive_the_process() {
    let (_server, client) = served().await;
    start(&client, Start { stdin: true, ..named("full", "echo up; exec sleep 600") }).await;
    let attached = client.open::<ProcessAttach>(&attach("full", true)).unwrap();
    // More than pipe and window hold: writing never ends by itself.
    let flood = async { while attached.write(0, Bytes::from(vec![0; 1 << 16])).await.is_ok() {} };
    let end = async {
        ask::<ProcessWaitLog>(&client, &wait_log("full", "up")).await.unwrap();
        attached.event(AttachUp::Signal { signal: "USR2".to_owned(), target: Target::Group }).await.unwrap();
        collect(&attached).await.result
    };
    let ((), end) = tokio::join!(flood, end);
    assert_eq!(end.unwrap().exit.unwrap().signal.as_deref(), Some("SIGUSR2"));
    // One that closes its input ignores the rest, as the end of a pipeline does.
    start(&client, Start { stdin: true, ..named("closes", "exec <&-; echo closed; sleep 0.05; exit 2") }).await;
    let attached = client.open::<ProcessAttach>(&attach("closes", true)).unwrap();
    let feed = async { while attached.write(0, Bytes::from(vec![0; 1 << 16])).await.is_ok() {} };
    let (all, ()) = tokio::join!(collect(&attached), feed);
    assert_eq!(all.result.unwrap().exit.unwrap().code, Some(2));
}

#[tokio::test]
async fn each_run_has_an_input_of_its_own() {
    let (_server, client) = served().await;
    let restart = Some(Restart { policy: RestartPolicy::OnFailure, max: None, backoff_ms: Some(1) });
    let command = "read line; echo got $line; [ $line = last ]";
    start(&client, Start { stdin: true, restart, ..named("p", command) }).await;
    let attached = client.open::<ProcessAttach>(&attach("p", true)).unwrap();
    for (word, runs) in [("one", 1), ("two", 2)] {
        attached.write(0, Bytes::from(format!("{word}\n"))).await.unwrap();
        ask::<ProcessWaitLog>(&client, &wait_log("p", &format!("got {word}"))).await.unwrap();
        let next = || async {
            let info = get(&client, "p").await.unwrap();
            if info.restarts == runs && info.state == State::Running { Ok(()) } else { Err(info) }
        };
        wait_until_async("the next run", next).await;
    }
    attached.write(0, Bytes::from_static(b"last\n")).await.unwrap();
    let all = collect(&attached).await;
    assert_eq!(all.streams[1], b"got one\ngot two\ngot last\n");
    assert_eq!(ended(&client, "p").await.restarts, 2);
}
