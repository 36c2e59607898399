//! All scripts, made from their texts. No other module puts one together, so a test
//! that goes through this list has met every one.

use std::sync::LazyLock;

use crate::Script;
use crate::rights::lead::{lead, lead_of_any_layout};

/// The time of a script.
const CLOCK: &str = include_str!("../lua/lib/clock.lua");
/// Library code that most scripts share.
const BASE: &str = concat!(
    include_str!("../lua/lib/clock.lua"),
    include_str!("../lua/lib/base.lua"),
    include_str!("../lua/lib/rooms.lua")
);
/// Library code without the rooms.
const CORE: &str =
    concat!(include_str!("../lua/lib/clock.lua"), include_str!("../lua/lib/base.lua"));
const ROOMS: &str = include_str!("../lua/lib/rooms.lua");
const AIM: &str = include_str!("../lua/lib/aim.lua");
const BACK: &str = include_str!("../lua/lib/back.lua");
const BUDGET: &str = include_str!("../lua/lib/budget.lua");
const GATES: &str = include_str!("../lua/lib/gates.lua");
const LEASE: &str = include_str!("../lua/lib/lease.lua");
const RECOUNT: &str = include_str!("../lua/lib/recount.lua");
const MEETINGS: &str = include_str!("../lua/lib/meetings.lua");
const FOLD: &str = include_str!("../lua/lib/fold.lua");
const UPDATES: &str = include_str!("../lua/lib/updates.lua");
const TARGET: &str = include_str!("../lua/lib/target.lua");
const ACCOUNT: &str = include_str!("../lua/lib/account.lua");
const CONSENT: &str = include_str!("../lua/lib/consent.lua");
const ROTATION: &str = include_str!("../lua/lib/rotation.lua");

/// Puts the checks before a script. A part that few batches need stands where the text
/// says so, behind checks of its own: where nothing needs it, nothing of it is checked
/// and none of its functions is made.
fn checked(lead: fn(&str) -> String, text: &str, part: Option<(&str, String)>) -> String {
    let whole = part.map_or_else(
        || text.to_owned(),
        |(name, part)| {
            let place =
                format!("  -- lib/{name}.lua stands here, behind the checks of what it does.\n");
            text.replace(&place, &(lead_of_any_layout(&part) + &part))
        },
    );
    lead(text) + &whole
}

/// Holds what a settle begins with against a transaction that settles.
pub(crate) static SETTLE_GUARD: LazyLock<Script> = LazyLock::new(|| {
    Script::made(|| {
        let odd = include_str!("../lua/lib/odd_ends.lua");
        let settle = include_str!("../lua/queue/settle.lua");
        let settle = [BASE, MEETINGS, TARGET, UPDATES, RECOUNT, GATES, settle, odd].concat();
        let place = "  -- All checks of settle.lua stand here.\n";
        include_str!("../lua/queue/settle_guard.lua").replace(place, &lead(&settle))
    })
});

macro_rules! scripts {
    ($($name:ident = $folder:literal / $file:literal, $lead:ident, after [$($lib:ident),*]
        $(, with $part:literal after [$($more:ident),*])?;)*) => {
        $(pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| Script::made(|| {
            let text = [$($lib,)* include_str!(concat!("../lua/", $folder, "/", $file, ".lua"))].concat();
            let part: Option<(&str, String)> = None;
            $(let part = part.or_else(|| {
                let text = [$($more,)* include_str!(concat!("../lua/lib/", $part, ".lua"))].concat();
                Some(($part, text))
            });)?
            checked($lead, &text, part)
        }));)*

        /// Every script with the name of its file.
        #[cfg(test)]
        pub(crate) fn all() -> Vec<(&'static str, &'static Script)> {
            vec![$(($file, &*$name),)* ("settle_guard", &*SETTLE_GUARD)]
        }
    };
}

scripts! {
    ACCOUNT_LEARN = "accounts" / "account_learn", lead, after [BASE, ACCOUNT];
    ACCOUNT_PURGE = "accounts" / "account_purge", lead, after [BASE, ACCOUNT];
    ACCOUNT_REMOVE = "accounts" / "account_remove", lead, after [BASE, ACCOUNT];
    ACCOUNT_SET = "accounts" / "account_set", lead, after [BASE, ACCOUNT];
    ACCOUNT_WAKE = "accounts" / "account_wake", lead, after [BASE, ACCOUNT];
    ADMIT = "queue" / "admit", lead, after [CORE, BUDGET], with "waits" after [ROOMS, MEETINGS, TARGET, FOLD, AIM];
    CALL_BEGIN = "limits" / "call_begin", lead, after [BASE, BUDGET];
    CALL_LIMITED = "limits" / "call_limited", lead, after [BASE, BUDGET, GATES];
    CLAIM = "queue" / "claim", lead, after [BASE, BUDGET, MEETINGS, TARGET, FOLD, LEASE];
    CONSENT_BEGIN = "accounts" / "consent_begin", lead, after [BASE, ACCOUNT, CONSENT];
    CONSENT_LINK = "accounts" / "consent_link", lead, after [BASE, ACCOUNT, CONSENT];
    CONSENT_LOOK = "accounts" / "consent_look", lead, after [BASE, ACCOUNT, CONSENT];
    CONSENT_TAKE = "accounts" / "consent_take", lead, after [BASE, ACCOUNT, CONSENT];
    DROP_CONSUMERS = "queue" / "drop_consumers", lead, after [BASE];
    EXPIRE = "queue" / "expire", lead, after [BASE, MEETINGS, TARGET, FOLD, LEASE];
    EXPIRE_IDS = "queue" / "expire_ids", lead, after [BASE, MEETINGS];
    FAILURE_DISCARD = "admin" / "failure_discard", lead, after [BASE];
    FAILURE_RETRY = "admin" / "failure_retry", lead, after [BASE, MEETINGS, TARGET, AIM];
    DEAUTH_DONE = "accounts" / "deauth_done", lead, after [];
    DEAUTH_NOTE = "accounts" / "deauth_note", lead, after [];
    FORGET_FAILURES = "queue" / "forget_failures", lead, after [BASE];
    GRANT_PUT = "accounts" / "grant_put", lead, after [BASE, ACCOUNT];
    GRANT_RESEAL = "accounts" / "grant_reseal", lead, after [BASE];
    JOB_CANCEL = "admin" / "job_cancel", lead, after [BASE, MEETINGS, TARGET, UPDATES];
    KEYS_IN_USE = "accounts" / "keys_in_use", lead, after [BASE];
    LAYOUT_BEGIN = "admin" / "layout_begin", lead_of_any_layout, after [CLOCK];
    LAYOUT_END = "admin" / "layout_end", lead_of_any_layout, after [];
    LAYOUT_MOVE = "admin" / "layout_move", lead_of_any_layout, after [];
    MARK_SENT = "queue" / "mark_sent", lead, after [BASE];
    MEETINGS_FORGET = "queue" / "meetings_forget", lead, after [BASE, MEETINGS];
    META_OPEN = "accounts" / "meta_open", lead_of_any_layout, after [CLOCK];
    META_RESEAL = "accounts" / "meta_reseal", lead, after [];
    PROMOTE = "queue" / "promote", lead, after [BASE, MEETINGS, TARGET, FOLD, LEASE];
    RECALL = "queue" / "recall", lead, after [BASE, MEETINGS, TARGET, RECOUNT, BACK];
    RENEW = "queue" / "renew", lead, after [BASE];
    RESUME = "admin" / "resume", lead, after [BASE];
    ROTATION_ABORT = "accounts" / "rotation_abort", lead, after [BASE, ACCOUNT, ROTATION];
    ROTATION_ACQUIRE = "accounts" / "rotation_acquire", lead, after [BASE, ACCOUNT, ROTATION];
    ROTATION_BEAT = "accounts" / "rotation_beat", lead, after [BASE, ACCOUNT, ROTATION];
    ROTATION_COMMIT = "accounts" / "rotation_commit", lead, after [BASE, ACCOUNT, ROTATION];
    ROTATION_DOUBT = "accounts" / "rotation_doubt", lead, after [BASE, ACCOUNT, ROTATION];
    ROTATION_INTEND = "accounts" / "rotation_intend", lead, after [BASE, ACCOUNT, ROTATION];
    ROTATION_RENEW = "accounts" / "rotation_renew", lead, after [BASE, ACCOUNT, ROTATION];
    ROTATION_VERDICT = "accounts" / "rotation_verdict", lead, after [BASE, ACCOUNT, ROTATION];
    RIGHTS = "admin" / "rights", lead_of_any_layout, after [];
    SETTLE = "queue" / "settle", lead, after [CORE], with "odd_ends" after [ROOMS, MEETINGS, TARGET, UPDATES, RECOUNT, GATES];
    SWEEP = "queue" / "sweep", lead, after [BASE, MEETINGS, TARGET, BACK];
    TEND = "queue" / "tend", lead, after [BASE];
    TICK_CLAIM = "queue" / "tick_claim", lead, after [];
    TRIM = "queue" / "trim", lead, after [BASE];
    DUPLICATES_DUE = "queue" / "duplicates_due", lead, after [BASE];
    DUPLICATES_WATCH = "queue" / "duplicates_watch", lead, after [BASE];
    REPLAY_LOST = "queue" / "replay_lost", lead, after [BASE, MEETINGS, TARGET];
}
