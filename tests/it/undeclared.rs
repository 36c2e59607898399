//! A server that lets scripts use declared keys only, as Dragonfly does unless told
//! otherwise.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::support::Rig;

/// Error of such a server for a script that uses an undeclared key.
const REFUSAL: &str = "-ERR script tried accessing undeclared key, key: zoomd:v1:ids\r\n";

fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let Some(count) = number(&mut reader)? else { return Ok(()) };
        let mut words = Vec::new();
        for _ in 0..count {
            let Some(length) = number(&mut reader)? else { return Ok(()) };
            let mut word = vec![0; length + 2];
            std::io::Read::read_exact(&mut reader, &mut word)?;
            word.truncate(length);
            words.push(String::from_utf8_lossy(&word).to_ascii_uppercase());
        }
        let info = "redis_version:7.2.0\r\nrun_id:ab\r\nrole:master\r\naof_enabled:1\r\n";
        let answer = match words.first().map(String::as_str) {
            Some("INFO") => format!("${}\r\n{info}\r\n", info.len()),
            Some("EVAL" | "EVALSHA") => REFUSAL.to_owned(),
            Some("ROLE") => "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n".to_owned(),
            Some("TIME") => "*2\r\n$10\r\n1800000000\r\n$1\r\n0\r\n".to_owned(),
            Some("HMGET") => "*3\r\n$-1\r\n$-1\r\n$-1\r\n".to_owned(),
            Some("SCAN" | "HGETALL" | "CONFIG" | "ZRANGEBYLEX") => "*0\r\n".to_owned(),
            _ => "+OK\r\n".to_owned(),
        };
        stream.write_all(answer.as_bytes())?;
    }
}

/// The number behind the first character of a line; nothing at the end.
fn number(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<usize>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(line.trim().get(1..).and_then(|text| text.parse().ok()))
}

#[tokio::test]
async fn the_server_is_named_with_its_switch_and_no_key_is_blamed() {
    let mut rig = Rig::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    rig.set("ZOOMD_REDIS_URL", &format!("redis://127.0.0.1:{port}"));
    let found = rig.run(&["doctor", "--offline"]).expect(1);
    for text in
        ["refuses scripts with undeclared keys", "--default_lua_flags=allow-undeclared-keys"]
    {
        assert!(found.stdout.contains(text), "{text}: {}", found.stdout);
    }
    assert!(!found.stdout.contains("rekey"), "{}", found.stdout);
    let mut daemon = rig.daemon_unchecked();
    assert!(!daemon.wait().success());
    assert!(daemon.log().contains("--default_lua_flags=allow-undeclared-keys"), "{}", daemon.log());
}
