#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

const SIZE: Size = Size { cols: 20, rows: 6 };

/// Everything that a person could tell two screens apart by.
fn seen(screen: &Screen) -> (String, Vec<String>, (u16, u16), String) {
    let model = screen.parser.screen();
    let history = history(model, usize::MAX, |screen| screen.rows(0, SIZE.cols).collect());
    (model.state_formatted(), history, model.cursor_position(), screen.title().to_owned())
}

/// A viewer that joins after `before`, is painted the screen, and sees `after`.
fn joined(whole: &Screen, after: &[u8]) -> Screen {
    let mut viewer = Screen::new(whole.size(), 100);
    viewer.process(RESET);
    viewer.process(&whole.paint(usize::MAX));
    viewer.process(after);
    viewer
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let text = |text: &'static str| Just(text.as_bytes().to_vec());
    prop_oneof![
        6 => "[ -~]{1,30}".prop_map(String::into_bytes),
        4 => text("\r\n"),
        1 => text("漢字🦀é"),
        2 => (0u8..8).prop_map(|colour| format!("\x1b[3{colour};1m").into_bytes()),
        1 => text("\x1b[0m"),
        1 => text("\x1b[2J\x1b[H"),
        2 => (1u8..8, 1u8..22).prop_map(|(row, col)| format!("\x1b[{row};{col}H").into_bytes()),
        1 => text("\x1b[K"),
        1 => text("\x1b[?1049h"),
        1 => text("\x1b[?1049l"),
        1 => text("\x1b[?25l"),
        1 => text("\x1b[?2004h"),
        1 => text("\x1b[?1h\x1b="),
        1 => text("\x1b[?1002h\x1b[?1006h"),
        1 => text("\x1b]0;a title\x07"),
        1 => prop::collection::vec(any::<u8>().prop_filter("C0 as text", |b| *b >= 0x20), 1..6),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn who_joins_at_any_byte_sees_the_same_screen(pieces in prop::collection::vec(piece(), 1..40), at in any::<prop::sample::Index>()) {
        let stream = pieces.concat();
        let (before, after) = stream.split_at(at.index(stream.len() + 1));
        let mut whole = Screen::new(SIZE, 100);
        whole.process(before);
        let viewer = joined(&whole, b"");
        let (mut paint, mut expected) = (seen(&viewer), seen(&whole));
        // Blank lines at the top of the history are not told from no history.
        for history in [&mut paint.1, &mut expected.1] {
            let blank = history.iter().take_while(|line| line.trim().is_empty()).count();
            history.drain(..blank);
        }
        prop_assert_eq!(&paint.0, &expected.0);
        prop_assert_eq!(paint.2, expected.2);
        prop_assert_eq!(&paint.3, &expected.3);
        prop_assert_eq!(&paint.1, &expected.1);
        let _ = after;
    }

    #[test]
    fn no_bytes_end_the_model(bytes in prop::collection::vec(any::<u8>(), 0..600), cols in 1u16..40, rows in 1u16..20) {
        let mut screen = Screen::new(SIZE, 10);
        screen.process(&bytes);
        screen.resize(Size { cols, rows });
        screen.process(&bytes);
        screen.paint(10);
        screen.text(10);
    }
}

#[test]
fn the_normal_screen_is_there_again_after_the_alternate_one() {
    let mut whole = Screen::new(SIZE, 100);
    whole.process(b"one\r\ntwo\r\nthree\r\nfour\r\nfive\r\nsix\r\nseven $ vim\x1b[?1049h\x1b[H~ editor");
    let viewer = joined(&whole, b"\x1b[?1049l");
    whole.process(b"\x1b[?1049l");
    assert_eq!(viewer.text(100), whole.text(100));
    assert!(viewer.text(100).starts_with("one\ntwo"));
}

#[test]
fn a_cut_sequence_is_completed_by_what_follows() {
    for cut in ["\x1b[3", "\x1b]0;ti", "\u{1F980}"] {
        let bytes = cut.as_bytes();
        let (before, after) = bytes.split_at(bytes.len() - 1);
        let rest: Vec<u8> = [after, b"1mX\x07Y"].concat();
        let mut whole = Screen::new(SIZE, 10);
        whole.process(before);
        let viewer = joined(&whole, &rest);
        whole.process(&rest);
        assert_eq!(viewer.text(0), whole.text(0), "{cut:?}");
    }
}
