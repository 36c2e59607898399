//! Sentinels: asked where the master is, and listened to.

use std::time::Duration;

use redis::{Client, ConnectionInfo, ErrorKind, RedisError, Value};

use super::epoch::Epoch;
use super::open::{client_of, link, newest};
use super::subscription::Subscription;
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
    let each = sentinels.all.iter().map(|sentinel| async {
        loop {
            if let Err(error) = hear(target, sentinels, sentinel, epoch).await {
                tracing::debug!(%error, sentinel = %sentinel.addr(), "cannot listen to a sentinel");
            }
            tokio::time::sleep(RETRY).await;
        }
    });
    futures_util::future::join_all(each).await;
}

/// Listens to one sentinel until it is gone or does not answer.
async fn hear(
    target: &Target,
    sentinels: &Sentinels,
    sentinel: &ConnectionInfo,
    epoch: &Epoch,
) -> Result<(), RedisError> {
    let client = client_of(sentinel.clone(), target)?;
    let mut open = Subscription::open(&client, &["+switch-master".to_owned()]).await?;
    // A switch may have been told while nobody listened.
    told(epoch, &master(target, sentinels).await?);
    loop {
        let message = open.next().await?;
        let text = String::from_utf8_lossy(message.get_payload_bytes()).into_owned();
        if let Some((name, place)) = switched(&text)
            && name == sentinels.master
        {
            told(epoch, &place);
        }
    }
}

fn told(epoch: &Epoch, master: &Place) {
    if epoch.moved(master) {
        let (host, port) = master;
        tracing::info!(
            host,
            port,
            "redis sentinel: the master is another; connections are renewed"
        );
    }
}

/// The name and the new place in `<name> <old host> <old port> <new host> <new port>`.
fn switched(text: &str) -> Option<(&str, Place)> {
    let mut words = text.split(' ');
    let name = words.next()?;
    let (host, port) = (words.nth(2)?, words.next()?.parse().ok()?);
    Some((name, (host.to_owned(), port)))
}

#[cfg(test)]
mod tests {
    use super::switched;

    #[test]
    fn a_switch_names_the_new_place() {
        let place = ("::1".to_owned(), 6_380);
        assert_eq!(switched("main 10.0.0.1 6379 ::1 6380"), Some(("main", place)));
        assert_eq!(switched("main 10.0.0.1 6379"), None);
    }
}
