//! What a cell says, is asked, and may use.

use std::time::Duration;

use sandwire::kinds::kernel::{CellEvent, Status};
use sandwire::protocol::Code;

use super::{context, first, refused, run, sees, served, told, value};

#[tokio::test]
async fn a_cell_tells_its_number_output_value_and_failure_as_they_come() {
    let (_server, client) = served().await;
    // The default context is there by itself.
    let mut running = client
        .run_code("import sys, time\nprint('out')\nsys.stdout.flush()\nprint('err', file=sys.stderr)\n6 * 7")
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    while let Some(event) = running.next().await.unwrap() {
        said.push(match event {
            CellEvent::Started(number) => format!("started {number}"),
            CellEvent::Stdout(data) => format!("out {}", String::from_utf8_lossy(&data)),
            CellEvent::Stderr(data) => format!("err {}", String::from_utf8_lossy(&data)),
            CellEvent::Result(result) => format!("{:?} {}", result.formats(), result.text().unwrap()),
            other => format!("{other:?}"),
        });
    }
    assert_eq!(said, ["started 1", "out out\n", "err err\n", "[\"text\"] 42"]);
    let ran = running.wait().await.unwrap();
    assert_eq!((ran.status, ran.execution_count, ran.timed_out, ran.kernel_died), (Status::Ok, Some(1), false, false));

    let failed = client.run_code("x = 3\ndef f():\n    return 1 / 0\nf()").run().await.unwrap();
    let error = failed.error.unwrap();
    assert_eq!((failed.ran.status, failed.ran.execution_count), (Status::Error, Some(2)));
    assert_eq!((error.name.as_str(), error.value.as_str()), ("ZeroDivisionError", "division by zero"));
    assert!(error.traceback.iter().any(|line| line.contains("ZeroDivisionError")), "{error:?}");
    // What came before the failure is there, and a syntax error is told like any other.
    let python = client.kernel("python");
    assert_eq!(value(&python, "x").await, "3");
    assert_eq!(run(&python, "if:").await.error.unwrap().name, "SyntaxError");
    assert_eq!(value(&python, "print?\n4").await, "4");
    assert_eq!(told(&python, "").await, "");
    assert_eq!(run(&python, "raise SystemExit(3)").await.error.unwrap().name, "SystemExit");
    assert_eq!(value(&python, "x").await, "3", "it lives on");
}

#[tokio::test]
async fn output_comes_while_the_cell_runs_and_below_python_too() {
    let (_server, client) = served().await;
    let kernel = context(&client).await;
    // A request for input comes behind what was printed before it, though by another way.
    let code = "for turn in range(40):\n    print('now', end='', flush=True)\n    input()";
    let mut running = kernel.run(code).with_input().spawn().unwrap();
    for _ in 0..40 {
        sees(&mut running, "now").await;
        assert_eq!(first(&mut running).await, CellEvent::InputRequest(String::new(), false));
        running.control().input("").await.unwrap();
    }
    running.wait().await.unwrap();
    // What a subprocess, and the cell itself, write to the descriptors harms nothing, and is all there at the end.
    let code = "import os, subprocess\nsubprocess.run('printf sub; printf suberr >&2', shell=True)\n\
                os.write(1, b'raw\\xff\\n')\nNone";
    for _ in 0..5 {
        let result = run(&kernel, code).await;
        assert_eq!((&result.stdout[..], &result.stderr[..]), (&b"subraw\xff\n"[..], &b"suberr"[..]));
    }
    // Bytes of file names that are no UTF-8, which Python makes halves of characters of, are what they were.
    let odd = run(&kernel, "import sys\nprint('a\\udcff')\nsys.stderr.write('\\udcfe')\nNone").await;
    assert_eq!((&odd.stdout[..], &odd.stderr[..]), (&b"a\xff\n"[..], &b"\xfe"[..]));
    let error = run(&kernel, "raise ValueError('b\\udcff')").await.error.unwrap();
    assert_eq!((&*error.name, &*error.value), ("ValueError", "b\u{fffd}"));
    // Others cannot be sent at all; the cell ends nevertheless.
    run(&kernel, "raise ValueError('\\ud800')").await;
    // Of characters that are more than a byte nothing is lost, however they are cut.
    let code = "import sys\nfor part in ['ä' * 100_001, '€' * 100_001, '🦀' * 50_001]:\n    sys.stdout.write(part)";
    let expected = "ä".repeat(100_001) + &"€".repeat(100_001) + &"🦀".repeat(50_001);
    assert!(told(&kernel, code).await == expected);
    let lines: String = (0..50_000).map(|line| format!("{line}\n")).collect();
    assert!(told(&kernel, "for line in range(50_000): print(line)").await == lines);
}

#[tokio::test]
async fn what_a_cell_displays_is_updated_and_cleared() {
    let (_server, client) = served().await;
    let kernel = context(&client).await;
    let code = "from IPython.display import display, clear_output, HTML\n\
                print('gone'); display('gone'); clear_output()\n\
                shown = display(HTML('<b>1</b>'), display_id='it'); display('last')\n\
                shown.update(HTML('<b>2</b>')); 'value'";
    let result = run(&kernel, code).await;
    let shown: Vec<_> = result.results.iter().map(|it| it.html().or(it.text()).unwrap()).collect();
    assert_eq!((result.text().as_ref(), shown), ("", vec!["<b>2</b>", "'last'", "'value'"]));
    let about: Vec<_> = result.results.iter().map(|it| (it.about.display, it.about.display_id.as_deref())).collect();
    assert_eq!(about, [(true, Some("it")), (true, None), (false, None)]);
    let waits = run(&kernel, "print('one'); clear_output(wait=True); print('two', end='')").await;
    assert_eq!(waits.text(), "two");
    // Of another cell: the one that asks for it is told.
    let mut running = kernel.run("shown.update(HTML('<b>3</b>'))").spawn().unwrap();
    let CellEvent::Result(update) = first(&mut running).await else { panic!("no result") };
    assert!(update.about.update && update.about.display_id.as_deref() == Some("it"));
    assert_eq!(update.html(), Some("<b>3</b>"));
    running.wait().await.unwrap();
    // A help page is shown.
    let help = run(&kernel, "len?").await;
    assert!(help.results[0].text().unwrap().contains("number of items"), "{help:?}");
}

#[tokio::test]
async fn a_cell_asks_for_input_only_where_it_may() {
    let (_server, client) = served().await;
    let kernel = context(&client).await;
    let code = "import getpass\nname = input('Who? ')\nword = getpass.getpass('Word: ')\nprint(name, len(word))";
    let mut running = kernel.run(code).with_input().spawn().unwrap();
    let control = running.control();
    // Before it asks, an answer is nothing.
    control.input("too early").await.unwrap();
    assert_eq!(first(&mut running).await, CellEvent::InputRequest("Who? ".to_owned(), false));
    control.input("Zoë").await.unwrap();
    assert_eq!(first(&mut running).await, CellEvent::InputRequest("Word: ".to_owned(), true));
    control.input("12345").await.unwrap();
    sees(&mut running, "Zoë 5\n").await;
    running.wait().await.unwrap();
    assert_eq!(run(&kernel, "input()").await.error.unwrap().name, "StdinNotImplementedError");
    // One that is never answered can be interrupted.
    let mut running = kernel.run("input('?')").with_input().spawn().unwrap();
    assert!(matches!(first(&mut running).await, CellEvent::InputRequest(..)));
    running.control().interrupt().await.unwrap();
    assert!(matches!(first(&mut running).await, CellEvent::Error(error) if error.name == "KeyboardInterrupt"));
    assert_eq!(running.wait().await.unwrap().status, Status::Error);
}

#[tokio::test]
async fn a_cell_has_variables_of_its_own_and_its_context_has_some() {
    let (server, client) = served().await;
    let create = client.kernels().create().cwd("sub").env("A", "context").env("QUOTE", "'\"\\ \n€").env_remove("HOME");
    std::fs::create_dir(server.workspace().join("sub")).unwrap();
    let kernel = create.open().await.unwrap();
    let show = "import os; print(os.getcwd(), os.environ.get('A'), os.environ.get('HOME'), os.environ.get('B'))";
    let folder = server.workspace().canonicalize().unwrap().join("sub").display().to_string();
    assert_eq!(told(&kernel, show).await, format!("{folder} context None None\n"));
    assert_eq!(value(&kernel, "os.environ['QUOTE']").await, "'\\'\"\\\\ \\n€'");
    let odd = "'\"\\ \n€🦀";
    let cell = kernel.run(format!("{show}\nprint(ascii(os.environ['B']))\nos.environ['C'] = '1'"));
    let once = cell.env("A", "cell").env("B", odd).env("HOME", "/").run().await.unwrap();
    assert_eq!(once.text(), format!("{folder} cell / {odd}\n'\\'\"\\\\ \\n\\u20ac\\U0001f980'\n"));
    assert_eq!(told(&kernel, show).await, format!("{folder} context None None\n"));
    assert_eq!(value(&kernel, "os.environ.get('C'), _ih[-1][:5]").await, "('1', 'os.en')");
    // It does not count as a cell, and holds also for one that fails.
    let failed = kernel.run("1/0").env("A", "failed").env_remove("B").run().await.unwrap();
    assert_eq!(failed.error.unwrap().name, "ZeroDivisionError");
    assert_eq!(told(&kernel, "print(os.environ['A'])").await, "context\n");
    assert_eq!(kernel.info().await.unwrap().execution_count, 7);
    // What cannot be a variable is refused, and the value not told.
    let error = refused(kernel.run("1").env("A=B", "secret")).await;
    assert_eq!(error.code, Code::ValidationFailed);
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn cells_of_one_context_wait_for_each_other_and_contexts_do_not() {
    let (_server, client) = served().await;
    let (one, other) = (context(&client).await, context(&client).await);
    let mut first_cell =
        one.run("order = [1]\nprint('runs', end='', flush=True)\ninput()").with_input().spawn().unwrap();
    sees(&mut first_cell, "runs").await;
    let waiting: Vec<_> = (2..5).map(|number| one.run(format!("order.append({number})")).spawn().unwrap()).collect();
    let given_up = one.run("order.append('given up')").spawn().unwrap();
    assert_eq!(told(&other, "print('meanwhile')").await, "meanwhile\n");
    drop(given_up);
    assert!(matches!(first(&mut first_cell).await, CellEvent::InputRequest(..)));
    sandwire_tests::wait::wait_until_async("three wait", || async {
        let info = one.info().await.unwrap();
        if info.queued == 3 { Ok(()) } else { Err(info) }
    })
    .await;
    first_cell.control().input("").await.unwrap();
    first_cell.wait().await.unwrap();
    for cell in waiting {
        cell.wait().await.unwrap();
    }
    assert_eq!(value(&one, "order").await, "[1, 2, 3, 4]");
}

#[tokio::test]
async fn a_cell_is_interrupted_by_event_by_call_by_dropping_and_by_its_time() {
    let (_server, client) = served().await;
    let kernel = context(&client).await;
    let sleeps = "import time\nprint('sleeps', end='', flush=True)\ntime.sleep(1000)";
    let mut running = kernel.run(sleeps).spawn().unwrap();
    sees(&mut running, "sleeps").await;
    running.control().interrupt().await.unwrap();
    assert!(matches!(first(&mut running).await, CellEvent::Error(error) if error.name == "KeyboardInterrupt"));
    running.wait().await.unwrap();

    let mut running = kernel.run(sleeps).spawn().unwrap();
    sees(&mut running, "sleeps").await;
    kernel.interrupt().await.unwrap();
    assert!(matches!(first(&mut running).await, CellEvent::Error(error) if error.name == "KeyboardInterrupt"));
    running.wait().await.unwrap();

    let mut running = kernel.run(format!("mark = 1\n{sleeps}")).spawn().unwrap();
    sees(&mut running, "sleeps").await;
    drop(running);
    assert_eq!(value(&kernel, "mark").await, "1");
    // Nobody is harmed by one that comes when nothing runs.
    kernel.interrupt().await.unwrap();

    let late = kernel.run(sleeps).timeout(Duration::from_millis(300)).run().await.unwrap();
    assert_eq!(late.error.unwrap().name, "KeyboardInterrupt");
    assert_eq!((late.ran.timed_out, late.ran.kernel_died, late.ran.status), (true, false, Status::Error));
    assert_eq!(value(&kernel, "mark").await, "1");
    // One that makes nothing of it has ended well. It has the time to come so far, also on a busy machine.
    let caught = "try: time.sleep(1000)\nexcept KeyboardInterrupt: print('caught')";
    let caught = kernel.run(caught).timeout(Duration::from_secs(3)).run().await.unwrap();
    assert_eq!((&*caught.text(), caught.ran.timed_out, caught.ran.status), ("caught\n", false, Status::Ok));
    // One that comes before the kernel has begun with the cell is not lost.
    for round in 0..20 {
        let silent = kernel.run("import time\ntime.sleep(1000)");
        let ended = if round % 2 == 0 {
            let mut running = silent.spawn().unwrap();
            while !matches!(running.next().await.unwrap(), Some(CellEvent::Started(_))) {}
            running.control().interrupt().await.unwrap();
            running.wait().await.unwrap()
        } else {
            silent.timeout(Duration::from_millis(1)).run().await.unwrap().ran
        };
        assert!(!ended.kernel_died && ended.status != Status::Ok, "round {round}: {ended:?}");
    }
    assert_eq!(value(&kernel, "mark").await, "1");
    let error = refused(kernel.run("1").language("r")).await;
    assert_eq!(error.code, Code::ValidationFailed);
}

#[tokio::test]
async fn what_interrupts_a_cell_never_hits_the_next() {
    let (_server, client) = served().await;
    let kernel = context(&client).await;
    told(&kernel, "import time").await;
    for round in 0..40_u32 {
        // It ends by itself at about the time at which it is interrupted by its time, by an event and by a call.
        let cell = kernel.run("time.sleep(0.06)").timeout(Duration::from_millis(60));
        let running = cell.spawn().unwrap();
        let (control, next) = (running.control(), kernel.run("time.sleep(0.02)").spawn().unwrap());
        running.wait().await.unwrap();
        // It may be known to have ended.
        let _late = control.interrupt().await;
        assert_eq!(next.wait().await.unwrap().status, Status::Ok, "round {round}");
    }
}
