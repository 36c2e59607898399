//! Sentinels: asked where the master is and whether they see it, and listened to.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::{Client, ConnectionInfo, ErrorKind, RedisError, Value};

use super::epoch::Epoch;
use super::link::{client_of, link, newest};
use super::master::{Failover, Master, Place};
use super::subscription::Subscription;
use super::target::{Sentinels, Target};

/// Between two attempts to listen to a sentinel.
const RETRY: Duration = Duration::from_secs(1);

impl Master {
    /// The error of a master that does not answer, with what becomes of it. Others, such
    /// as a wrong password, have nothing to do with a failover.
    pub(super) fn missed(&self, error: RedisError, epoch: &Epoch) -> RedisError {
        let (host, port) = &self.place;
        let silent = error.kind() == ErrorKind::Io || error.is_timeout();
        if !silent {
            return error;
        }
        let words = error.detail().map_or_else(|| error.to_string(), ToOwned::to_owned);
        let words = words.trim_end_matches(" - io").to_lowercase();
        let failover = self.failover.in_words();
        if epoch.is_news(self) {
            tracing::warn!(
                host,
                port,
                "redis sentinel: the master {host}:{port} does not answer; {failover}"
            );
        }
        let text = format!("the master {host}:{port} does not answer ({words}); {failover}");
        RedisError::from((ErrorKind::Io, "sentinel", text))
    }
}

/// The master, by the sentinel that knows of the latest failover.
pub(super) async fn master(target: &Target, sentinels: &Sentinels) -> Result<Master, RedisError> {
    let (name, furthest) = (sentinels.master.as_str(), &Mutex::new(Failover::None));
    let asked = sentinels.all.iter().map(|sentinel| async move {
        let client = client_of(sentinel.clone(), target)?;
        let answer = ask(&client, name).await.map_err(|error| named(sentinel, &error))?;
        // Only the one that replaces the master says so.
        Ok(answer.map(|(epoch, place, failover)| {
            let mut furthest = furthest.lock().unwrap_or_else(PoisonError::into_inner);
            *furthest = failover.max(*furthest);
            (epoch, place)
        }))
    });
    let place = newest(asked).await?.ok_or_else(|| {
        RedisError::from((
            ErrorKind::MasterNameNotFoundBySentinel,
            "no sentinel knows a master of this name",
            name.to_owned(),
        ))
    })?;
    let failover = *furthest.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Master { place, failover })
}

async fn ask(client: &Client, master: &str) -> Result<Option<(u64, Place, Failover)>, RedisError> {
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
    let facts = answers.next().unwrap_or(Value::Nil);
    let facts: Vec<String> = redis::from_redis_value(facts).unwrap_or_default();
    let fact = |name: &str| facts.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| &pair[1]);
    // The number of the failover that made this master one.
    let epoch = fact("config-epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
    let failover = fact("flags").map_or(Failover::None, |flags| Failover::of(flags));
    Ok(place.map(|place| (epoch, place, failover)))
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

/// Ends the generation whenever a sentinel reports a new master. Never ends.
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

/// Listens to one sentinel until it disconnects or does not answer.
async fn hear(
    target: &Target,
    sentinels: &Sentinels,
    sentinel: &ConnectionInfo,
    epoch: &Epoch,
) -> Result<(), RedisError> {
    let client = client_of(sentinel.clone(), target)?;
    let mut open = Subscription::open(&client, &["+switch-master".to_owned()]).await?;
    // A switch may have been published before the subscription.
    told(epoch, &master(target, sentinels).await?.place);
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
        tracing::info!(host, port, "redis sentinel: the master changed; reconnecting");
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
    use super::*;

    #[test]
    fn the_flags_of_a_master_tell_how_far_its_failover_is() {
        for (flags, expected) in [
            ("master", Failover::None),
            ("master,disconnected", Failover::None),
            ("s_down,master,disconnected", Failover::Missed),
            ("s_down,o_down,master,disconnected", Failover::Due),
            ("s_down,o_down,master,failover_in_progress", Failover::UnderWay),
        ] {
            assert_eq!(Failover::of(flags), expected, "{flags}");
        }
        assert!(Failover::Missed < Failover::Due && Failover::Due < Failover::UnderWay);
    }

    #[test]
    fn only_a_master_that_is_silent_is_one_of_a_failover() {
        let epoch = Epoch::default();
        let place = ("h".to_owned(), 6_379);
        let master = Master { place, failover: Failover::UnderWay };
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let told = crate::StoreError::from(master.missed(refused.into(), &epoch));
        assert_eq!(told.kind(), crate::ErrorKind::Unreachable);
        assert_eq!(
            told.to_string(),
            "redis: the master h:6379 does not answer (connection refused); a failover is in \
             progress"
        );
        assert!(!epoch.is_news(&master), "it was logged");
        let due = Master { failover: Failover::Due, ..master.clone() };
        assert!(epoch.is_news(&due) && !epoch.is_news(&due));
        let wrong = || RedisError::from((ErrorKind::AuthenticationFailed, "no", "no".to_owned()));
        assert_eq!(master.missed(wrong(), &epoch), wrong());
    }

    #[test]
    fn a_switch_names_the_new_place() {
        let place = ("::1".to_owned(), 6_380);
        assert_eq!(switched("main 10.0.0.1 6379 ::1 6380"), Some(("main", place)));
        assert_eq!(switched("main 10.0.0.1 6379"), None);
    }
}
