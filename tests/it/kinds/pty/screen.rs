//! What a terminal shows: to who joins, as a snapshot, above the screen, and on the alternate screen.

use std::time::Duration;

use sandwire::Client;
use sandwire::protocol::kind::PtySnapshot;
use sandwire::protocol::kind::pty::{Attach, Open, Screen, Snapshot, Up};
use sandwire_tests::server::Server;
use sandwire_tests::wait::{DEADLINE, wait_until_async};

use super::{Down, Ended, Eyes, Kind, attach, bash, info, named, open, shows, side, snapshot, to};
use crate::kinds::{ask, served, served_by, words};

async fn ansi(client: &Client, id: &str, scrollback: u32) -> Screen {
    ask::<PtySnapshot>(client, &Snapshot { id: id.to_owned(), scrollback, ansi: true }).await.unwrap()
}

/// A screen that was painted with these bytes.
fn painted(screen: &Screen) -> vt100::Parser {
    let mut painted = vt100::Parser::new(side(screen.rows), side(screen.cols), 1000);
    painted.process(&screen.content);
    painted
}

/// Everything that can be seen of a screen: cells, colours, cursor, modes.
fn seen(screen: &vt100::Screen) -> (String, (u16, u16), bool, bool) {
    (screen.contents_formatted(), screen.cursor_position(), screen.hide_cursor(), screen.alternate_screen())
}

#[tokio::test]
async fn a_snapshot_is_what_is_on_the_screen() {
    let (_server, client) = served().await;
    let shows_it = r"printf '\e]2;a title\a\e[31mred\e[0m \xe6\xbc\xa2\xf0\x9f\xa6\x80\e[5;10Hhere\e[3;7H'; sleep 600";
    let mut eyes = open(&client, &Open { cols: Some(40), rows: Some(10), ..named("t", shows_it) });
    eyes.until("the text", |eyes| eyes.text().contains("here")).await;
    shows(&client, "t", "here").await;
    let (text, screen) = snapshot(&client, "t").await;
    assert_eq!(text, "red 漢🦀\n\n\n\n         here");
    assert_eq!((screen.cols, screen.rows, screen.cursor_col, screen.cursor_row), (40, 10, 6, 2));
    assert!(!screen.alternate);
    assert_eq!(info(&client, "t").await.title, "a title");
    let screen = ansi(&client, "t", 0).await;
    assert_eq!(seen(painted(&screen).screen()), seen(eyes.screen.screen()), "painted anew it is the same");
    assert_eq!((screen.cursor_col, screen.cursor_row), (6, 2));
}

#[tokio::test]
async fn lines_above_the_screen_are_kept_and_painted_as_many_as_are_wanted() {
    let (_server, client) = served_by(Server::builder().args(["--scrollback", "50"])).await;
    let numbers = |from: u32| (from..=200).map(|number| number.to_string()).collect::<Vec<_>>().join("\n");
    // Ten rows show 192 to 200 and the cursor's own.
    for (id, asked, kept) in
        [("setting", None, 50), ("less", Some(20), 20), ("more", Some(1_000), 50), ("none", Some(0), 0)]
    {
        let params = Open { rows: Some(10), scrollback: asked, ..named(id, "seq 200; sleep 600") };
        let mut eyes = open(&client, &params);
        eyes.sees("200\r\n").await;
        shows(&client, id, "200").await;
        for (wanted, lines) in [(0, 0), (5, 5.min(kept)), (u32::MAX, kept)] {
            let screen = Snapshot { id: id.to_owned(), scrollback: wanted, ansi: false };
            let text = String::from_utf8(ask::<PtySnapshot>(&client, &screen).await.unwrap().content).unwrap();
            assert_eq!(text, numbers(192 - lines), "{id}, {wanted}");
            // The same for who joins.
            let mut late = attach(&client, &Attach { scrollback: Some(wanted), read_only: true, ..to(id) });
            late.live().await;
            late.screen.screen_mut().set_scrollback(1_000);
            assert_eq!(late.screen.screen().scrollback(), lines as usize, "{id}, {wanted}: {late:?}");
        }
        let mut late = attach(&client, &to(id));
        late.live().await;
        assert_eq!(seen(late.screen.screen()), seen(eyes.screen.screen()));
        late.screen.screen_mut().set_scrollback(1_000);
        assert_eq!(late.screen.screen().scrollback(), kept as usize, "by default all");
        let first = late.text().lines().next().unwrap_or_default().to_owned();
        assert_eq!(first, (192 - kept).to_string());
    }
}

#[tokio::test]
async fn an_editor_is_seen_alike_by_all_and_leaves_what_was_before() {
    let (server, client) = served().await;
    let file = server.workspace().join("file");
    let lines: String = (1..=100).map(|number| format!("line {number}\n")).collect();
    std::fs::write(&file, lines).unwrap();
    let mut eyes = open(&client, &Open { cols: Some(60), rows: Some(15), ..bash("t") });
    eyes.types("echo be''fore\r").await;
    eyes.sees("before\r\n").await;
    eyes.types("vim -u NONE -N file\r").await;
    eyes.until("vim", |eyes| eyes.text().contains("line 14\n")).await;
    assert!(eyes.screen.screen().alternate_screen());
    eyes.types(":set number\rihello \x1b").await;
    eyes.until("the change", |eyes| eyes.text().contains("  1 hello line 1")).await;
    shows(&client, "t", "  1 hello line 1").await;
    let (text, screen) = snapshot(&client, "t").await;
    assert!(screen.alternate && !text.contains("before"), "{text}");

    // Until vim has drawn all of it, the two may differ.
    let mut late = attach(&client, &Attach { read_only: true, ..to("t") });
    late.live().await;
    same(&client, &mut eyes, &mut late).await;
    // All redraw with the new size.
    eyes.says(Up::Resize { cols: 50, rows: 12 }).await;
    eyes.screen.screen_mut().set_size(side(12), side(50));
    late.until("the new size", |eyes| eyes.screen.screen().size() == (side(12), side(50))).await;
    shows(&client, "t", " 11 line 11").await;
    eyes.types("G").await;
    eyes.until("the last line", |eyes| eyes.text().contains("100 line 100")).await;
    late.until("the last line", |eyes| eyes.text().contains("100 line 100")).await;
    same(&client, &mut eyes, &mut late).await;
    let (_, screen) = snapshot(&client, "t").await;
    assert_eq!((screen.cols, screen.rows, screen.cursor_row), (50, 12, 10), "the last line above the command line");

    eyes.types(":wq\r").await;
    eyes.until("the shell", |eyes| !eyes.screen.screen().alternate_screen()).await;
    eyes.types("echo af''ter\r").await;
    eyes.sees("after\r\n").await;
    shows(&client, "t", "after\n").await;
    let (text, screen) = snapshot(&client, "t").await;
    assert!(!screen.alternate && text.contains("before\n") && !text.contains("line 100"), "{text}");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("hello line 1\nline 2\n"));
}

/// Waits until both viewers and the server have the same screen.
async fn same<A, B>(client: &Client, one: &mut Eyes<A>, other: &mut Eyes<B>)
where
    A: Kind<Up = Up, Down = Down, Result = Ended>,
    B: Kind<Up = Up, Down = Down, Result = Ended>,
{
    let look = async {
        loop {
            let expected = seen(painted(&ansi(client, "t", 0).await).screen());
            if [one.screen.screen(), other.screen.screen()].iter().all(|screen| seen(screen) == expected) {
                return;
            }
            tokio::select! {
                () = one.look() => {}
                () = other.look() => {}
                // The snapshot may have been older than what they see.
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        }
    };
    let late = tokio::time::timeout(DEADLINE, look).await.is_err();
    assert!(!late, "the screens stay different: {one:?}\n{other:?}");
}

#[tokio::test]
async fn a_resize_reflows_nothing_away() {
    let (_server, client) = served().await;
    let mut eyes = open(&client, &Open { run: words(&["cat"]), ..named("t", "") });
    eyes.types("short\r").await;
    eyes.sees("short\r\nshort\r\n").await;
    for (cols, rows) in [(20, 5), (200, 60), (80, 24)] {
        eyes.says(Up::Resize { cols, rows }).await;
        let resized = || async {
            let (text, screen) = snapshot(&client, "t").await;
            if (screen.cols, screen.rows) == (cols, rows) { Ok(text) } else { Err(text) }
        };
        let text = wait_until_async("the new size", resized).await;
        assert_eq!(text, "short\nshort", "{cols} {rows}");
    }
}
