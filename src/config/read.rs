//! From texts to types. Every complaint names the key, where its value was
//! given, and what it should look like; the value itself only if it is no secret.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;
use zoom_api::{EndpointError, Endpoints};
use zoomd_store::limits::{Budgets, Classes, Label};
use zoomd_store::{Replicas, TlsFiles};
use zoomd_wire::MaxWait;
use zoomd_workers::tasks::Cron;

use super::catalogue::{self, Kind};
use super::layers::{Raw, Resolved};
use super::units;
use super::{
    Api, Config, ConfigError, Encryption, Jobs, Meetings, Metrics, Public, Reconcile, Results,
    Rotation, Zoom, folder, traces,
};
use crate::input;

/// Reads all settings.
pub(super) fn config(
    resolved: Resolved,
    env: &BTreeMap<String, String>,
) -> Result<Config, ConfigError> {
    let r = Reader(&resolved);
    let data_dir = r.optional("data_dir")?;
    Ok(Config {
        namespace: r.text("namespace")?,
        deployment: r.text("deployment")?,
        data_dir: data_dir.map_or_else(|| folder::default_data_dir(env), PathBuf::from),
        concurrency: r.parsed("concurrency", "a whole number")?,
        log: r.text("log")?,
        listen: r.address("listen")?,
        grace: r.time("grace")?,
        redis_url: r.secret("redis.url")?.ok_or_else(|| r.bad("redis.url", "a URL"))?,
        redis_tls: tls(&r)?,
        replicas: match r.text("redis.replicas")?.as_str() {
            "auto" => Replicas::Remembered,
            _ => Replicas::AtLeast(r.parsed("redis.replicas", "\"auto\" or a whole number")?),
        },
        encryption: Encryption {
            key: r.secret("encryption.key")?,
            keys_old: r.secret("encryption.keys_old")?,
        },
        zoom: zoom(&r)?,
        api: Api {
            tokens_file: r.file("api.tokens_file")?,
            hosts: r.list("api.hosts")?,
            allow_write_without_token: r.switch("api.allow_write_without_token")?,
        },
        metrics: Metrics { per_account: r.parsed("metrics.per_account", "a whole number")? },
        traces: traces::read(env)?,
        public: Public {
            listen: r.address("public.listen")?,
            url: r.optional("public.url")?.map(|_| r.url("public.url")).transpose()?,
            name: r.optional("public.name")?,
            logo_url: r
                .optional("public.logo_url")?
                .map(|_| r.url("public.logo_url"))
                .transpose()?,
            return_to: r.list("public.return_to")?,
            webhook_secret: r.secret("public.webhook_secret")?,
        },
        jobs: Jobs {
            max_wait: MaxWait {
                usual: r.time("jobs.max_wait")?,
                momentary: r.time("jobs.end_max_wait")?,
            },
            merge_updates: r.switch("jobs.merge_updates")?,
            remember: r.time("jobs.remember")?,
            allow_past_start: r.switch("jobs.allow_past_start")?,
            lease: r.time("jobs.lease")?,
        },
        budgets: budgets(&r)?,
        results: Results {
            include: r.list("results.include")?,
            keep: r.time("results.keep")?,
            max_size: r.size("results.max_size")?,
            max_length: match r.optional("results.max_length")? {
                Some(_) => Some(r.parsed("results.max_length", "a whole number")?),
                None => None,
            },
            failures_keep: r.time("failures.keep")?,
        },
        meetings: Meetings { keep: r.time("meetings.keep")?, topic: r.switch("meetings.topic")? },
        reconcile: Reconcile {
            mark_agenda: r.one_of("reconcile.marker", &["agenda", "none"])? == "agenda",
            delays: r.times("reconcile.delays")?,
            twins_after: r.time("reconcile.twins_after")?,
            give_up: r.time("reconcile.give_up")?,
        },
        rotation: Rotation {
            probe_after: r.time("rotation.probe_after")?,
            keep_alive: r.cron("rotation.keep_alive")?,
        },
        resolved: resolved.clone(),
    })
}

fn tls(r: &Reader<'_>) -> Result<TlsFiles, ConfigError> {
    let pair = ["redis.client_cert_file", "redis.client_key_file"];
    let client = match (r.file(pair[0])?, r.file(pair[1])?) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (Some(_), None) => return Err(alone(r, pair[0], pair[1])),
        (None, Some(_)) => return Err(alone(r, pair[1], pair[0])),
    };
    Ok(TlsFiles { ca: r.file("redis.ca_file")?, client })
}

fn alone(r: &Reader<'_>, given: &str, missing: &str) -> ConfigError {
    let what = format!("{} needs {missing} beside it", r.place(given));
    ConfigError::new(what).hint("a client certificate and its private key go together")
}

fn zoom(r: &Reader<'_>) -> Result<Zoom, ConfigError> {
    let allow_http = r.switch("zoom.allow_http")?;
    let (api, oauth) = (r.text("zoom.api_url")?, r.text("zoom.oauth_url")?);
    // One after the other, so that the complaint names the right key.
    for (key, url) in [("zoom.api_url", &api), ("zoom.oauth_url", &oauth)] {
        Endpoints::new(url, url, allow_http).map_err(|error| {
            let complaint = ConfigError::new(format!("{}: {error}", r.place(key)));
            match error {
                EndpointError::PlainHttp(_) => complaint
                    .hint("use https://, or set ZOOMD_ALLOW_HTTP=1 in a test network of your own"),
                _ => complaint,
            }
        })?;
    }
    Ok(Zoom {
        client_id: r.optional("zoom.client_id")?,
        client_secret: r.secret("zoom.client_secret")?,
        redirect_url: r.url("zoom.redirect_url")?,
        endpoints: Endpoints::new(&api, &oauth, allow_http)
            .map_err(|error| ConfigError::new(error.to_string()))?,
        connect_timeout: r.time("zoom.connect_timeout")?,
        request_timeout: r.time("zoom.request_timeout")?,
        token_timeout: r.time("zoom.token_timeout")?,
    })
}

fn budgets(r: &Reader<'_>) -> Result<Budgets, ConfigError> {
    let label = |key: &str| {
        let word = r.one_of(key, &Label::ALL.map(Label::as_str))?;
        Label::from_word(word).ok_or_else(|| r.bad(key, "a label"))
    };
    Ok(Budgets {
        share: r.parsed("budget.share", "a number")?,
        classes: Classes::of_each(|operation| label(&format!("budget.{operation}")))?,
        ..Budgets::default()
    })
}

struct Reader<'a>(&'a Resolved);

impl Reader<'_> {
    /// `key (from where)`.
    fn place(&self, key: &str) -> String {
        match self.0.get(key) {
            Some((_, origin)) => format!("{key} (from {origin})"),
            None => key.to_owned(),
        }
    }

    fn bad(&self, key: &str, wanted: &str) -> ConfigError {
        let secret = catalogue::find(key).is_some_and(|s| s.kind == Kind::Secret);
        let found = match self.0.get(key) {
            Some((Raw::One(text), _)) if !secret => format!("\"{text}\" is not"),
            _ => "is not".to_owned(),
        };
        ConfigError::new(format!("{}: {found} {wanted}", self.place(key)))
    }

    fn optional(&self, key: &str) -> Result<Option<String>, ConfigError> {
        match self.0.get(key) {
            None => Ok(None),
            Some((Raw::One(text), _)) if input::trim(text).is_empty() => Ok(None),
            Some((Raw::One(text), _)) => Ok(Some(self.checked(key, text)?)),
            Some((Raw::Many(_), _)) => Err(self.bad(key, "one value")),
        }
    }

    /// The value without what an editor or a shell added. Ids, secrets and keys
    /// are one word, everything else one line.
    fn checked(&self, key: &str, text: &str) -> Result<String, ConfigError> {
        let place = self.place(key);
        let words = match key {
            // Keys stand on lines of their own too.
            "encryption.keys_old" => {
                let words = text.split(|c: char| c == ',' || c.is_whitespace());
                let words = words.filter(|word| !input::trim(word).is_empty());
                words.map(|word| input::word(word, &place)).collect::<Result<Vec<_>, _>>()?
            }
            "zoom.client_id"
            | "zoom.client_secret"
            | "encryption.key"
            | "public.webhook_secret" => vec![input::word(text, &place)?],
            _ => vec![input::line(text, &place)?],
        };
        Ok(words.join(","))
    }

    /// The path of a file; one named in the configuration file lies beside it.
    fn file(&self, key: &str) -> Result<Option<PathBuf>, ConfigError> {
        let named = self.optional(key)?.zip(self.0.get(key));
        Ok(named.map(|(name, (_, origin))| origin.beside(&name)))
    }

    fn text(&self, key: &str) -> Result<String, ConfigError> {
        self.optional(key)?.ok_or_else(|| ConfigError::new(format!("{} is empty", self.place(key))))
    }

    fn parsed<T: FromStr>(&self, key: &str, wanted: &str) -> Result<T, ConfigError> {
        self.text(key)?.parse().map_err(|_| self.bad(key, wanted))
    }

    fn secret(&self, key: &str) -> Result<Option<SecretString>, ConfigError> {
        Ok(self.optional(key)?.map(SecretString::from))
    }

    fn time(&self, key: &str) -> Result<Duration, ConfigError> {
        units::time(&self.text(key)?)
            .ok_or_else(|| self.bad(key, "a length of time such as 30s, 5m, 2h or 7d"))
    }

    fn cron(&self, key: &str) -> Result<Cron, ConfigError> {
        let wanted = "five fields of cron in UTC, days of the week by name, such as 0 0 * * Sun";
        Cron::parse(&self.text(key)?).ok_or_else(|| self.bad(key, wanted))
    }

    fn times(&self, key: &str) -> Result<Vec<Duration>, ConfigError> {
        let wanted = "a list of lengths of time such as 2s, 8s, 20s";
        let times = self.list(key)?.into_iter().map(|text| units::time(&text));
        times.collect::<Option<_>>().ok_or_else(|| self.bad(key, wanted))
    }

    fn size(&self, key: &str) -> Result<u64, ConfigError> {
        units::size(&self.text(key)?)
            .ok_or_else(|| self.bad(key, "a size such as 64KiB, 10MiB or 1GiB"))
    }

    fn switch(&self, key: &str) -> Result<bool, ConfigError> {
        match self.text(key)?.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(self.bad(key, "true or false")),
        }
    }

    fn url(&self, key: &str) -> Result<Url, ConfigError> {
        let url: Url = self.parsed(key, "a URL")?;
        let web = matches!(url.scheme(), "http" | "https") && url.has_host();
        if web { Ok(url) } else { Err(self.bad(key, "an http or https URL")) }
    }

    fn address(&self, key: &str) -> Result<Option<SocketAddr>, ConfigError> {
        match self.optional(key)?.as_deref() {
            None | Some("off") => Ok(None),
            Some(_) => self.parsed(key, "an address such as 127.0.0.1:9464, nor \"off\"").map(Some),
        }
    }

    fn list(&self, key: &str) -> Result<Vec<String>, ConfigError> {
        Ok(match self.0.get(key) {
            None => Vec::new(),
            Some((Raw::Many(items), _)) => items.clone(),
            Some((Raw::One(item), _)) => item.split(',').map(|t| t.trim().to_owned()).collect(),
        }
        .into_iter()
        .filter(|item| !item.is_empty())
        .collect())
    }

    fn one_of(&self, key: &str, choices: &[&'static str]) -> Result<&'static str, ConfigError> {
        let text = self.text(key)?;
        let wanted = format!("one of {}", choices.join(", "));
        choices.iter().find(|c| **c == text).copied().ok_or_else(|| self.bad(key, &wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn certificates_in_the_configuration_file_lie_beside_it() {
        let text = "[redis]\nca_file = \"ca.pem\"\nclient_cert_file = \"/own/cert.pem\"\n";
        let env = [("HOME", "/home/z"), ("ZOOMD_REDIS_CLIENT_KEY_FILE", "key.pem")];
        let sources = Sources {
            file: Some(("/etc/zoomd/zoomd.toml".into(), text.to_owned())),
            env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            ..Sources::default()
        };
        let tls = Config::from_sources(&sources).expect("valid").redis_tls;
        assert_eq!(tls.ca.as_deref(), Some("/etc/zoomd/ca.pem".as_ref()));
        assert_eq!(tls.client, Some(("/own/cert.pem".into(), "key.pem".into())));
    }
}
