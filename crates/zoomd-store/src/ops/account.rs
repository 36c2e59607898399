//! Why the jobs of an account wait, read from what admission reads.
//!
//! The reason is not stored with the job, for it changes while the job stands
//! still; so it is worked out anew, in the order in which a claim would meet
//! the obstacles.

use std::collections::HashMap;

use redis::from_redis_value;
use zoomd_wire::AccountName;

use super::Ops;
use super::line::Whose;
use crate::StoreError;
use crate::budget::forecast::{Line, Seat};
use crate::queue::Why;
use crate::rotation::{OpenIntent, stop};

/// What decides whether jobs of an account may run, and when.
#[derive(Debug, Clone, Default)]
pub struct AccountFacts {
    /// Its state; `None`: no such account.
    pub state: Option<String>,
    /// Why it is in that state.
    pub why: Option<String>,
    /// Why it, or everything, is paused.
    pub paused: Option<String>,
    /// Whether everything is paused.
    pub all_paused: bool,
    /// Whether its grant is being rotated.
    pub rotating: bool,
    /// Until when (ms) its app's rotations rest, and why.
    pub rests: Option<(i64, String)>,
    /// What is known of a token exchange whose outcome is not, and when the token may
    /// be presented again, ms.
    pub doubt: Option<(String, i64)>,
    /// Why its last rotation failed, while its access token is over.
    pub failing: Option<String>,
    /// Its plan.
    pub plan: String,
    /// What waits in it, and the budgets it waits for.
    pub line: Line,
}

impl AccountFacts {
    /// Why a job at this seat does not run yet, and when it is expected to, where
    /// that can be reckoned.
    #[must_use]
    pub fn expect(&self, seat: Seat) -> (Why, Option<i64>) {
        if self.all_paused {
            return (Why::Paused, None);
        }
        if self.state.as_deref() != Some("active") {
            return (Why::Consent, None);
        }
        if self.paused.is_some() {
            return (Why::Paused, None);
        }
        let expected = self.line.expect(seat);
        if let Some((_, due_ms)) = self.doubt.as_ref().filter(|(_, due)| *due >= expected.at_ms) {
            return (Why::Rotation, Some(*due_ms));
        }
        let soon = expected.at_ms <= self.line.wakes_ms.max(self.line.now_ms);
        match &self.rests {
            // Jobs with a live token go on while the app rests; one that would
            // run now and does not has none.
            Some((until, _)) if soon => (Why::Rotation, Some(expected.at_ms.max(*until))),
            // The token endpoint is asked again and again: nobody knows when it answers.
            _ if self.failing.is_some() && soon => (Why::Rotation, None),
            _ if self.rotating && soon => (Why::Rotation, Some(expected.at_ms)),
            _ => (expected.why, Some(expected.at_ms)),
        }
    }

    /// What was said about a reason that lies with the account.
    #[must_use]
    pub fn detail(&self, why: Why) -> Option<String> {
        match why {
            Why::Paused => self.paused.clone().filter(|reason| !reason.is_empty()),
            Why::Consent => self.why.clone(),
            Why::Rotation => {
                let told = self.doubt.as_ref().map(|(told, _)| told.clone());
                let rests = || self.rests.as_ref().map(|(_, why)| why.clone());
                told.or_else(rests).or_else(|| self.failing.clone())
            }
            _ => None,
        }
    }

    /// The seat of the job that comes next for this host, with `ahead` before it.
    #[must_use]
    pub fn seat(&self, host: &str, ahead: u64) -> Seat {
        let room = self.line.rooms.iter().position(|room| room.host == host);
        Seat { room: room.unwrap_or(usize::MAX), ahead, due: None }
    }
}

impl Ops {
    /// Reads the facts of an account, for these of its hosts and for all that
    /// have jobs waiting.
    ///
    /// # Errors
    /// That Redis could not be asked.
    pub async fn account_facts(
        &self,
        account: &str,
        hosts: &[&str],
    ) -> Result<AccountFacts, StoreError> {
        const FIELDS: [&str; 9] = ["st", "why", "paused", "lku", "int", "z", "uid", "em", "plan"];
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let now_ms = self.store.now_ms().await?;
        let mut reads = redis::pipe();
        reads.cmd("HMGET").arg(keys.account(account)).arg(&FIELDS);
        reads.cmd("HGET").arg(keys.meta()).arg("paused");
        reads.cmd("ZSCORE").arg(keys.asleep()).arg(account);
        reads.cmd("HMGET").arg(keys.grant(account)).arg(&["issuer", "client_id", "exp", "last"]);
        reads.cmd("HGETALL").arg(keys.stops());
        reads.cmd("HGETALL").arg(keys.intent(account));
        let mut values = conn.values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let fields: Vec<Option<String>> = from_redis_value(next())?;
        let all_paused: Option<String> = from_redis_value(next())?;
        let wakes: Option<f64> = from_redis_value(next())?;
        let [issuer, client_id, exp, last]: [Option<String>; 4] = from_redis_value(next())?;
        let stops: HashMap<String, String> = from_redis_value(next())?;
        let intent: HashMap<String, String> = from_redis_value(next())?;
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
        let mut line = self.line(&whose, hosts).await?;
        line.wakes_ms = wakes.map_or(0, |wakes| wakes as i64);
        // With the lease in hand an exchange is under way as any other.
        let intent = AccountName::new(account).ok().and_then(|n| OpenIntent::read(&n, &intent));
        let doubt = intent.filter(|intent| intent.doubt.is_some() || lease_until <= now_ms);
        let doubt = doubt.map(|intent| (intent.told(), intent.due_ms.unwrap_or(now_ms)));
        let mut facts = AccountFacts {
            doubt,
            state: field("st"),
            why: field("why"),
            all_paused: all_paused.is_some(),
            paused: all_paused.or_else(|| field("paused")),
            rotating: lease_until > now_ms || field("int").is_some(),
            failing: last.filter(|_| !lives(exp.as_deref(), now_ms)),
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

/// Whether an access token that ends then lives.
fn lives(expires: Option<&str>, now_ms: i64) -> bool {
    expires.and_then(|ms| ms.parse::<i64>().ok()).is_some_and(|ms| ms > now_ms)
}

/// The names one host may have in the ledger.
pub(super) struct Names<'a> {
    pub(super) account: &'a str,
    pub(super) host: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) mails: Option<&'a str>,
}

impl Names<'_> {
    pub(super) fn alias(&self) -> String {
        if self.host == "me" { format!("me@{}", self.account) } else { self.host.to_owned() }
    }

    /// As `canonical` in lua/lib/budget.lua.
    pub(super) fn canonical<'a>(&'a self, known: Option<&'a str>, alias: &'a str) -> &'a str {
        let own = self.host == "me"
            || self.mails.is_some_and(|mails| {
                mails.split([',', '"', '[', ']', ' ']).any(|mail| mail == self.host)
            });
        match self.user {
            Some(user) if own => user,
            _ => known.unwrap_or(alias),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::forecast::{Day, Pace, Room};
    use crate::clock::DAY_MS;

    fn active() -> AccountFacts {
        let now_ms = DAY_MS / 2;
        let day = Day { most: 100, ..Day::default() };
        let rooms = vec![Room { host: "me".into(), waiting: 1, day, ..Room::default() }];
        let line =
            Line { now_ms, rooms, pace: Pace { rate: 24, ..Pace::default() }, ..Line::default() };
        AccountFacts { state: Some("active".into()), line, ..AccountFacts::default() }
    }

    #[test]
    fn the_reason_is_the_first_obstacle() {
        let now = DAY_MS / 2;
        let mut asleep = active();
        asleep.line.wakes_ms = now + 900;
        let rotating = AccountFacts { rotating: true, ..asleep.clone() };
        let doubt = Some(("no answer came".to_owned(), now + 600_000));
        let in_doubt = AccountFacts { rotating: true, doubt, ..active() };
        let cases = [
            (AccountFacts { all_paused: true, ..active() }, (Why::Paused, None)),
            (AccountFacts { state: Some("needs_reauth".into()), ..active() }, (Why::Consent, None)),
            (AccountFacts { state: None, ..active() }, (Why::Consent, None)),
            (AccountFacts { paused: Some(String::new()), ..active() }, (Why::Paused, None)),
            (rotating, (Why::Rotation, Some(now + 900))),
            (
                AccountFacts { rests: Some((now + 60_000, "no".into())), ..active() },
                (Why::Rotation, Some(now + 60_000)),
            ),
            (in_doubt, (Why::Rotation, Some(now + 600_000))),
            (
                AccountFacts { failing: Some("no connection".into()), ..active() },
                (Why::Rotation, None),
            ),
            (asleep, (Why::Second, Some(now + 900))),
            (active(), (Why::Turn, Some(now))),
        ];
        for (facts, expected) in cases {
            assert_eq!(facts.expect(facts.seat("me", 0)), expected, "{facts:?}");
        }
    }

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
    fn a_host_is_counted_under_its_user_id_where_that_is_known() {
        let names =
            |host, user| Names { account: "acme", host, user, mails: Some(r#"["ann@x.com"]"#) };
        assert_eq!(names("me", Some("U1")).canonical(None, "me@acme"), "U1");
        assert_eq!(names("ann@x.com", Some("U1")).canonical(None, "ann@x.com"), "U1");
        assert_eq!(names("bob@x.com", Some("U1")).canonical(Some("U2"), "bob@x.com"), "U2");
        assert_eq!(names("bob@x.com", None).canonical(None, "bob@x.com"), "bob@x.com");
        assert_eq!(names("me", None).alias(), "me@acme");
    }
}
