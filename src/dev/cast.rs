//! The sample accounts and the sample jobs.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use zoomd_store::grants::Plan;

pub(super) const ACCOUNTS: [(&str, Plan); 4] = [
    ("acme", Plan::Pro),
    ("globex", Plan::Business),
    ("hooli", Plan::Free),
    ("initech", Plan::Unlimited),
];

/// Which account the next job goes to, by turns.
const TURNS: [&str; 10] = [
    "acme", "globex", "initech", "acme", "globex", "hooli", "initech", "acme", "globex", "initech",
];
/// Jobs of a host that has only a hundred meetings a day; more go to the one without limit.
const ENOUGH: u32 = 90;
/// Topics, by turns.
const TOPICS: [&str; 6] =
    ["Weekly sync", "Design review", "Interview", "Office hours", "Retrospective", "Onboarding"];
/// One job in so many is meant to fail.
const FAILS: u64 = 40;

/// One sample job.
#[derive(Debug)]
pub(super) struct Sample {
    /// Number, from 1.
    pub(super) number: u64,
    pub(super) account: &'static str,
    /// Text.
    pub(super) json: String,
}

/// Makes one sample job after the other.
#[derive(Debug, Default)]
pub(super) struct Cast {
    /// True where some jobs are for later: they would hold up a play that ends.
    endless: bool,
    made: u64,
    given: HashMap<&'static str, u32>,
}

impl Cast {
    /// The jobs of a play.
    pub(super) fn new(endless: bool) -> Self {
        Self { endless, ..Self::default() }
    }

    /// Number of jobs made so far.
    pub(super) fn made(&self) -> u64 {
        self.made
    }

    /// The next job.
    pub(super) fn next(&mut self) -> Sample {
        self.made += 1;
        let number = self.made;
        let account = self.account(number);
        let topic = TOPICS[index(number, TOPICS.len())];
        let mut job = json!({
            "id": id(number),
            "account": account,
            "meeting": {
                "topic": topic,
                "type": 2,
                "start_time": start(number),
                "duration": 30,
                "settings": {"waiting_room": true},
            },
            "metadata": {"sample": number},
        });
        match number % FAILS {
            19 => job["meeting"]["topic"] = "a topic that is far too long ".repeat(8).into(),
            33 => job["account"] = "nobody".into(),
            7 if self.endless => job["not_before"] = later().into(),
            _ => {}
        }
        Sample { number, account, json: job.to_string() }
    }

    fn account(&mut self, number: u64) -> &'static str {
        let turn = TURNS[index(number, TURNS.len())];
        let given = self.given.entry(turn).or_default();
        if turn != "initech" && *given >= ENOUGH {
            return "initech";
        }
        *given += 1;
        turn
    }
}

/// The id of a sample job.
pub(super) fn id(number: u64) -> String {
    format!("sample-{number:04}")
}

/// The failure code of a sample job that is meant to fail.
pub(super) fn meant_to_fail(job_id: &str) -> Option<&'static str> {
    let number: u64 = job_id.strip_prefix("sample-")?.parse().ok()?;
    match number % FAILS {
        19 => Some("invalid_job"),
        33 => Some("unknown_account"),
        _ => None,
    }
}

/// The simulator's word for a plan.
pub(super) fn at_zoom(plan: Plan) -> zoom_sim::Plan {
    match plan {
        Plan::Free => zoom_sim::Plan::Free,
        Plan::Pro => zoom_sim::Plan::Pro,
        Plan::Business => zoom_sim::Plan::Business,
        Plan::Unlimited => zoom_sim::Plan::Unlimited,
    }
}

fn index(number: u64, len: usize) -> usize {
    usize::try_from(number % len as u64).unwrap_or(0)
}

/// In two hours.
fn later() -> String {
    (Timestamp::now() + SignedDuration::from_hours(2)).strftime("%Y-%m-%dT%H:%M:00Z").to_string()
}

/// From tomorrow on, a quarter of an hour apart.
fn start(number: u64) -> String {
    let quarters = i64::try_from(number % 2_000).unwrap_or(0);
    let at = Timestamp::now() + SignedDuration::from_hours(24);
    let at = at + SignedDuration::from_mins(15 * quarters);
    at.strftime("%Y-%m-%dT%H:%M:00Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limited_host_gets_more_than_a_day_allows() {
        let mut cast = Cast::default();
        let mut given: HashMap<&str, u32> = HashMap::new();
        for _ in 0..2_000 {
            *given.entry(cast.next().account).or_default() += 1;
        }
        assert!(given.iter().all(|(name, n)| *name == "initech" || *n <= ENOUGH), "{given:?}");
        assert_eq!(given.len(), ACCOUNTS.len());
    }

    #[test]
    fn jobs_are_valid_but_those_meant_to_fail() {
        let mut cast = Cast::default();
        let rules = zoomd_wire::Rules::at(Timestamp::now());
        for _ in 0..80 {
            let sample = cast.next();
            let parsed = zoomd_wire::parse(sample.json.as_bytes(), &rules);
            let meant = meant_to_fail(&id(sample.number));
            assert_eq!(parsed.is_err(), meant == Some("invalid_job"), "{parsed:?}");
        }
    }
}
