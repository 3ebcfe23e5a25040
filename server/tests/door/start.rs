//! What starts the server, and what does not.

use std::io::Write;
use std::process::Output;

use crate::server::{Server, TOKEN, program, run};

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn file(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}

#[test]
fn flags_win_over_variables_those_over_the_file_and_that_over_defaults() {
    let file = file("lane_ttl = '3m'\nmax_lanes = 7\nmax_channels = 9\ntoken = 'from-the-file'");
    let env = [
        ("SANDWIRE_CONFIG", file.path().to_str().unwrap()),
        ("SANDWIRE_LANE_TTL", "4m"),
        ("SANDWIRE_MAX_LANES", "8"),
        ("SANDWIRE_TOKEN", TOKEN),
    ];
    let output = run(&["--print-config", "--lane-ttl", "5m"], &env);
    assert!(output.status.success(), "{output:?}");
    let printed: toml::Table = toml::from_str(std::str::from_utf8(&output.stdout).unwrap()).unwrap();
    assert_eq!(printed["lane_ttl"].as_str(), Some("5m"));
    assert_eq!(printed["max_lanes"].as_integer(), Some(8));
    assert_eq!(printed["max_channels"].as_integer(), Some(9));
    assert_eq!(printed["max_connections"].as_integer(), Some(256));
    assert!(text(&output).contains(" MiB of memory"));
    assert_eq!(printed["token"].as_str(), Some("(secret)"));
    assert!(!text(&output).contains(TOKEN) && !text(&output).contains("from-the-file"));
}

#[test]
fn beyond_loopback_it_does_not_start_without_a_token_and_says_how_to_set_one() {
    let output = run(&["--listen", "0.0.0.0:0"], &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("SANDWIRE_TOKEN=") && said.contains("--listen"), "{said}");
    let token = run(&["--listen", "0.0.0.0:0", "--print-config"], &[("SANDWIRE_TOKEN", TOKEN)]);
    assert!(token.status.success(), "{token:?}");
}

/// Flags, variables, the file, and what the message names.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str, &'a [&'a str]);

#[test]
fn what_is_wrong_is_named_and_no_token_is_repeated() {
    let cases: &[Case] = &[
        (&["--max-lanes", "many"], &[], "", &["--max-lanes", "many"]),
        (&["--no-such-flag"], &[], "", &["--no-such-flag"]),
        (&[], &[("SANDWIRE_LANE_TTL", "soon")], "", &["--lane-ttl", "soon", "2m"]),
        (&[], &[("SANDWIRE_MAX_LANES", "0")], "", &["--max-lanes", "SANDWIRE_MAX_LANES", "max_lanes"]),
        (&[], &[("SANDWIRE_MAX_CHANNELS", "99999999999")], "", &["--max-channels", "99999999999"]),
        (&[], &[("SANDWIRE_TOKEN", "")], "", &["--token", "SANDWIRE_TOKEN", "8 characters"]),
        (&["--log", "=/="], &[], "", &["--log", "SANDWIRE_LOG"]),
        (&["--log-format", "xml"], &[], "", &["--log-format", "json"]),
        (&["--origins", "*"], &[], "", &["--origins", "\"*\""]),
        (&["--session-ttl", "0s"], &[], "", &["--session-ttl", "1s"]),
        (&["--tls-cert", "a.pem"], &[], "", &["--tls-key"]),
        (&["--retained-bytes-per-lane", "1KiB"], &[], "", &["--retained-bytes-per-lane", "512KiB"]),
        (&["--retained-bytes", "1MiB"], &[], "", &["--retained-bytes "]),
        (&["--config", "/no/such/file"], &[], "", &["/no/such/file", "--config"]),
        (&[], &[], "max_lane = 7", &["max_lane", "max_lanes"]),
        (&[], &[], "max_lanes = 'x'", &["max_lanes"]),
        (&[], &[], "max_lanes = 1\ntoken = secret-unquoted", &["line 2"]),
        (&[], &[], "token = 5318008123", &["token", "string"]),
        (&[], &[], "[[tokens]]\nname = 'a'\ntoken = 5318008123", &["tokens", "string"]),
        (&[], &[], "[[tokens]]\nname = 'a'\ntoken = 'secret spaced'", &["[[tokens]]", "\"a\""]),
        (&[], &[], "[[tokens]]\nname = 'a'\nscopes = ['all']\ntoken = 'secret-token'", &["tokens"]),
    ];
    for (args, env, content, named) in cases {
        let file = file(content);
        let with_file = if content.is_empty() { vec![] } else { vec!["--config", file.path().to_str().unwrap()] };
        let output = run(&[args, with_file.as_slice()].concat(), env);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?} {env:?} {content}: {said}");
        named.iter().for_each(|name| assert!(said.contains(name), "{name} in: {said}"));
        assert!(!said.contains("secret-") && !said.contains("5318008"), "{said}");
    }
}

#[test]
fn help_has_every_setting_with_its_variable_and_default() {
    let output = run(&["--help"], &[("SANDWIRE_TOKEN", TOKEN)]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for word in ["General:", "Access:", "Bounds:", "Times:", "Examples:", "[default: 127.0.0.1:7070]", "--print-config"]
    {
        assert!(help.contains(word), "{word} in:\n{help}");
    }
    assert!(!help.contains(TOKEN));
    let printed = run(&["--print-config"], &[]);
    let printed: toml::Table = toml::from_str(std::str::from_utf8(&printed.stdout).unwrap()).unwrap();
    for name in printed.keys().filter(|name| *name != "tokens") {
        assert!(help.contains(&format!("--{} ", name.replace('_', "-"))), "{name}");
        assert!(help.contains(&format!("[env: SANDWIRE_{}]", name.to_uppercase())), "{name}");
    }
}

#[test]
fn a_taken_port_and_a_missing_workspace_are_told() {
    let server = Server::start(&[]);
    let output = run(&["--listen", &server.address.to_string()], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("--listen"), "{output:?}");
    let output = run(&["--workspace", "/no/such/folder", "--listen", "127.0.0.1:0"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("/no/such/folder"), "{output:?}");
}

#[test]
fn who_closed_standard_output_is_served_all_the_same() {
    let home = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let log = home.path().join("log");
    let mut child = program(home.path())
        .args(["--listen", "127.0.0.1:0", "--log-format", "json"])
        .stdout(writer)
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let listens = || std::fs::read_to_string(&log).unwrap().contains("listening").then_some(());
    crate::server::wait_for("the log to say where it listens", listens);
    assert_eq!(child.try_wait().unwrap(), None);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What it says on standard output, which is no terminal.
fn said(env: &[(&str, &str)]) -> String {
    let home = tempfile::tempdir().unwrap();
    let mut child = program(home.path())
        .args(["--listen", "127.0.0.1:0"])
        .envs(env.iter().copied())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    for _ in 0..2 {
        std::io::BufRead::read_line(&mut lines, &mut said).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    said
}

#[test]
fn it_says_how_to_open_the_page_and_no_ticket_where_nobody_looks() {
    let open = said(&[]);
    let (first, second) = open.split_once('\n').unwrap();
    let address = first.strip_prefix("listening on ").unwrap();
    assert_eq!(second, format!("open {address}/\n"));
    let closed = said(&[("SANDWIRE_TOKEN", TOKEN)]);
    assert!(closed.contains("sandwire open") && !closed.contains("ticket=") && !closed.contains(TOKEN), "{closed}");
}
