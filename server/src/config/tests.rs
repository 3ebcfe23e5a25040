#![allow(clippy::unwrap_used, clippy::unwrap_in_result, reason = "a test fails by panicking")]

use super::*;

fn settings(arguments: &[&str]) -> Result<Settings, ConfigError> {
    let all = std::iter::once("sandwire-server").chain(arguments.iter().copied());
    let arguments = Arguments::try_parse_from(all).unwrap_or_else(|error| panic!("{error}"));
    let settings: Settings = layered(arguments.config.as_deref(), &arguments)?;
    settings.validate()?;
    Ok(settings)
}

#[test]
fn flags_win_over_the_file_and_the_file_over_defaults() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"max_lanes = 7\nlane_ttl = '3m'\nretained_bytes = '64MiB'").unwrap();
    let path = file.path().to_str().unwrap();
    let settings = settings(&["--config", path, "--lane-ttl", "4m"]).unwrap();
    assert_eq!(settings.max_lanes, Some(7));
    assert_eq!(settings.lane_ttl, Some(Time::secs(240)));
    assert_eq!(settings.retained_bytes, Some(Size(64 << 20)));
    assert_eq!(settings.max_channels, Some(512));
}

#[test]
fn an_unknown_key_and_a_bad_value_are_named() {
    for (content, named) in [("max_lane = 7", "max_lane"), ("lane_ttl = 'soon'", "soon")] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, content.as_bytes()).unwrap();
        let error = settings(&["--config", file.path().to_str().unwrap()]).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn no_token_no_listening_beyond_loopback() {
    for address in ["0.0.0.0:7070", "[::]:7070", "192.168.1.1:0"] {
        let error = settings(&["--listen", address]).unwrap_err();
        assert!(matches!(error, ConfigError::OpenDoor { .. }), "{address}");
        assert!(error.to_string().contains("SANDWIRE_TOKEN"));
        assert!(settings(&["--listen", address, "--token", "0123456789"]).is_ok());
    }
    for address in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:0"] {
        assert!(settings(&["--listen", address]).is_ok(), "{address}");
    }
}

#[test]
fn what_is_printed_can_be_read_again_and_has_no_secret() {
    let printed = settings(&["--token", "hunter2hunter2"]).unwrap().redacted().unwrap();
    assert!(!printed.contains("hunter2"), "{printed}");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, printed.as_bytes()).unwrap();
    let again = settings(&["--config", file.path().to_str().unwrap()]).unwrap();
    assert_eq!(again.retained_bytes, Some(Size(112 << 20)));
}

#[test]
fn sizes_and_times_are_written_as_they_are_read() {
    for text in ["64KiB", "16MiB", "3B", "2GiB"] {
        assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
    }
    assert_eq!("90s".parse::<Time>().unwrap().to_string(), "1m 30s");
    assert!("".parse::<Size>().is_err());
    assert!("5 parsecs".parse::<Time>().is_err());
}
