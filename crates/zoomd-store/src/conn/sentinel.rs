//! Sentinels: asked where the master is, and listened to.

use std::time::Duration;

use futures_util::StreamExt as _;
use redis::{Client, ConnectionInfo, ErrorKind, RedisError, Value};

use super::epoch::Epoch;
use super::open::{client_of, link, newest};
use super::target::{Sentinels, Target};

/// Between two attempts to listen to a sentinel.
const RETRY: Duration = Duration::from_secs(1);

type Place = (String, u16);

/// Where the master is, by the sentinel that knows of the latest failover.
pub(super) async fn master(target: &Target, sentinels: &Sentinels) -> Result<Place, RedisError> {
    let name = sentinels.master.as_str();
    let asked = sentinels.all.iter().map(|sentinel| async move {
        let client = client_of(sentinel.clone(), target)?;
        ask(&client, name).await.map_err(|error| named(sentinel, &error))
    });
    newest(asked).await?.ok_or_else(|| {
        RedisError::from((
            ErrorKind::MasterNameNotFoundBySentinel,
            "no sentinel knows a master of this name",
            name.to_owned(),
        ))
    })
}

async fn ask(client: &Client, master: &str) -> Result<Option<(u64, Place)>, RedisError> {
    let mut link = link(client).await?;
    let mut ask = redis::pipe();
    ask.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    ask.cmd("SENTINEL").arg("MASTER").arg(master);
    let mut answers = link.send_packed_commands(&ask, 0, 2).await?.into_iter();
    let place = match answers.next() {
        Some(Value::ServerError(error)) => return Err(error.into()),
        Some(place) => redis::from_redis_value::<Option<Place>>(place)?,
        None => None,
    };
    // The right to the second question may be missing; then all are equal.
    let epoch = answers.next().and_then(|facts| config_epoch(&facts)).unwrap_or(0);
    Ok(place.map(|place| (epoch, place)))
}

/// The number of the failover that made this master one.
fn config_epoch(facts: &Value) -> Option<u64> {
    let facts: Vec<String> = redis::from_redis_value_ref(facts).ok()?;
    let pair = facts.chunks_exact(2).find(|pair| pair[0] == "config-epoch")?;
    pair[1].parse().ok()
}

/// The error, with the sentinel it came from.
fn named(sentinel: &ConnectionInfo, error: &RedisError) -> RedisError {
    let words = error.detail().map_or_else(|| error.to_string(), ToOwned::to_owned);
    let code = error.code().map(|code| format!("{code} ")).unwrap_or_default();
    let refused = error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
    let kind = if refused { ErrorKind::AuthenticationFailed } else { ErrorKind::Io };
    RedisError::from((kind, "a sentinel", format!("sentinel {}: {code}{words}", sentinel.addr())))
}

/// Ends the generation whenever a sentinel tells of a new master. Never ends.
pub(super) async fn listen(target: &Target, sentinels: &Sentinels, epoch: &Epoch) {
    let heard = std::sync::Mutex::new(String::new());
    let each = sentinels.all.iter().map(|sentinel| async {
        loop {
            if let Err(error) = hear(target, sentinel, &sentinels.master, epoch, &heard).await {
                tracing::debug!(%error, sentinel = %sentinel.addr(), "cannot listen to a sentinel");
            }
            tokio::time::sleep(RETRY).await;
        }
    });
    futures_util::future::join_all(each).await;
}

async fn hear(
    target: &Target,
    sentinel: &ConnectionInfo,
    master: &str,
    epoch: &Epoch,
    heard: &std::sync::Mutex<String>,
) -> Result<(), RedisError> {
    let mut link = client_of(sentinel.clone(), target)?.get_async_pubsub().await?;
    link.subscribe("+switch-master").await?;
    let mut messages = link.into_on_message();
    while let Some(message) = messages.next().await {
        let text = String::from_utf8_lossy(message.get_payload_bytes()).into_owned();
        if text.split(' ').next() != Some(master) {
            continue;
        }
        // Each of them tells it; once is enough.
        let mut last = heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *last != text {
            tracing::info!(switch = text, "a sentinel tells of a new master; renewing connections");
            epoch.leave(epoch.now());
            *last = text;
        }
    }
    Ok(())
}
