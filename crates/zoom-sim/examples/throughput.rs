//! Number of creates a second one simulator serves: `cargo run --release -p
//! zoom-sim --example throughput [seconds] [connections]`.

use std::io::Write;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zoom_sim::{Config, Sim};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let number = |n: usize, usual: u64| {
        std::env::args().nth(n).and_then(|s| s.parse().ok()).unwrap_or(usual)
    };
    let (seconds, connections) = (number(1, 5), number(2, 64));
    let mut config = Config::unlimited();
    config.rules.keep.meetings = 10_000;
    let sim = Sim::start(config).await;
    let begun = Instant::now();
    let until = begun + Duration::from_secs(seconds);
    let mut clients = tokio::task::JoinSet::new();
    for n in 0..connections {
        let token = sim.grant(&format!("user-{n}")).access_token;
        clients.spawn(create_until(sim.address(), token, until));
    }
    let mut bytes = 0;
    while let Some(done) = clients.join_next().await {
        bytes += done.map_err(std::io::Error::other)??;
    }
    let made = sim.counters().meetings_created;
    let rate = made as f64 / begun.elapsed().as_secs_f64();
    writeln!(std::io::stdout(), "{rate:.0} creates/s, {} bytes a reply", bytes / made.max(1))
}

async fn create_until(
    address: std::net::SocketAddr,
    token: String,
    until: Instant,
) -> std::io::Result<u64> {
    let body = r#"{"topic":"Weekly","type":2,"start_time":"2030-01-07T10:00:00Z","duration":30,"timezone":"UTC","agenda":"notes"}"#;
    let request = format!(
        "POST /v2/users/me/meetings HTTP/1.1\r\nhost: sim\r\naccept: application/json\r\n\
         content-type: application/json\r\nauthorization: Bearer {token}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut buffer, mut bytes) = (vec![0; 16_384], 0);
    while Instant::now() < until {
        stream.write_all(request.as_bytes()).await?;
        let mut seen = 0;
        // The reply ends with its settings.
        while !buffer[..seen].ends_with(b"}}") {
            let n = stream.read(&mut buffer[seen..]).await?;
            if n == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            seen += n;
        }
        bytes += seen as u64;
    }
    Ok(bytes)
}
