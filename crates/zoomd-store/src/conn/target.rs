//! Where Redis is, as the URL says it.
//!
//! `redis://`, `rediss://`, `unix://` (and `valkey…`) name one server;
//! `redis+sentinel://[user:password@]host:port[,host:port]/master[/db]` names
//! sentinels to ask; `redis+cluster://host:port[,host:port]` names nodes to
//! start from. With `rediss+…` both speak TLS.

use std::str::FromStr;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};

use crate::error::{ErrorKind, StoreError};

/// Where to find the server that holds the namespace.
#[derive(Debug, Clone)]
pub struct Target {
    pub(super) place: Place,
    /// The hash slot of the namespace, when its name has a hash tag.
    pub(super) slot: Option<u16>,
}

#[derive(Debug, Clone)]
pub(super) enum Place {
    Server(Box<ConnectionInfo>),
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        master: String,
        settings: Box<RedisConnectionInfo>,
        tls: bool,
    },
    Cluster {
        nodes: Vec<ConnectionInfo>,
    },
}

impl Target {
    /// Reads the URL; connects to nothing.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub fn parse(url: &str, namespace: &str) -> Result<Self, StoreError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("it has no scheme"))?;
        let place = match scheme {
            "redis+sentinel" | "rediss+sentinel" => sentinel(rest, scheme.starts_with("rediss"))?,
            "redis+cluster" | "rediss+cluster" => {
                let base = if scheme.starts_with("rediss") { "rediss" } else { "redis" };
                let (login, hosts, _) = split(rest);
                Place::Cluster { nodes: nodes(base, login, hosts, "")? }
            }
            _ => Place::Server(Box::new(info(url)?)),
        };
        Ok(Self { place, slot: hash_slot(namespace) })
    }

    pub(super) fn database(&self) -> i64 {
        match &self.place {
            Place::Server(info) => info.redis_settings().db(),
            Place::Sentinel { settings, .. } => settings.db(),
            Place::Cluster { .. } => 0,
        }
    }
}

fn bad(why: &str) -> StoreError {
    StoreError::new(ErrorKind::Config, format!("the redis url cannot be used: {why}"))
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

fn sentinel(rest: &str, tls: bool) -> Result<Place, StoreError> {
    let (login, hosts, path) = split(rest);
    let (master, db) = path.split_once('/').unwrap_or((path, "0"));
    if master.is_empty() {
        return Err(bad("a sentinel url ends with the master's name, as in /mymaster"));
    }
    let scheme = if tls { "rediss" } else { "redis" };
    // Sentinels mostly have no password of their own; the login is the master's.
    let with_port: Vec<_> = hosts
        .split(',')
        .map(|host| if host.contains(':') { host.to_owned() } else { format!("{host}:26379") })
        .collect();
    let settings = info(&format!("{scheme}://{login}localhost/{db}"))?.redis_settings().clone();
    Ok(Place::Sentinel {
        sentinels: nodes(scheme, "", &with_port.join(","), "")?,
        master: master.to_owned(),
        settings: Box::new(settings),
        tls,
    })
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
        let target =
            Target::parse("redis+sentinel://u:p%40@h1:1,h2/mymaster/3", "zoomd").expect("url");
        let Place::Sentinel { sentinels, master, settings, tls } = target.place else {
            panic!("sentinel")
        };
        assert_eq!((sentinels.len(), master.as_str(), tls), (2, "mymaster", false));
        assert_eq!(
            (settings.username(), settings.password(), settings.db()),
            (Some("u"), Some("p@"), 3)
        );
        assert_eq!(sentinels[1].addr().to_string(), "h2:26379");
        let target = Target::parse("rediss+cluster://h1:1,h2:2", "{z}").expect("url");
        assert!(matches!(target.place, Place::Cluster { nodes } if nodes.len() == 2));
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
