//! The names of all keys. Nothing else in the project spells one.
//!
//! `<ns>:jobs|results|failures|events` and `<ns>:reply:<id>` are public; all
//! others lie under `<ns>:v1:`, one class per word before the first colon, so that no
//! name a user can choose collides with a key of ours. Accounts hold no `|`, so
//! `account|host` can be taken apart at the first one. Scripts name the same keys; a
//! test holds every name in them against this list. Kept free for what is to come:
//! `series:`, counters over time.

use std::sync::Arc;

/// The layout of the private keys that this version reads and writes. A name keeps its
/// meaning through all layouts: a later one has other names.
pub const LAYOUT: u32 = 2;

/// Builds the names of one namespace.
#[derive(Debug, Clone)]
pub struct Keys {
    namespace: Arc<str>,
    prefix: Arc<str>,
}

macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident: $kind:ident = $suffix:literal;)*) => {
        /// Suffixes of the names of single keys, with their types.
        pub(crate) const SINGLE: &'static [(&'static str, &'static str)] =
            &[$(($suffix, stringify!($kind))),*];

        $($(#[$doc])* #[must_use] pub fn $name(&self) -> String {
            format!(concat!("{}", $suffix), self.prefix)
        })*
    };
}

macro_rules! channels {
    ($($(#[$doc:meta])* $name:ident = $suffix:literal;)*) => {
        $($(#[$doc])* #[must_use] pub fn $name(&self) -> String {
            format!(concat!("{}", $suffix), self.prefix)
        })*
    };
}

macro_rules! of_one {
    ($($(#[$doc:meta])* $name:ident($arg:ident) = $suffix:literal;)*) => {
        /// Suffixes of the names of keys of which there are many.
        pub(crate) const CLASSES: &'static [&'static str] = &[$($suffix,)* "room:", "window:", "ledger:"];

        $($(#[$doc])* #[must_use] pub fn $name(&self, $arg: &str) -> String {
            format!(concat!("{}", $suffix, "{}"), self.prefix, $arg)
        })*
    };
}

impl Keys {
    /// The keys of `namespace`, which has been checked by its own type.
    #[must_use]
    pub fn new(namespace: &str) -> Self {
        Self { namespace: namespace.into(), prefix: format!("{namespace}:v1:").into() }
    }

    /// The namespace itself.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `<ns>:v1:`, the first key of every script.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The stream producers write to.
    #[must_use]
    pub fn jobs(&self) -> String {
        format!("{}:jobs", self.namespace)
    }

    /// The stream of successes.
    #[must_use]
    pub fn results(&self) -> String {
        format!("{}:results", self.namespace)
    }

    /// The stream of failures.
    #[must_use]
    pub fn failures(&self) -> String {
        format!("{}:failures", self.namespace)
    }

    /// The stream of what happens to accounts and waiting jobs.
    #[must_use]
    pub fn events(&self) -> String {
        format!("{}:events", self.namespace)
    }

    /// The list in which one job's outcome is put for a caller that waits.
    #[must_use]
    pub fn reply(&self, job_id: &str) -> String {
        format!("{}:reply:{job_id}", self.namespace)
    }

    fixed! {
        /// Hash: layout, deployment, sealed secret, pause, run id last seen, the daemon
        /// that ended last.
        meta: hash = "meta";
        /// Zset of all accounts' names, score 0.
        accounts: zset = "accounts";
        /// Hash: `<client id>|<Zoom user>` → the account that holds its grant.
        users: hash = "users";
        /// Hash: fingerprint of a purged account's name → epoch it was removed at.
        tombs: hash = "tombs";
        /// Zset: accounts with an open intent → when it was written, ms.
        intents: zset = "intents";
        /// Zset: the same accounts → when the token in doubt may be presented again, ms.
        probes: zset = "probes";
        /// Hash: `<issuer> <client id>` → end of the stop of its rotations, and the reason; `since
        /// <issuer> <client id>` → when Zoom rejected it first, ms.
        stops: hash = "stops";
        /// Zset: `<client id>|<account>` → when a verdict was written, ms.
        deaths: zset = "deaths";
        /// Hash: job id → state of a live job, or the memory of a finished one.
        ids: hash = "ids";
        /// Zset: fence → when the leases that were taken under it end, ms.
        lease: zset = "leases";
        /// Hash: job id → under which fence it is leased, and for what.
        own: hash = "owner";
        /// Zset: accounts with ready rooms, in the order of their turn.
        ring: zset = "ring";
        /// Zset: sleeping accounts and rooms (`A` or `A|host`) → wake ms.
        asleep: zset = "asleep";
        /// Zset: sleeping jobs → due ms.
        due: zset = "due";
        /// Zset: waiting and sleeping jobs → deadline ms.
        deadlines: zset = "deadline";
        /// Zset: failure id → failed ms.
        failure_index: zset = "failures";
        /// Stream: who did what, when and why.
        audit: stream = "audit";
        /// Hash of counters for `status`.
        stats: hash = "stats";
        /// Zset: daemon id → last heartbeat ms.
        daemons: zset = "daemons";
        /// Zset: process with a rotation journal → its last beat, ms.
        beats: zset = "beats";
        /// Hash: who has reported after a change of Redis' run id, and of whom.
        hold: hash = "hold";
        /// Zset: process that ended well and left nothing → when, ms.
        gone: zset = "gone";
        /// Hash: `<client id>|<Zoom user>` → when that user took the consent back,
        /// until that is carried out.
        deauthorizations: hash = "deauth";
        /// Hash: schedule → its last tick, s.
        ticks: hash = "ticks";
        /// Hash: daemon id → the keys its journal needs.
        journal_keys: hash = "journal_keys";
        /// Zset: the lists of meetings, `<account>|<yyyymm>`, score 0.
        meeting_months: zset = "meeting_months";
        /// Hash: job id → meetings that earlier jobs of the id made.
        meeting_earlier: hash = "meeting_earlier";
        /// Zset: jobs sent twice → time of their next check, ms.
        twins_due: zset = "duplicates_due";
        /// Hash: such a job → what the look needs to know.
        twins_notes: hash = "duplicates";
    }

    channels! {
        /// The pub/sub channel of wake-ups.
        wake = "wake";
        /// The pub/sub channel on which daemons are asked for a rotation.
        ask = "ask";
    }

    of_one! {
        /// Text with a time: the process that handles the request of a nonce.
        heard(nonce) = "heard:";
        /// Hash: what admission reads of an account.
        account(account) = "account:";
        /// Hash: the encrypted grant.
        grant(account) = "grant:";
        /// Hash: the intent of a rotation.
        intent(account) = "intent:";
        /// List: the grant's timeline, newest first.
        timeline(account) = "timeline:";
        /// Zset: calls in flight on the account's access token → until ms.
        in_flight(account) = "in_flight:";
        /// Hash: job id → payload of jobs that left the stream.
        payloads(account) = "payload:";
        /// Hash: job id → record.
        records(account) = "record:";
        /// Zset: rooms of the account that have work, in the order of their turn.
        rooms(account) = "rooms:";
        /// Zset: jobs that change one meeting, in their order; without a name a hash: line → how
        /// many of each priority stand in it, and which was let go.
        target(line) = "target:";
        /// Hash: the newest update of a line that succeeded since one failed.
        updated(line) = "updated:";
        /// Hash: closed-until times of a Zoom account.
        gates(zoom_account) = "gate:";
        /// Zset: lanes that wait for a budget of a Zoom account, `<Zoom account>:<label>`,
        /// in the order of their turn.
        line(budget) = "line:";
        /// Hash: alias of a host → its Zoom user id.
        aliases(zoom_account) = "alias:";
        /// Hash: one failure.
        failure(failure_id) = "failure:";
        /// Hash of one family of counters.
        counter(name) = "counter:";
        /// Hash: number → record of a meeting that zoomd made.
        meeting(account) = "meeting:";
        /// List: numbers of an account's meetings whose last end is in one month,
        /// `<account>|<yyyymm>`.
        meeting_month(list) = "meetings:";
        /// Text: the meetings found for a job that should have one.
        duplicates(job_id) = "duplicate:";
        /// Hash: one daemon's presence.
        daemon(daemon_id) = "daemon:";
        /// Time, in µs, of the last lease taken away from this daemon; each value is new.
        taken(boot_id) = "revoked:";
        /// Hash: a connect link, by the digest of its token.
        link(digest) = "link:";
        /// Hash: a consent that was asked for, by the digest of its state.
        asked(digest) = "consent:";
        /// Mark that an event of this cause was published; expires when the next one may be.
        told(cause) = "told:";
        /// The last settle of a daemon and its answer, for one sent again.
        settled(boot_id) = "settled:";
    }

    /// Zset: one waiting room, job id → priority·1e13 + ms.
    #[must_use]
    pub fn room(&self, account: &str, host: &str) -> String {
        format!("{}room:{account}|{host}", self.prefix)
    }

    /// List: times of the last grants of one second-rate, newest first.
    #[must_use]
    pub fn window(&self, zoom_account: &str, label: &str) -> String {
        format!("{}window:{zoom_account}:{label}", self.prefix)
    }

    /// Hash: the calls of one UTC day (`yyyymmdd`) of a Zoom account.
    #[must_use]
    pub fn ledger(&self, day: &str, zoom_account: &str) -> String {
        format!("{}ledger:{day}:{zoom_account}", self.prefix)
    }
}
