//! Every setting there is: its key, its environment variable, its kind. The
//! words and the default of each stand in `default.toml`, nowhere else.

use std::sync::LazyLock;

/// The reference, as `zoomd config default` prints it.
pub const DEFAULT_FILE: &str = include_str!("default.toml");

/// Type of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    /// `true` or `false` (in the environment also 1 and 0).
    Switch,
    /// `30s`.
    Time,
    /// `10MiB`.
    Size,
    /// A list of texts, separated by commas in the environment.
    List,
    /// A text that is never shown; `…_file` names a file with it.
    Secret,
}

#[derive(Debug)]
pub struct Setting {
    /// Place in the file, such as `zoom.client_id`.
    pub key: &'static str,
    /// Variable, such as `ZOOMD_CLIENT_ID`.
    pub env: String,
    /// Type of the value.
    pub kind: Kind,
    /// Purpose: the comment above it in the reference.
    pub help: String,
}

use Kind::{List, Number, Secret, Size, Switch, Text, Time};

/// Key, kind, and the variable's name where it is not `ZOOMD_` and the key.
const KEYS: [(&str, Kind, Option<&str>); 58] = [
    ("namespace", Text, None),
    ("deployment", Text, None),
    ("data_dir", Text, None),
    ("concurrency", Number, None),
    ("log", Text, None),
    ("listen", Text, None),
    ("grace", Time, None),
    ("redis.url", Secret, None),
    ("redis.ca_file", Text, None),
    ("redis.client_cert_file", Text, None),
    ("redis.client_key_file", Text, None),
    ("redis.replicas", Text, None),
    ("encryption.key", Secret, None),
    ("encryption.keys_old", Secret, None),
    ("zoom.client_id", Text, Some("ZOOMD_CLIENT_ID")),
    ("zoom.client_secret", Secret, Some("ZOOMD_CLIENT_SECRET")),
    ("zoom.redirect_url", Text, Some("ZOOMD_REDIRECT_URL")),
    ("zoom.api_url", Text, None),
    ("zoom.oauth_url", Text, None),
    ("zoom.allow_http", Switch, Some("ZOOMD_ALLOW_HTTP")),
    ("zoom.connect_timeout", Time, None),
    ("zoom.request_timeout", Time, None),
    ("zoom.token_timeout", Time, None),
    ("api.tokens_file", Text, None),
    ("api.hosts", List, None),
    ("api.allow_write_without_token", Switch, None),
    ("metrics.per_account", Number, None),
    ("public.listen", Text, None),
    ("public.url", Text, None),
    ("public.name", Text, None),
    ("public.logo_url", Text, None),
    ("public.return_to", List, None),
    ("public.webhook_secret", Secret, Some("ZOOMD_WEBHOOK_SECRET")),
    ("jobs.max_wait", Time, None),
    ("jobs.end_max_wait", Time, None),
    ("jobs.merge_updates", Switch, None),
    ("jobs.remember", Time, None),
    ("jobs.allow_past_start", Switch, None),
    ("jobs.lease", Time, None),
    ("budget.share", Number, None),
    ("budget.create", Text, None),
    ("budget.list", Text, None),
    ("budget.get", Text, None),
    ("budget.delete", Text, None),
    ("budget.end", Text, None),
    ("results.include", List, None),
    ("results.keep", Time, None),
    ("results.max_size", Size, None),
    ("results.max_length", Number, None),
    ("failures.keep", Time, None),
    ("meetings.keep", Time, None),
    ("meetings.topic", Switch, None),
    ("reconcile.marker", Text, None),
    ("reconcile.delays", List, None),
    ("reconcile.twins_after", Time, None),
    ("reconcile.give_up", Time, None),
    ("rotation.probe_after", Time, None),
    ("rotation.keep_alive", Text, None),
];

/// All settings, in the order of the reference.
pub static SETTINGS: LazyLock<Vec<Setting>> =
    LazyLock::new(|| KEYS.iter().map(|&(key, kind, env)| setting(key, kind, env)).collect());

fn setting(key: &'static str, kind: Kind, env: Option<&str>) -> Setting {
    let env = env.map_or_else(
        || format!("ZOOMD_{}", key.replace('.', "_").to_uppercase()),
        ToOwned::to_owned,
    );
    Setting { key, env, kind, help: help_of(key) }
}

pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|s| s.key == key)
}

/// The remark that stands above a key in the reference.
fn help_of(key: &str) -> String {
    let (section, leaf) = key.rsplit_once('.').unwrap_or(("", key));
    let mut here = "";
    let mut remark: Vec<&str> = Vec::new();
    for line in DEFAULT_FILE.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            here = name;
            remark.clear();
        } else if let Some(text) = line.strip_prefix("# ") {
            remark.push(text);
        } else if let Some((name, _)) = line.split_once(" = ") {
            if here == section && name.trim_start_matches('#') == leaf {
                return remark.join(" ");
            }
            remark.clear();
        } else {
            remark.clear();
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_and_the_catalogue_name_the_same_keys() {
        let mut section = "";
        let mut in_file = Vec::new();
        for line in DEFAULT_FILE.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                section = name;
            } else if !line.starts_with("# ") && line.contains(" = ") {
                let (name, _) = line.split_once(" = ").expect("has one");
                let name = name.trim_start_matches('#');
                let dot = if section.is_empty() { "" } else { "." };
                in_file.push(format!("{section}{dot}{name}"));
            }
        }
        let listed: Vec<_> = SETTINGS.iter().map(|s| s.key.to_owned()).collect();
        assert_eq!(in_file, listed);
    }

    #[test]
    fn every_setting_is_explained() {
        for setting in SETTINGS.iter() {
            assert!(!setting.help.is_empty(), "{} has no remark", setting.key);
        }
        // A text that two settings share would be another's.
        let texts: std::collections::HashSet<_> = SETTINGS.iter().map(|s| &s.help).collect();
        assert_eq!(texts.len(), SETTINGS.len(), "two settings share a remark");
        let names: std::collections::HashSet<_> = SETTINGS.iter().map(|s| &s.env).collect();
        assert_eq!(names.len(), SETTINGS.len(), "two settings share a variable");
    }
}
