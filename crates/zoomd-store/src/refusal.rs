//! Refusal of writes, as reported by the server.
//!
//! Read from `INFO`, and from `CONFIG GET` if the user of Redis may: a trial write would need the
//! right to one, and would hang while a failover pauses writes.

use std::collections::HashMap;

use crate::ErrorKind;

/// The reason why Redis takes no writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind of trouble.
    pub kind: ErrorKind,
    /// One sentence: no full stop, no secret.
    pub what: String,
    /// Section of `INFO` with the details.
    pub section: &'static str,
    /// False where it depends on a setting that is not known.
    pub certain: bool,
}

impl Refusal {
    /// From the fields of `INFO` and the settings that are known.
    pub(crate) fn of(
        info: &HashMap<String, String>,
        settings: &HashMap<String, String>,
    ) -> Option<Self> {
        let text = |name: &str| info.get(name).map(String::as_str);
        let number = |name: &str| text(name).and_then(|n| n.parse::<u64>().ok());
        let set = |name: &str| settings.get(name).map(String::as_str);
        let read_only = |what: String, section| {
            Some(Self { kind: ErrorKind::ReadOnly, what, section, certain: true })
        };
        if text("role") == Some("slave") {
            let host = text("master_host").unwrap_or_default();
            let port = text("master_port").unwrap_or_default();
            let what = format!("Redis is read-only: it is a replica of {host}:{port}");
            return read_only(what, "replication");
        }
        if text("aof_enabled") == Some("1") && text("aof_last_write_status") == Some("err") {
            let what = "Redis takes no writes: it cannot write its append-only file";
            return read_only(what.to_owned(), "persistence");
        }
        // Only reported if a number of replicas is required.
        let wanted = set("min-replicas-to-write").and_then(|n| n.parse().ok()).unwrap_or(1);
        if let Some(good) = number("min_slaves_good_slaves").filter(|good| *good < wanted) {
            let what = format!("Redis takes no writes: it demands replicas, and has {good}");
            return read_only(what, "replication");
        }
        full(text("maxmemory_policy"), &number).or_else(|| {
            let failed = text("rdb_last_bgsave_status") == Some("err");
            let saves = set("save").map(|points| !points.is_empty());
            let stops = set("stop-writes-on-bgsave-error").map(|value| value == "yes");
            let what = "Redis takes no writes: it could not save its last snapshot".to_owned();
            let told = read_only(what, "persistence").filter(|_| failed);
            let told = told.filter(|_| saves != Some(false) && stops != Some(false))?;
            Some(Self { certain: saves.is_some() && stops.is_some(), ..told })
        })
    }

    /// The refusal, unless it is uncertain and a heartbeat, which is a write, succeeded recently.
    pub(crate) fn unless_written(self, written: bool) -> Option<Self> {
        (self.certain || !written).then_some(self)
    }
}

fn full(policy: Option<&str>, number: &impl Fn(&str) -> Option<u64>) -> Option<Refusal> {
    let policy = policy.unwrap_or("noeviction");
    let most = number("maxmemory").filter(|most| *most > 0)?;
    let counted = number("mem_not_counted_for_evict").unwrap_or(0);
    let used = number("used_memory").unwrap_or(0).saturating_sub(counted);
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let what = format!(
        "Redis is full and takes no new jobs: {} of {} MiB memory are used",
        mib(used),
        mib(most)
    );
    let (kind, section) = (ErrorKind::OutOfMemory, "memory");
    // Keys with an end may be left to remove, or not.
    let certain = policy == "noeviction";
    let refuses = used > most && !policy.starts_with("allkeys");
    refuses.then_some(Refusal { kind, what, section, certain })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> HashMap<String, String> {
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
    }

    #[test]
    fn info_tells_whether_a_server_takes_writes() {
        let full = "maxmemory:1000\r\nused_memory:1500\r\nmaxmemory_policy:";
        let of = |policy: &str| format!("{full}{policy}");
        let failed = "rdb_last_bgsave_status:err".to_owned();
        let both = "save:3600 1\nstop-writes-on-bgsave-error:yes";
        let (memory, certain) = (Some(("memory", true)), Some(("persistence", true)));
        let replicas = Some(("replication", true));
        let cases = [
            ("role:master\r\nmaxmemory:0\r\nused_memory:5\r\n".to_owned(), "", None),
            (of("noeviction"), "", memory),
            (of("allkeys-lru"), "", None),
            (of("volatile-ttl"), "", Some(("memory", false))),
            (of("noeviction\r\nmem_not_counted_for_evict:600"), "", None),
            ("role:slave\r\nmaster_host:a\r\nmaster_port:1\r\n".to_owned(), "", replicas),
            ("aof_enabled:1\naof_last_write_status:err".to_owned(), "", certain),
            ("aof_enabled:0\naof_last_write_status:err".to_owned(), "", None),
            ("min_slaves_good_slaves:0".to_owned(), "", replicas),
            ("min_slaves_good_slaves:1".to_owned(), "min-replicas-to-write:2", replicas),
            ("min_slaves_good_slaves:2".to_owned(), "min-replicas-to-write:2", None),
            (failed.clone(), both, certain),
            (failed.clone(), "", Some(("persistence", false))),
            (failed.clone(), "save:", None),
            (failed, "stop-writes-on-bgsave-error:no", None),
            (String::new(), "", None),
        ];
        for (info, settings, expected) in cases {
            let refusal = Refusal::of(&fields(&info), &fields(settings));
            let told = refusal.as_ref().map(|refusal| (refusal.section, refusal.certain));
            assert_eq!(told, expected, "{info} {settings}");
        }
    }
}
