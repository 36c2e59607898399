//! Facts of an account that decide about its jobs, read from what admission reads.

use std::collections::HashMap;

use redis::from_redis_value;
use zoomd_wire::AccountName;

use super::budget_names::{Asleep, Whose};
use crate::StoreError;
use crate::accounts::rotation::{OpenIntent, stop};
use crate::inspect::{AccountFacts, Asking, Obstacles, Ops};

/// Facts that are read once for many accounts.
#[derive(Debug, Default)]
pub(in crate::inspect) struct Known {
    /// Obstacles of jobs.
    pub(in crate::inspect) obstacles: Obstacles,
    /// Sleeping rooms; `None`: those of the account are read.
    pub(in crate::inspect) asleep: Option<Asleep>,
}

/// Fields of an account that decide.
const FIELDS: [&str; 10] = ["st", "why", "paused", "lku", "int", "z", "uid", "em", "plan", "cap"];
/// Fields of its grant.
const GRANT: [&str; 5] = ["issuer", "client_id", "exp", "last", "api_url"];

impl Ops {
    /// Reads the facts of an account, for these of its hosts and for all that
    /// have jobs waiting.
    pub async fn account_facts(
        &self,
        account: &str,
        hosts: &[&str],
    ) -> Result<AccountFacts, StoreError> {
        self.facts_with(account, hosts, &Known::default()).await
    }

    /// Copy with what keeps its jobs from running besides.
    pub(in crate::inspect) async fn judged_facts(
        &self,
        account: &str,
        hosts: &[&str],
    ) -> Result<AccountFacts, StoreError> {
        let known = Known { obstacles: self.obstacles().await?, asleep: None };
        self.facts_with(account, hosts, &known).await
    }

    /// Copy with what was read before.
    pub(in crate::inspect) async fn facts_with(
        &self,
        account: &str,
        hosts: &[&str],
        known: &Known,
    ) -> Result<AccountFacts, StoreError> {
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let now_ms = self.store.now_ms().await?;
        let mut reads = redis::pipe();
        reads.cmd("HMGET").arg(keys.account(account)).arg(&FIELDS);
        reads.cmd("HGET").arg(keys.meta()).arg("paused");
        reads.cmd("ZSCORE").arg(keys.asleep()).arg(account);
        reads.cmd("HMGET").arg(keys.grant(account)).arg(&GRANT);
        reads.cmd("HGETALL").arg(keys.stops());
        reads.cmd("HGETALL").arg(keys.intent(account));
        reads.cmd("ZCOUNT").arg(keys.in_flight(account)).arg(format!("({now_ms}")).arg("+inf");
        let mut values = conn.values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let fields: Vec<Option<String>> = from_redis_value(next())?;
        let all_paused: Option<String> = from_redis_value(next())?;
        let wakes: Option<f64> = from_redis_value(next())?;
        let [issuer, client_id, exp, last, api_url]: [Option<String>; 5] =
            from_redis_value(next())?;
        let stops: HashMap<String, String> = from_redis_value(next())?;
        let intent: HashMap<String, String> = from_redis_value(next())?;
        let flying: u64 = from_redis_value(next())?;
        let field = |name: &str| {
            let at = FIELDS.iter().position(|field| *field == name)?;
            fields.get(at).cloned().flatten().filter(|text| !text.is_empty())
        };
        let lease_until: i64 = field("lku").and_then(|ms| ms.parse().ok()).unwrap_or(0);
        let zoom = field("z").unwrap_or_else(|| format!("~{account}"));
        let (plan, user, mails) = (field("plan"), field("uid"), field("em"));
        let whose = Whose {
            account,
            zoom: &zoom,
            plan: plan.as_deref().unwrap_or("pro"),
            user: user.as_deref(),
            mails: mails.as_deref(),
            now_ms,
        };
        let mut line = self.line(&whose, hosts, known.asleep.as_ref()).await?;
        line.wakes_ms = wakes.map_or(0, |wakes| wakes as i64);
        // With the lease in hand an exchange is under way as any other.
        let intent = AccountName::new(account).ok().and_then(|n| OpenIntent::read(&n, &intent));
        let doubt = intent.filter(|intent| intent.doubt.is_some() || lease_until <= now_ms);
        let doubt = doubt.map(|intent| (intent.told(), intent.due_ms.unwrap_or(now_ms)));
        let token_lives = lives(exp.as_deref(), now_ms);
        let api_host = api_url.as_deref().and_then(host_of);
        let cap = field("cap").and_then(|cap| cap.parse().ok()).filter(|cap| *cap > 0);
        let asking = Asking { account: Some(account), api_host, token_lives };
        let mut facts = AccountFacts {
            doubt,
            token_lives,
            cap: cap.map(|cap| (flying, cap)),
            obstacle: known.obstacles.of(asking),
            state: field("st"),
            why: field("why"),
            all_paused: all_paused.is_some(),
            paused: all_paused.or_else(|| field("paused")),
            rotating: lease_until > now_ms || field("int").is_some(),
            failing: last.filter(|_| !token_lives),
            rests: rests([issuer, client_id, exp], &stops, now_ms),
            plan: whose.plan.to_owned(),
            line,
        };
        // `paused` may be there without a reason.
        if facts.paused.is_none() && fields.get(2).is_some_and(Option::is_some) {
            facts.paused = Some(String::new());
        }
        Ok(facts)
    }
}

/// The host and port of an address of Zoom's.
pub(in crate::inspect) fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().filter(|host| !host.is_empty())
}

/// The rest of the app of this grant (issuer, client id, end of its access token),
/// if there is one and the token does not outlive it.
fn rests(
    [issuer, client_id, expires]: [Option<String>; 3],
    stops: &HashMap<String, String>,
    now_ms: i64,
) -> Option<(i64, String)> {
    let (until, why) = stop(stops.get(&format!("{} {}", issuer?, client_id?))?)?;
    let live = lives(expires.as_deref(), now_ms);
    (until > now_ms && !live).then(|| (until, why.to_owned()))
}

/// True for an access token that lives, by its end.
fn lives(expires: Option<&str>, now_ms: i64) -> bool {
    expires.and_then(|ms| ms.parse::<i64>().ok()).is_some_and(|ms| ms > now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_rests_for_grants_without_a_live_token() {
        let grant = |exp: &str| [Some("z"), Some("app"), Some(exp)].map(|t| t.map(str::to_owned));
        let stops = HashMap::from([("z app".to_owned(), "2000 mark a wrong secret".to_owned())]);
        let rest = Some((2_000, "a wrong secret".to_owned()));
        assert_eq!(rests(grant("0"), &stops, 1_000), rest);
        assert_eq!(rests(grant("5000"), &stops, 1_000), None);
        assert_eq!(rests(grant("0"), &stops, 2_000), None);
        assert_eq!(rests([None, None, None], &stops, 1_000), None);
    }

    #[test]
    fn the_host_of_an_address_is_found() {
        for url in ["https://api-eu.zoom.us", "https://api-eu.zoom.us/v2", "api-eu.zoom.us"] {
            assert_eq!(host_of(url), Some("api-eu.zoom.us"));
        }
        assert_eq!(host_of("http://127.0.0.1:8/v2"), Some("127.0.0.1:8"));
        assert_eq!(host_of(""), None);
    }
}
