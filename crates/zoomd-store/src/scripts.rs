//! All scripts, made of their texts. No other module puts one together, so a test
//! that goes through this list has met every one.

use std::sync::LazyLock;

use crate::Script;
use crate::rights::lead::{lead, lead_of_any_layout};

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
    ($($name:ident = $file:literal, $lead:ident, after [$($lib:ident),*];)*) => {
        $(pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| Script::made(|| {
            let text = [$($lib,)* include_str!(concat!("lua/", $file, ".lua"))].concat();
            $lead(&text) + &text
        }));)*

        /// Every script with the name of its file.
        #[cfg(test)]
        pub(crate) fn all() -> Vec<(&'static str, &'static Script)> {
            vec![$(($file, &*$name),)* ("settle_guard", &*SETTLE_GUARD)]
        }
    };
}

scripts! {
    ACCOUNT_LEARN = "account_learn", lead, after [BASE, ACCOUNT];
    ACCOUNT_PURGE = "account_purge", lead, after [BASE, ACCOUNT];
    ACCOUNT_REMOVE = "account_remove", lead, after [BASE, ACCOUNT];
    ACCOUNT_SET = "account_set", lead, after [BASE, ACCOUNT];
    ACCOUNT_WAKE = "account_wake", lead, after [BASE, ACCOUNT];
    ADMIT = "admit", lead, after [BASE, BUDGET];
    CALL_BEGIN = "call_begin", lead, after [BASE, BUDGET];
    CALL_LIMITED = "call_limited", lead, after [BASE, BUDGET, GATES];
    CLAIM = "claim", lead, after [BASE, BUDGET, LEASE];
    CONSENT_BEGIN = "consent_begin", lead, after [BASE, ACCOUNT, CONSENT];
    CONSENT_LINK = "consent_link", lead, after [BASE, ACCOUNT, CONSENT];
    CONSENT_LOOK = "consent_look", lead, after [BASE, ACCOUNT, CONSENT];
    CONSENT_TAKE = "consent_take", lead, after [BASE, ACCOUNT, CONSENT];
    DROP_CONSUMERS = "drop_consumers", lead, after [BASE];
    EXPIRE = "expire", lead, after [BASE, LEASE];
    EXPIRE_IDS = "expire_ids", lead, after [BASE];
    FAILURE_DISCARD = "failure_discard", lead, after [BASE];
    FAILURE_RETRY = "failure_retry", lead, after [BASE];
    DEAUTH_DONE = "deauth_done", lead, after [];
    DEAUTH_NOTE = "deauth_note", lead, after [];
    FORGET_FAILURES = "forget_failures", lead, after [BASE];
    GRANT_PUT = "grant_put", lead, after [BASE, ACCOUNT];
    GRANT_RESEAL = "grant_reseal", lead, after [BASE];
    JOB_CANCEL = "job_cancel", lead, after [BASE];
    KEYS_IN_USE = "keys_in_use", lead, after [BASE];
    LAYOUT_BEGIN = "layout_begin", lead_of_any_layout, after [CLOCK];
    LAYOUT_END = "layout_end", lead_of_any_layout, after [];
    LAYOUT_MOVE = "layout_move", lead_of_any_layout, after [];
    MARK_SENT = "mark_sent", lead, after [BASE];
    META_OPEN = "meta_open", lead_of_any_layout, after [CLOCK];
    META_RESEAL = "meta_reseal", lead, after [];
    PROMOTE = "promote", lead, after [BASE, LEASE];
    RECALL = "recall", lead, after [BASE, RECOUNT, BACK];
    RENEW = "renew", lead, after [BASE];
    RESUME = "resume", lead, after [BASE];
    ROTATION_ABORT = "rotation_abort", lead, after [BASE, ACCOUNT, ROTATION];
    ROTATION_ACQUIRE = "rotation_acquire", lead, after [BASE, ACCOUNT, ROTATION];
    ROTATION_BEAT = "rotation_beat", lead, after [BASE, ACCOUNT, ROTATION];
    ROTATION_COMMIT = "rotation_commit", lead, after [BASE, ACCOUNT, ROTATION];
    ROTATION_DOUBT = "rotation_doubt", lead, after [BASE, ACCOUNT, ROTATION];
    ROTATION_INTEND = "rotation_intend", lead, after [BASE, ACCOUNT, ROTATION];
    ROTATION_RENEW = "rotation_renew", lead, after [BASE, ACCOUNT, ROTATION];
    ROTATION_VERDICT = "rotation_verdict", lead, after [BASE, ACCOUNT, ROTATION];
    RIGHTS = "rights", lead_of_any_layout, after [];
    SETTLE = "settle", lead, after [BASE, RECOUNT, GATES];
    SWEEP = "sweep", lead, after [BASE, BACK];
    TEND = "tend", lead, after [BASE];
    TICK_CLAIM = "tick_claim", lead, after [];
    TRIM = "trim", lead, after [BASE];
    DUPLICATES_DUE = "duplicates_due", lead, after [BASE];
    DUPLICATES_WATCH = "duplicates_watch", lead, after [BASE];
    WRITE_BACK = "write_back", lead, after [BASE];
}
