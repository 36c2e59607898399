//! Where Redis is, as the URL says it.
//!
//! `redis://`, `rediss://`, `unix://` (and `valkey…`) name one server;
//! `redis+sentinel://[user:password@]host:port[,host:port]/master[/db]` names
//! sentinels to ask; `redis+cluster://host:port[,host:port]` names nodes to
//! start from. With `rediss+…` both speak TLS. The login is the master's; the
//! sentinels' own stands in the query: `sentinel_user`, `sentinel_password`, and
//! `sentinel_tls=no` where only the master speaks TLS.
//!
//! A parameter that nobody reads is refused: it would be trusted all the same.

use std::str::FromStr;
use std::sync::Arc;

use redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, TlsCertificates,
};

use super::query::{Query, bad};
use crate::error::StoreError;

/// Address of the server that holds the namespace.
#[derive(Debug, Clone)]
pub struct Target {
    pub(super) place: Place,
    /// The hash slot of the namespace, when its name has a hash tag.
    pub(super) slot: Option<u16>,
    /// Whom TLS trusts and how it names itself, where that is not the system's.
    pub(super) tls: Option<Arc<TlsCertificates>>,
}

/// The places to ask.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// One server, or a node of a cluster.
    Server(Box<ConnectionInfo>),
    Sentinel(Box<Sentinels>),
    Cluster {
        nodes: Vec<ConnectionInfo>,
    },
}

/// Sentinels, and the master they watch.
#[derive(Debug, Clone)]
pub(super) struct Sentinels {
    pub(super) all: Vec<ConnectionInfo>,
    pub(super) master: String,
    /// The master's login and database.
    pub(super) settings: RedisConnectionInfo,
    /// True if the master speaks TLS.
    pub(super) tls: bool,
}

impl Target {
    /// Parses the URL; connects to nothing.
    ///
    /// # Errors
    /// Names the invalid part of the URL, without its content.
    pub fn parse(url: &str, namespace: &str) -> Result<Self, StoreError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("it has no scheme"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut query = Query::parse(query)?;
        let place = match scheme {
            "redis+sentinel" | "rediss+sentinel" => {
                sentinel(rest, scheme.starts_with("rediss"), &mut query)?
            }
            "redis+cluster" | "rediss+cluster" => {
                let base = if scheme.starts_with("rediss") { "rediss" } else { "redis" };
                let (login, hosts, _) = split(rest);
                Place::Cluster { nodes: nodes(base, login, hosts, "")? }
            }
            _ => {
                let socket = matches!(scheme, "unix" | "redis+unix" | "valkey+unix");
                let kept =
                    if socket { query.take_all(&["db", "user", "pass"]) } else { String::new() };
                Place::Server(Box::new(info(&format!("{scheme}://{rest}{kept}"))?))
            }
        };
        query.finish()?;
        Ok(Self { place, slot: hash_slot(namespace), tls: None })
    }

    /// Copy with certificates from these files.
    ///
    /// # Errors
    /// Fails if a file cannot be read or is empty.
    pub fn trusting(self, files: &super::TlsFiles) -> Result<Self, StoreError> {
        Ok(Self { tls: files.read()?.map(Arc::new), ..self })
    }

    pub(super) fn database(&self) -> i64 {
        match &self.place {
            Place::Server(info) => info.redis_settings().db(),
            Place::Sentinel(sentinels) => sentinels.settings.db(),
            Place::Cluster { .. } => 0,
        }
    }
}

fn info(url: &str) -> Result<ConnectionInfo, StoreError> {
    url.into_connection_info().map_err(|error| {
        let why = error.detail().unwrap_or(
            "its scheme is not one of redis, rediss, unix, redis+sentinel, redis+cluster",
        );
        bad(&why.to_lowercase())
    })
}

/// `login@hosts/path` taken apart; the login keeps its `@`.
fn split(rest: &str) -> (&str, &str, &str) {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let at = authority.rfind('@').map_or(0, |i| i + 1);
    (&authority[..at], &authority[at..], path)
}

fn nodes(
    scheme: &str,
    login: &str,
    hosts: &str,
    path: &str,
) -> Result<Vec<ConnectionInfo>, StoreError> {
    hosts.split(',').map(|host| info(&format!("{scheme}://{login}{host}/{path}"))).collect()
}

fn sentinel(rest: &str, tls: bool, query: &mut Query) -> Result<Place, StoreError> {
    let (login, hosts, path) = split(rest);
    let (master, db) = path.split_once('/').unwrap_or((path, "0"));
    if master.is_empty() {
        return Err(bad("a sentinel url ends with the master's name, as in /mymaster"));
    }
    let scheme = |tls| if tls { "rediss" } else { "redis" };
    let (user, password) = (query.take("sentinel_user"), query.take("sentinel_password"));
    let sentinels_tls = match query.take("sentinel_tls").as_deref() {
        None => tls,
        Some("yes") => true,
        Some("no") => false,
        Some(_) => return Err(bad("sentinel_tls must be yes or no")),
    };
    let with_port: Vec<_> = hosts
        .split(',')
        .map(|host| if host.contains(':') { host.to_owned() } else { format!("{host}:26379") })
        .collect();
    let all = nodes(scheme(sentinels_tls), "", &with_port.join(","), "")?;
    let all = all.into_iter().map(|sentinel| {
        let mut login = RedisConnectionInfo::default();
        if let Some(user) = &user {
            login = login.set_username(user);
        }
        if let Some(password) = &password {
            login = login.set_password(password);
        }
        sentinel.set_redis_settings(login)
    });
    let of_master = info(&format!("{}://{login}localhost/{db}", scheme(tls)))?;
    Ok(Place::Sentinel(Box::new(Sentinels {
        all: all.collect(),
        master: master.to_owned(),
        settings: of_master.redis_settings().clone(),
        tls,
    })))
}

/// The address of a server named by a sentinel or a cluster node.
pub(super) fn address(host: &str, port: u16, tls: bool) -> ConnectionAddr {
    if tls {
        ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host.to_owned(), port)
    }
}

/// The slot of all keys of a namespace, when its name has a hash tag.
pub(super) fn hash_slot(namespace: &str) -> Option<u16> {
    let open = namespace.find('{')?;
    let tag = &namespace[open + 1..];
    let tag = &tag[..tag.find('}')?];
    (!tag.is_empty()).then(|| crc16(tag.as_bytes()) % 16_384)
}

/// CRC-16/XMODEM, as Redis Cluster uses it.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

impl FromStr for Target {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        Self::parse(url, "")
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Target, hash_slot};

    #[test]
    fn slots_are_those_of_redis() {
        // `CLUSTER KEYSLOT foo` and `123456789` answer these.
        assert_eq!(hash_slot("{foo}"), Some(12_182));
        assert_eq!(hash_slot("a{123456789}b"), Some(12_739));
        assert_eq!(hash_slot("zoomd"), None);
        assert_eq!(hash_slot("{}x"), None);
    }

    #[test]
    fn urls_name_their_place() {
        let url = "redis+sentinel://u:p%40@h1:1,h2/mymaster/3";
        let Place::Sentinel(found) = Target::parse(url, "zoomd").expect("url").place else {
            panic!("sentinel")
        };
        assert_eq!((found.all.len(), found.master.as_str(), found.tls), (2, "mymaster", false));
        let master = &found.settings;
        assert_eq!((master.username(), master.password(), master.db()), (Some("u"), Some("p@"), 3));
        assert_eq!(found.all[1].addr().to_string(), "h2:26379");
        assert_eq!(found.all[1].redis_settings().password(), None, "the login is the master's");
        let target = Target::parse("rediss+cluster://h1:1,h2:2", "{z}").expect("url");
        assert!(matches!(target.place, Place::Cluster { nodes } if nodes.len() == 2));
    }

    #[test]
    fn sentinels_have_a_login_and_tls_of_their_own() {
        let own = "sentinel_user=s&sentinel_password=a%26b&sentinel_tls=no";
        let url = format!("rediss+sentinel://:m@h1,h2/mymaster?{own}");
        let Place::Sentinel(found) = Target::parse(&url, "zoomd").expect("url").place else {
            panic!("sentinel")
        };
        for sentinel in &found.all {
            let login = sentinel.redis_settings();
            assert_eq!((login.username(), login.password()), (Some("s"), Some("a&b")));
            assert!(matches!(sentinel.addr(), redis::ConnectionAddr::Tcp(..)));
        }
        assert!(found.tls && found.settings.password() == Some("m"));
    }

    #[test]
    fn parameters_that_nobody_reads_are_refused_by_name() {
        for (url, named) in [
            ("redis://h?protocol=resp3", "protocol"),
            ("redis://h/0?timeout=5s", "timeout"),
            ("redis://h?sentinel_password=x", "sentinel_password"),
            ("redis+sentinel://h/m?db=1", "db"),
            ("redis+cluster://h?read_from_replicas=true", "read_from_replicas"),
            ("unix:///run/r.sock?protocol=3", "protocol"),
        ] {
            let error = Target::parse(url, "zoomd").expect_err(url).to_string();
            assert!(error.contains(named), "{url}: {error}");
        }
        for url in ["redis://h?protocol=resp2", "unix:///run/r.sock?db=2&user=u&pass=p"] {
            Target::parse(url, "zoomd").expect(url);
        }
        let target = Target::parse("unix:///run/r.sock?db=2&pass=a%26b", "zoomd").expect("url");
        let Place::Server(info) = target.place else { panic!("server") };
        assert_eq!(
            (info.redis_settings().db(), info.redis_settings().password()),
            (2, Some("a&b"))
        );
    }

    #[test]
    fn errors_do_not_repeat_the_url() {
        for url in [
            "http://user:secret@host",
            "secret",
            "redis+sentinel://:secret@h",
            "redis://:secret@h:x",
        ] {
            let error = Target::parse(url, "zoomd").expect_err("bad url").to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
