//! Rows of accounts and jobs.

use zoomd_store::inspect::DayNearEnd;

use super::rows::Row;
use super::*;
use crate::health::facts::Failing;

pub(super) fn rows() -> Vec<Row> {
    use Level::{Degraded, Notice};
    vec![
        (
            |f| {
                of_acme(f).state = "needs_reauth".to_owned();
                of_acme(f).why = Some("revoked".to_owned());
            },
            "needs_authorization",
            Degraded,
            Some(7),
            "account acme needs authorization (revoked)",
            "zoomd account login acme",
        ),
        (
            |f| f.held = vec![host_day(WaitReason::HostDay)],
            "daily_limit",
            Degraded,
            Some(5),
            "host ann (acme) is used up",
            "zoomd budget acme",
        ),
        (
            |f| f.held = vec![host_day(WaitReason::LabelDay)],
            "daily_limit",
            Degraded,
            Some(5),
            "calls of account acme is used up",
            "zoomd budget acme",
        ),
        (
            |f| {
                let accounts = vec!["acme".to_owned(), "beta".to_owned()];
                let (why, host, until_ms) =
                    (WaitReason::HostDay, "Uann".to_owned(), NOW + 3_600_000);
                f.days_near_end = vec![DayNearEnd { accounts, why, host, until_ms, full: true }];
            },
            "daily_limit",
            Notice,
            Some(0),
            "host Uann (acme and beta) is used up until 2030-03-17 18:46:40Z",
            "zoomd budget acme",
        ),
        (
            |f| {
                f.days_near_end = vec![DayNearEnd {
                    accounts: vec!["acme".to_owned()],
                    why: WaitReason::LabelDay,
                    host: String::new(),
                    until_ms: NOW + 3_600_000,
                    full: true,
                }];
            },
            "daily_limit",
            Notice,
            Some(0),
            "calls of account acme is used up until 2030-03-17 18:46:40Z",
            "zoomd budget acme",
        ),
        (
            |f| f.stuck = vec![stuck()],
            "jobs_overdue",
            Degraded,
            Some(3),
            "account acme, host me, and nothing holds them back: 3 jobs, the oldest (old) came 10m",
            "zoomd job list --account acme",
        ),
        (
            |f| f.vitals.oldest_unread_ms = Some(NOW - 61_000),
            "jobs_overdue",
            Degraded,
            Some(0),
            "no daemon reads new jobs",
            "zoomd job list",
        ),
        (
            |f| f.vitals.first_due_ms = Some(NOW - 61_000),
            "jobs_overdue",
            Degraded,
            None,
            "sleeping jobs",
            "zoomd job list",
        ),
        (
            |f| f.vitals.first_lease_ms = Some(NOW - 61_000),
            "jobs_overdue",
            Degraded,
            None,
            "recovers the jobs",
            "zoomd job list",
        ),
        (
            |f| {
                let reason = "moving".to_owned();
                f.vitals.paused = Some(Paused { reason, since_ms: Some(NOW - 1_000) });
            },
            "namespace_paused",
            Degraded,
            Some(10),
            "all jobs are paused (moving)",
            "zoomd resume",
        ),
        (
            |f| of_acme(f).paused = Some("by hand".to_owned()),
            "account_paused",
            Degraded,
            Some(7),
            "account acme is paused (by hand)",
            "zoomd account resume acme",
        ),
        (
            |f| (of_acme(f).cap, of_acme(f).in_flight) = (2, 2),
            "account_at_cap",
            Notice,
            Some(7),
            "2 calls in flight",
            "zoomd account set acme --cap 4",
        ),
        (
            |f| {
                // One call has just ended.
                (of_acme(f).cap, of_acme(f).in_flight) = (2, 1);
                of_acme(f).capped_since_ms = Some(NOW - 61_000);
            },
            "account_at_cap",
            Degraded,
            Some(7),
            "jobs of account acme wait for its cap of 2 calls in flight, one for 61s",
            "zoomd account set acme --cap 4",
        ),
        (
            |f| {
                f.failing = vec![Failing {
                    account: "acme".to_owned(),
                    code: "invalid_job".to_owned(),
                    failures: 5,
                    since_ms: NOW - 9_000,
                    job_id: "j".to_owned(),
                }];
            },
            "producer_failing",
            Degraded,
            None,
            "the last 5 jobs of account acme all failed with invalid_job",
            "zoomd failure list --code invalid_job --account acme",
        ),
        (
            |f| {
                let what = "api.zoom.us is unreachable";
                let told = Problem::degraded("zoom_unreachable", what, "zoomd doctor");
                f.vitals.daemons[0].presence.problems = vec![told.of_host("api.zoom.us")];
            },
            "zoom_unreachable",
            Degraded,
            Some(7),
            "api.zoom.us is unreachable",
            "zoomd doctor",
        ),
    ]
}
