use std::net::{SocketAddr, TcpListener};

use super::*;

fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || serve(&listener));
    address
}

#[test]
fn does_all_that_it_is_measured_by() {
    let mut connection = Connection::connect(start()).unwrap();
    connection.ping().unwrap();
    assert_eq!(connection.exec("echo hi; echo no >&2; exit 3").unwrap(), (3, b"hi\n".to_vec()));
    assert_eq!(connection.exec("kill -9 $$").unwrap(), (-9, Vec::new()));

    let mut sum = 0;
    let exit = connection.stream("head -c 10000000 /dev/zero; exit 4", |bytes| {
        sum += bytes.len();
        Ok(())
    });
    assert_eq!((exit.unwrap(), sum), (4, 10_000_000));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file").to_str().unwrap().to_owned();
    let content: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    connection.write(&path, content.len(), |offset| &content[offset..]).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), content);
    let mut read = Vec::new();
    let size = connection.read(&path, |bytes| {
        read.extend(bytes);
        Ok(())
    });
    assert_eq!((size.unwrap(), read), (4_000_000, content));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let mut terminal = connection.terminal("read line; echo \"got $line\"; exit 5").unwrap();
    terminal.write(b"this\n").unwrap();
    let mut shown = Vec::new();
    let exit = loop {
        let more = terminal.read(|bytes| {
            shown.extend(bytes);
            Ok(())
        });
        if let Some(exit) = more.unwrap() {
            break exit;
        }
    };
    assert_eq!((exit, String::from_utf8(shown).unwrap().as_str()), (5, "this\r\ngot this\r\n"));
}
