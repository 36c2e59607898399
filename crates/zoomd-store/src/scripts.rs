//! All scripts, made of their texts. No other module puts one together, so a test
//! that goes through this list has met every one.

use std::sync::LazyLock;

use crate::Script;
use crate::rights::lead::lead;

/// The time of a script.
const CLOCK: &str = include_str!("lua/lib/clock.lua");
/// What most scripts share.
const BASE: &str = concat!(include_str!("lua/lib/clock.lua"), include_str!("lua/lib/base.lua"));
const BACK: &str = include_str!("lua/lib/back.lua");
const BUDGET: &str = include_str!("lua/lib/budget.lua");
const GATES: &str = include_str!("lua/lib/gates.lua");
const LEASE: &str = include_str!("lua/lib/lease.lua");
const RECOUNT: &str = include_str!("lua/lib/recount.lua");
const ACCOUNT: &str = include_str!("lua/account_lib.lua");
const CONSENT: &str = include_str!("lua/consent_lib.lua");
const ROTATION: &str = include_str!("lua/rotation_lib.lua");

/// Holds what a settle begins with against a transaction that settles.
pub(crate) static SETTLE_GUARD: LazyLock<Script> = LazyLock::new(|| {
    Script::made(|| {
        let settle = [BASE, RECOUNT, GATES, include_str!("lua/settle.lua")].concat();
        let place = "  -- The first lines of settle.lua stand here.\n";
        include_str!("lua/settle_guard.lua").replace(place, &lead(&settle))
    })
});

macro_rules! scripts {
    ($($name:ident = $file:literal, after [$($lib:ident),*];)*) => {
        $(pub(crate) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(&[$($lib,)* include_str!(concat!("lua/", $file, ".lua"))]));)*

        /// Every script with the name of its file.
        #[cfg(test)]
        pub(crate) fn all() -> Vec<(&'static str, &'static Script)> {
            vec![$(($file, &*$name),)* ("settle_guard", &*SETTLE_GUARD)]
        }
    };
}

scripts! {
    ACCOUNT_LEARN = "account_learn", after [BASE, ACCOUNT];
    ACCOUNT_PURGE = "account_purge", after [BASE, ACCOUNT];
    ACCOUNT_REMOVE = "account_remove", after [BASE, ACCOUNT];
    ACCOUNT_SET = "account_set", after [BASE, ACCOUNT];
    ACCOUNT_WAKE = "account_wake", after [BASE, ACCOUNT];
    ADMIT = "admit", after [BASE, BUDGET];
    CALL_BEGIN = "call_begin", after [BASE, BUDGET];
    CALL_LIMITED = "call_limited", after [BASE, BUDGET, GATES];
    CLAIM = "claim", after [BASE, BUDGET, LEASE];
    CONSENT_BEGIN = "consent_begin", after [BASE, ACCOUNT, CONSENT];
    CONSENT_LINK = "consent_link", after [BASE, ACCOUNT, CONSENT];
    CONSENT_LOOK = "consent_look", after [BASE, ACCOUNT, CONSENT];
    CONSENT_TAKE = "consent_take", after [BASE, ACCOUNT, CONSENT];
    DROP_CONSUMERS = "drop_consumers", after [BASE];
    EXPIRE = "expire", after [BASE, LEASE];
    EXPIRE_IDS = "expire_ids", after [BASE];
    FAILURE_DISCARD = "failure_discard", after [BASE];
    FAILURE_RETRY = "failure_retry", after [BASE];
    FAREWELL_DONE = "farewell_done", after [];
    FAREWELL_NOTE = "farewell_note", after [];
    FORGET_FAILURES = "forget_failures", after [BASE];
    GRANT_PUT = "grant_put", after [BASE, ACCOUNT];
    GRANT_RESEAL = "grant_reseal", after [BASE];
    JOB_CANCEL = "job_cancel", after [BASE];
    KEYS_IN_USE = "keys_in_use", after [BASE];
    MARK_SENT = "mark_sent", after [BASE];
    META_OPEN = "meta_open", after [CLOCK];
    META_RESEAL = "meta_reseal", after [];
    PROMOTE = "promote", after [BASE, LEASE];
    RECALL = "recall", after [BASE, RECOUNT, BACK];
    RENEW = "renew", after [BASE];
    RESUME = "resume", after [BASE];
    ROTATION_ABORT = "rotation_abort", after [BASE, ACCOUNT, ROTATION];
    ROTATION_ACQUIRE = "rotation_acquire", after [BASE, ACCOUNT, ROTATION];
    ROTATION_BEAT = "rotation_beat", after [BASE, ACCOUNT, ROTATION];
    ROTATION_COMMIT = "rotation_commit", after [BASE, ACCOUNT, ROTATION];
    ROTATION_DOUBT = "rotation_doubt", after [BASE, ACCOUNT, ROTATION];
    ROTATION_INTEND = "rotation_intend", after [BASE, ACCOUNT, ROTATION];
    ROTATION_RENEW = "rotation_renew", after [BASE, ACCOUNT, ROTATION];
    ROTATION_VERDICT = "rotation_verdict", after [BASE, ACCOUNT, ROTATION];
    RIGHTS = "rights", after [];
    SETTLE = "settle", after [BASE, RECOUNT, GATES];
    SWEEP = "sweep", after [BASE, BACK];
    TEND = "tend", after [BASE];
    TICK_CLAIM = "tick_claim", after [];
    TRIM = "trim", after [BASE];
    TWINS_DUE = "twins_due", after [BASE];
    TWINS_WATCH = "twins_watch", after [BASE];
    WRITE_BACK = "write_back", after [BASE];
}
