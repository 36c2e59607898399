//! Invalid settings, alone or combined, are rejected before anything starts.

use std::time::Duration;

use super::units::show_time;
use super::{Config, ConfigError};

/// Fields of Zoom's answer that are left out unless named.
const INCLUDABLE: [&str; 3] = ["start_url", "settings", "dynamic_host_key"];

/// Refuses a configuration that cannot work as meant.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    namespace(&config.namespace)?;
    deployment(&config.deployment)?;
    if !(1..=10_000).contains(&config.concurrency) {
        return Err(at(config, "concurrency", "must lie between 1 and 10000"));
    }
    if let Some(bad) = config.results.include.iter().find(|f| !INCLUDABLE.contains(&f.as_str())) {
        let error = at(config, "results.include", &format!("cannot name \"{bad}\""));
        return Err(error.hint(format!("it takes {}", INCLUDABLE.join(", "))));
    }
    if config.results.max_size < 1 << 20 {
        return Err(at(config, "results.max_size", "is less than 1MiB"));
    }
    let share = config.budgets.share;
    if !(share > 0.0 && share <= 1.0) {
        return Err(at(config, "budget.share", "must be more than 0, and 1 at most"));
    }
    if config.results.max_length == Some(0) {
        return Err(at(config, "results.max_length", "is zero").hint("leave it out for any number"));
    }
    if config.metrics.per_account > 100 {
        return Err(at(config, "metrics.per_account", "is more than 100"));
    }
    if config.reconcile.delays.is_empty() || config.reconcile.delays.len() > 20 {
        return Err(at(config, "reconcile.delays", "must name 1 to 20 waits"));
    }
    keep_alive(config)?;
    positive(config)?;
    pairs(config)?;
    config.key_ring().map(drop)
}

fn at(config: &Config, key: &str, what: &str) -> ConfigError {
    let origin = config.resolved.get(key).map(|(_, o)| format!(" (from {o})")).unwrap_or_default();
    ConfigError::new(format!("{key}{origin} {what}"))
}

/// `[A-Za-z0-9._-]{1,64}` with at most one `{…}`.
fn namespace(name: &str) -> Result<(), ConfigError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let bare: String = name.chars().filter(|c| !"{}".contains(*c)).collect();
    let tag_ok = match (name.find('{'), name.find('}')) {
        (None, None) => true,
        (Some(open), Some(close)) => close > open + 1 && name.matches(['{', '}']).count() == 2,
        _ => false,
    };
    if tag_ok && !bare.is_empty() && name.len() <= 64 && bare.chars().all(plain) {
        return Ok(());
    }
    Err(ConfigError::new(format!(
        "namespace \"{}\" cannot be a prefix of keys",
        name.escape_debug()
    ))
    .hint("1 to 64 letters, digits, dots, dashes and underscores, at most one part in { }"))
}

fn deployment(name: &str) -> Result<(), ConfigError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.is_empty() && name.len() <= 64 && name.chars().all(plain) {
        return Ok(());
    }
    Err(ConfigError::new(format!("deployment \"{}\" cannot be a name", name.escape_debug()))
        .hint("1 to 64 letters, digits, dots, dashes and underscores"))
}

/// Zoom's newer documents let an idle refresh token live for 90 days, and one may
/// be a period and a half old. Grants are looked at once an hour.
fn keep_alive(config: &Config) -> Result<(), ConfigError> {
    let days = |n: u64| Duration::from_secs(n * 24 * 3_600);
    let key = "rotation.keep_alive";
    match config.rotation.keep_alive.longest_period() {
        None => Err(at(config, key, "never comes")),
        Some(long) if long > days(45) => Err(at(config, key, "must come at least every 45 days")),
        Some(long) if long < Duration::from_secs(3_600) => {
            Err(at(config, key, "comes more than once an hour"))
        }
        Some(_) => Ok(()),
    }
}

fn positive(config: &Config) -> Result<(), ConfigError> {
    let zoom = &config.zoom;
    let times = [
        ("zoom.connect_timeout", zoom.connect_timeout),
        ("zoom.request_timeout", zoom.request_timeout),
        ("zoom.token_timeout", zoom.token_timeout),
        ("jobs.max_wait", config.jobs.max_wait.usual),
        ("jobs.end_max_wait", config.jobs.max_wait.momentary),
        ("jobs.remember", config.jobs.remember),
        ("jobs.lease", config.jobs.lease),
        ("results.keep", config.results.keep),
        ("failures.keep", config.results.failures_keep),
        ("meetings.keep", config.meetings.keep),
        ("reconcile.give_up", config.reconcile.give_up),
        ("reconcile.twins_after", config.reconcile.twins_after),
        ("rotation.probe_after", config.rotation.probe_after),
    ];
    match times.iter().find(|(_, time)| time.is_zero()) {
        Some((key, _)) => Err(at(config, key, "must be longer than nothing")),
        None => Ok(()),
    }
}

/// Pairs of times: the first must be longer than the second.
fn pairs(config: &Config) -> Result<(), ConfigError> {
    let zoom = &config.zoom;
    let least_lease = Duration::from_secs(10);
    let rules = [
        (
            "zoom.request_timeout",
            zoom.request_timeout,
            "zoom.connect_timeout",
            zoom.connect_timeout,
        ),
        ("zoom.token_timeout", zoom.token_timeout, "zoom.connect_timeout", zoom.connect_timeout),
        (
            "rotation.probe_after",
            config.rotation.probe_after,
            "zoom.token_timeout",
            zoom.token_timeout,
        ),
        (
            "reconcile.give_up",
            config.reconcile.give_up,
            "zoom.request_timeout",
            zoom.request_timeout,
        ),
        ("jobs.lease", config.jobs.lease, "the 10s within which a request begins", least_lease),
    ];
    for (longer, long, shorter, short) in rules {
        if long <= short {
            let what = format!(
                "is {}, but must be longer than {shorter} ({})",
                show_time(long),
                show_time(short)
            );
            return Err(at(config, longer, &what));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::namespace;

    #[test]
    fn a_namespace_has_at_most_one_hash_tag() {
        for good in ["zoomd", "a.b-c_D9", "{zoomd}", "eu{1}", &"x".repeat(64)] {
            assert!(namespace(good).is_ok(), "{good}");
        }
        for bad in ["", "a:b", "a b", "{}", "{a", "a}", "}a{", "{a}{b}", "ü", &"x".repeat(65)] {
            assert!(namespace(bad).is_err(), "{bad}");
        }
    }
}
