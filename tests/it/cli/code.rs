//! `sandwire code`.

use sandwire_tests::python;
use serde_json::Value;

use super::{run, run_with, text};

#[test]
fn cells_are_run_in_contexts_that_last() {
    let server = python::with_kernels().start();
    assert_eq!(text(&server, &["code", "run", "-c", "x = 6\nprint('out')\nx * 7"]), "out\n42\n");
    assert_eq!(text(&server, &["code", "run", "-c", "x"]), "6\n");
    assert_eq!(run_with(&server, &["code", "run", "-"], b"print(x + 1)").stdout, b"7\n");
    let asked = run_with(&server, &["code", "run", "-c", "print('hello', input('Who? '))"], "Zoë\n".as_bytes());
    assert_eq!((asked.stdout, asked.stderr), ("hello Zoë\n".into(), b"Who? ".to_vec()));

    assert_eq!(text(&server, &["code", "create", "n", "-C", "/usr", "-e", "A=1"]), "n\n");
    let code = "import os; print(os.getcwd(), os.environ['A'], os.environ.get('B'))";
    assert_eq!(text(&server, &["code", "run", "--in", "n", "-e", "B=2", "-c", code]), "/usr 1 2\n");
    let file = server.workspace().join("cell.py");
    std::fs::write(&file, "1 / 0").unwrap();
    let failed = run(&server, &["code", "run", "--in", "n", file.to_str().unwrap()]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("ZeroDivisionError"));
    let missing = run(&server, &["code", "run", "no/such.py"]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("no/such.py: "), "{missing:?}");
    let late = run(&server, &["code", "run", "--in", "n", "--timeout", "200ms", "-c", "import time; time.sleep(1000)"]);
    assert_eq!(late.status.code(), Some(124));

    let listed = text(&server, &["code", "list"]);
    assert!(listed.contains("python") && listed.lines().any(|line| line.starts_with("n ")), "{listed}");
    assert!(text(&server, &["code", "specs"]).contains("python3"));
    let dead = run(&server, &["code", "run", "--in", "n", "-c", "import os; os._exit(7)"]);
    assert_eq!(dead.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&dead.stderr).contains("(KERNEL_DIED)"));
    text(&server, &["code", "restart", "n"]);
    assert_eq!(text(&server, &["code", "run", "--in", "n", "-c", "1"]), "1\n");
    text(&server, &["code", "interrupt", "n"]);
    text(&server, &["code", "rm", "n", "python"]);
    assert_eq!(text(&server, &["--json", "code", "ls"]).trim(), "[]");
    assert_eq!(run(&server, &["code", "restart", "n"]).status.code(), Some(1));
}

#[test]
fn results_are_json_and_files() {
    let server = python::with_kernels().start();
    let cell = "from IPython.display import display, Image\nimport sys\nprint('out')\nprint('err', file=sys.stderr)\n\
                display(Image(b'\\x89PNG\\r\\n\\x1a\\n', format='png'))\n{'a': 1}\n";
    let all: Value = serde_json::from_str(&text(&server, &["--json", "code", "run", "-c", cell])).unwrap();
    assert_eq!((&all["status"], &all["stdout"], &all["stderr"]), (&"ok".into(), &"out\n".into(), &"err\n".into()));
    assert_eq!(all["results"][0]["image/png"]["base64"], "iVBORw0KGgo=");
    assert_eq!(all["results"][1]["text/plain"], "{'a': 1}");
    let failed = run(&server, &["--json", "code", "run", "-c", "1 / 0"]);
    let all: Value = serde_json::from_slice(&failed.stdout).unwrap();
    assert_eq!((failed.status.code(), &all["error"]["name"]), (Some(1), &"ZeroDivisionError".into()));
    let folder = server.workspace().join("out");
    text(&server, &["code", "run", "-c", cell, "--save", folder.to_str().unwrap()]);
    assert_eq!(std::fs::read(folder.join("result-1.png")).unwrap(), b"\x89PNG\r\n\x1a\n");
}
