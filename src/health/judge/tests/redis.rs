//! A Redis whose master is silent, and one that is another than before.

use super::*;
use crate::health::facts::Absent;
use crate::health::verdict::Verdict;

#[test]
fn the_sentinels_are_asked_about_a_master_that_is_silent() {
    let redis = "redis+sentinel://a:1,b/main".to_owned();
    let text = "redis: the master h:1 does not answer; a failover is in progress";
    let absent = Absent { kind: ErrorKind::Unreachable, text: text.to_owned(), since_ms: None };
    let facts = Facts { here: Here { redis, ..here() }, own: Vec::new(), found: Err(absent) };
    let judgement = judge(&facts);
    assert!(judgement.headline().contains("a failover is in progress"), "{judgement:?}");
    let next = &judgement.problems[0].next;
    assert!(next.starts_with("redis-cli -h a -p 1 SENTINEL MASTER main; "), "{next}");
}

#[test]
fn a_daemons_problem_that_is_worse_takes_the_place_of_a_notice() {
    let mut found = well();
    found.vitals.run_at_ms = NOW - 90_000;
    assert_eq!(judged(found.clone()).verdict, Verdict::Ok);
    let held = Problem::degraded("redis_failed_over", "new jobs wait", "zoomd status -w");
    found.vitals.daemons[0].presence.problems = vec![held.clone()];
    assert_eq!(judged(found.clone()).headline(), "DEGRADED: new jobs wait");
    assert_eq!(judged(found.clone()).problems.len(), 1);
    let over = Problem { level: Level::Notice, ..held };
    found.vitals.daemons[0].presence.problems = vec![over];
    let judgement = judged(found);
    assert_eq!((judgement.verdict, judgement.problems.len()), (Verdict::Ok, 1));
}
