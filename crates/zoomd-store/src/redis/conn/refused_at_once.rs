//! Errors from a server that closes the connection before the greeting: with `maxclients` reached
//! it writes an error immediately, and our greeting meets a closed socket. That error is reported
//! instead of the broken pipe.

use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, RedisError};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpStream, UnixStream};

/// Time limit for reading its error.
const LIMIT: Duration = Duration::from_millis(500);
/// More is not read.
const LONGEST: usize = 512;

/// The words with which the server refuses a connection that has said nothing yet,
/// if `error` looks like such a refusal.
pub(super) async fn words(info: &ConnectionInfo, error: &RedisError) -> Option<RedisError> {
    if !error.is_connection_dropped() || error.is_connection_refusal() {
        return None;
    }
    let heard = async {
        match info.addr() {
            ConnectionAddr::Tcp(host, port) => {
                hear(TcpStream::connect((host.as_str(), *port)).await.ok()?).await
            }
            ConnectionAddr::Unix(path) => hear(UnixStream::connect(path).await.ok()?).await,
            // A plain-text error where a handshake is expected is not read.
            _ => None,
        }
    };
    tokio::time::timeout(LIMIT, heard).await.ok()?
}

async fn hear(mut stream: impl AsyncRead + Unpin) -> Option<RedisError> {
    let mut said = Vec::with_capacity(LONGEST);
    while said.len() < LONGEST && !said.contains(&b'\n') {
        if stream.read_buf(&mut said).await.ok()? == 0 {
            break;
        }
    }
    let said = String::from_utf8_lossy(&said);
    let (code, words) = said.strip_prefix('-')?.lines().next()?.split_once(' ')?;
    Some(redis::make_extension_error(code.to_owned(), Some(words.to_owned())))
}
