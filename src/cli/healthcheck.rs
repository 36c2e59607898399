//! `zoomd healthcheck`: asks `/readyz` of the daemon on this machine, for
//! images that have neither shell nor curl.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;

/// `zoomd healthcheck`.
#[derive(Debug, Args)]
#[command(after_help = "Asks the port of ZOOMD_LISTEN. In a Dockerfile:\n  \
    HEALTHCHECK CMD [\"zoomd\", \"healthcheck\"]")]
pub struct HealthcheckArgs {
    /// Check that the process is alive, not that it is ready
    #[arg(long)]
    pub live: bool,
    /// Timeout in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub timeout: u64,
}

/// Asks, and exits 0 only if the answer is 200.
pub async fn run(ctx: &Ctx, args: HealthcheckArgs) -> CliResult {
    let Some(listen) = ctx.config.listen else {
        return Err(CliError::config(
            "the operations endpoint is off, so there is nothing to check",
        )
        .hint("set ZOOMD_LISTEN"));
    };
    let path = if args.live { "/livez" } else { "/readyz" };
    let limit = Duration::from_secs(args.timeout.max(1));
    let asked = tokio::time::timeout(limit, ask(reachable(listen), path)).await;
    let answer = match asked {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            let text = format!("no daemon answers on {listen}: {error}");
            return Err(CliError::unreachable(text).hint("zoomd status"));
        }
        Err(_) => {
            let text = format!("the daemon on {listen} did not answer within {}s", limit.as_secs());
            return Err(CliError::unreachable(text).hint("zoomd status"));
        }
    };
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer.as_str(), ""));
    let body = body.trim();
    if head.split_whitespace().nth(1) != Some("200") {
        let state = if args.live { "not alive" } else { "not ready" };
        return Err(CliError::failed(format!("{state}: {}", reasons(body)))
            .code("not_ready")
            .hint("zoomd status"));
    }
    let value = serde_json::from_str(body).unwrap_or_else(|_| serde_json::json!({"ok": true}));
    ctx.out.show(&value, || format!("{}\n", if args.live { "alive" } else { "ready" }))?;
    Ok(Exit::Done)
}

/// The reasons that the daemon gives, else all that it answered.
fn reasons(body: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let reasons = answer["reasons"].as_array().into_iter().flatten();
    let reasons: Vec<_> = reasons.filter_map(|reason| reason.as_str()).collect();
    if reasons.is_empty() { body.to_owned() } else { reasons.join("; ") }
}

/// A daemon that listens on every address is asked on the loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let mut address = listen;
    if listen.ip().is_unspecified() {
        address.set_ip(match listen {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// One request to this machine: the head and the body of the answer.
pub(super) async fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(64 << 10).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
