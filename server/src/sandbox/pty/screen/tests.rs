#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::painting::RESET;
use super::*;

const SIZE: Size = Size { cols: 20, rows: 6 };

/// Everything that a person, or the program by what it prints next, could tell two screens apart by.
fn seen(screen: &Screen, scrollback: usize) -> (String, String, (u16, u16)) {
    (String::from_utf8_lossy(&screen.paint(0)).replace('\x1b', "^"), screen.text(scrollback), screen.cursor())
}

/// Checks that who joins a stream at `at`, and is painted `scrollback` lines and the screen, sees what one sees who was
/// there all the time.
pub(in crate::sandbox::pty) fn joins(stream: &[u8], at: usize, size: Size, scrollback: usize) {
    let (before, after) = stream.split_at(at);
    let mut whole = Screen::new(size, scrollback);
    whole.process(before);
    let mut viewer = Screen::new(size, scrollback);
    viewer.process(RESET);
    viewer.process(&whole.paint(usize::MAX));
    let (painted, expected) = (seen(&viewer, scrollback), seen(&whole, scrollback));
    assert_eq!(painted.0, expected.0, "joined at {at}");
    // Blank lines at the top of the history are not told from no history.
    let blank = |c: char| c.is_whitespace();
    assert_eq!(painted.1.trim_start_matches(blank), expected.1.trim_start_matches(blank), "joined at {at}");
    assert_eq!(painted.2, expected.2, "joined at {at}");
    viewer.process(after);
    whole.process(after);
    assert_eq!(seen(&viewer, 0), seen(&whole, 0), "joined at {at}, at the end");
    assert_eq!(viewer.title(), whole.title());
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let text = |text: &'static str| Just(text.as_bytes().to_vec());
    prop_oneof![
        6 => "[ -~]{1,30}".prop_map(String::into_bytes),
        5 => text("\r\n"),
        1 => text("漢字🦀é"),
        2 => (0u8..8).prop_map(|colour| format!("\x1b[3{colour};1m").into_bytes()),
        1 => (0u8..=255).prop_map(|colour| format!("\x1b[48;2;{colour};1;2m").into_bytes()),
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
        1 => (1u8..5, 3u8..7).prop_map(|(top, bottom)| format!("\x1b[{top};{bottom}r").into_bytes()),
        1 => prop_oneof![text("\x1b[r"), text("\x1b[!p"), text("\x1bc")],
        1 => prop_oneof![text("\x1b[4h"), text("\x1b[4l"), text("\x1b[?7l"), text("\x1b[?7h")],
        1 => prop_oneof![text("\x1b(0"), text("\x1b(B"), text("\x1b)0\x0e"), text("\x0f")],
        1 => prop_oneof![text("\x1b[?1004h"), text("\x1b[3 q"), text("\x1b]8;;http://x\x1b\\"), text("\x1b]8;;\x07")],
        1 => prop_oneof![text("\x1b[2L"), text("\x1b[M"), text("\x1b[3@"), text("\x1b[2P"), text("\x1bM"), text("\x1bD")],
        1 => prop_oneof![text("\x1b[2Z"), text("\x1b[I"), text("\t"), text("\x08")],
        1 => prop::collection::vec(any::<u8>().prop_filter("C0 as text", |b| *b >= 0x20), 1..6),
    ]
}

/// Saving the cursor where it is not behind the last column, and restoring it.
fn saving() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => piece(),
        1 => (1u8..6, 1u8..20).prop_map(|(row, col)| format!("\x1b[{row};{col}H\x1b7").into_bytes()),
        1 => Just(b"\x1b8".to_vec()),
        1 => Just(b"\x1b[u".to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn who_joins_at_any_byte_sees_the_same_screen(
        pieces in prop::collection::vec(saving(), 1..40), at in any::<prop::sample::Index>(),
    ) {
        let stream = pieces.concat();
        joins(&stream, at.index(stream.len() + 1), SIZE, 100);
    }

    #[test]
    fn no_bytes_end_the_model(bytes in prop::collection::vec(any::<u8>(), 0..600), cols in 1u16..40, rows in 1u16..20) {
        let mut screen = Screen::new(SIZE, 10);
        screen.process(&bytes);
        screen.resize(Size { cols, rows });
        screen.process(&bytes);
        screen.paint(10);
        screen.text(10);
        prop_assert_eq!(screen.size(), Size { cols, rows });
    }

    #[test]
    fn pieces_make_no_difference(bytes in prop::collection::vec(saving(), 1..30), cut in 1_usize..9) {
        let stream = bytes.concat();
        let (mut whole, mut pieces) = (Screen::new(SIZE, 50), Screen::new(SIZE, 50));
        whole.process(&stream);
        stream.chunks(cut).for_each(|piece| pieces.process(piece));
        prop_assert_eq!(seen(&whole, 50), seen(&pieces, 50));
    }
}

fn shown(bytes: &str) -> String {
    let mut screen = Screen::new(SIZE, 50);
    screen.process(bytes.as_bytes());
    screen.text(0)
}

#[test]
fn the_normal_screen_is_there_again_after_the_alternate_one() {
    let stream =
        b"one\r\ntwo\r\nthree\r\nfour\r\nfive\r\nsix\r\nseven $ vim\x1b[?1049h\x1b[H~ editor\x1b[?1049l and on";
    for at in 0..=stream.len() {
        joins(stream, at, SIZE, 50);
    }
    assert_eq!(shown("$ vim\x1b[?1049h\x1b[H~ editor\x1b[?1049l!"), "$ vim!");
}

#[test]
fn what_vt100_does_not_know_is_done_all_the_same() {
    assert_eq!(shown("\x1b(0lqqk\x1b(B l\x1b)0\x0eq\x0fq"), "┌──┐ l─q");
    assert_eq!(shown("world\x1b[1G\x1b[4hhello \x1b[4l"), "hello world");
    assert_eq!(shown("\x1b[?7l0123456789012345678901234\x1b[?7h"), "01234567890123456784");
    assert_eq!(shown("\x1b[s abc\x1b[ux"), "xabc");
    assert_eq!(shown("1234567890\x1b[Zx\x1b[2Zy"), "y2345678x0");
    assert_eq!(shown("a\x1b[65535bz").len(), 23, "21 times a, a line break, z");
    assert_eq!(shown("\x1b[3;4r\x1b[2;5H\x1b[!pon\r\nand\r\non\r\nand\r\non"), "\n    on\nand\non\nand\non");
}

#[test]
fn an_endless_sequence_takes_no_memory_and_harms_nothing_after_it() {
    let mut screen = Screen::new(SIZE, 10);
    screen.process(b"before \x1b]0;");
    for _ in 0..100 {
        screen.process(&[b'x'; 10_000]);
    }
    assert!(screen.paint(0).len() < 10_000);
    screen.process(b"\x07after");
    assert_eq!((screen.text(0).as_str(), screen.title()), ("before after", ""));
}
