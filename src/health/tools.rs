//! Programs, services and processes of this machine, so that a command is proposed
//! only where it exists.

use std::path::Path;

/// Folders of unit files.
const UNITS: [&str; 3] = ["/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system"];
/// Services that run a Redis.
const OF_REDIS: [&str; 4] = ["redis-server", "redis", "valkey-server", "valkey"];

/// Programs and services that a proposal may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tools {
    /// True when `redis-cli` is installed.
    pub redis_cli: bool,
    /// True when this machine runs zoomd as a service.
    pub zoomd_service: bool,
    /// The service that runs a Redis here.
    pub redis_service: Option<&'static str>,
}

impl Tools {
    /// The tools of this machine.
    pub fn here() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let installed =
            |name: &str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
        // The folder is there only while systemd is the service manager.
        let managed = Path::new("/run/systemd/system").is_dir();
        let service = |name: &str| {
            let unit = |dir: &&str| Path::new(dir).join(format!("{name}.service")).exists();
            managed && UNITS.iter().any(unit)
        };
        Self {
            redis_cli: installed("redis-cli"),
            zoomd_service: service("zoomd"),
            redis_service: OF_REDIS.into_iter().find(|name| service(name)),
        }
    }

    /// The command that starts a daemon.
    pub fn start(&self) -> &'static str {
        if self.zoomd_service { "sudo systemctl start zoomd" } else { "zoomd run" }
    }

    /// A command of `redis-cli` for the server at `place`.
    pub fn redis(&self, place: &str, command: &str) -> String {
        let cli = redis_cli(place);
        format!("{}{cli} {command}", self.elsewhere())
    }

    /// Prefix of a `redis-cli` command that must run on another machine.
    fn elsewhere(&self) -> &'static str {
        if self.redis_cli { "" } else { "on a machine with redis-cli: " }
    }

    /// The command that asks the first sentinel of this URL for the master.
    pub fn sentinel(&self, place: &str) -> Option<String> {
        let (scheme, rest) = place.split_once("+sentinel://")?;
        // The login in the URL is the master's.
        let rest = rest.trim_start_matches("***@");
        let (hosts, path) = rest.split_once('/')?;
        let one = hosts.split(',').next()?;
        let (host, port) = one.rsplit_once(':').unwrap_or((one, "26379"));
        let master = path.split(['/', '?']).next()?;
        let tls = if scheme == "rediss" { " --tls" } else { "" };
        let first = self.elsewhere();
        Some(format!("{first}redis-cli{tls} -h {host} -p {port} SENTINEL MASTER {master}"))
    }
}

/// `redis-cli` as it is called for this server, and for no other.
pub fn redis_cli(place: &str) -> String {
    if let Some(socket) = place.strip_prefix("unix://") {
        return format!("redis-cli -s {socket}");
    }
    let (login, url) = match place.split_once("***@") {
        Some((scheme, host)) => (" --askpass", format!("{scheme}{host}")),
        None => ("", place.to_owned()),
    };
    let url = url.trim_end_matches('/');
    match url.strip_prefix("redis://") {
        Some("127.0.0.1" | "127.0.0.1:6379" | "localhost" | "localhost:6379") => {
            format!("redis-cli{login}")
        }
        Some(_) => format!("redis-cli{login} -u {url}"),
        None if url.starts_with("rediss://") => format!("redis-cli{login} -u {url}"),
        // A sentinel or a cluster: which of its servers is meant is not known here.
        None => format!("redis-cli{login} -h HOST"),
    }
}

/// The state of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// It does not exist, or is another program by now.
    Gone,
    /// It was stopped by a signal.
    Stopped,
    /// It runs.
    Running,
}

impl Process {
    /// The state of the zoomd with this process id on this machine.
    pub fn of(pid: u32) -> Self {
        // `pid (name) state …`; the name may hold anything.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let Some((head, tail)) = stat.rsplit_once(") ") else { return Self::Gone };
        match (head.contains("(zoomd"), tail.chars().next()) {
            (true, Some('T' | 't')) => Self::Stopped,
            (true, Some(state)) if !"ZX".contains(state) => Self::Running,
            _ => Self::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_named_reach_the_server_that_was_looked_at() {
        assert_eq!(redis_cli("redis://127.0.0.1:6379"), "redis-cli");
        assert_eq!(redis_cli("redis://127.0.0.1:6380/"), "redis-cli -u redis://127.0.0.1:6380");
        assert_eq!(redis_cli("rediss://***@db:6379"), "redis-cli --askpass -u rediss://db:6379");
        assert_eq!(redis_cli("unix:///run/r.sock"), "redis-cli -s /run/r.sock");
        assert_eq!(redis_cli("redis+cluster://a,b"), "redis-cli -h HOST");
    }

    #[test]
    fn the_first_sentinel_is_asked_for_its_master() {
        let tools = Tools { redis_cli: true, ..Tools::default() };
        for (place, command) in [
            ("redis+sentinel://a:1,b/main", "redis-cli -h a -p 1 SENTINEL MASTER main"),
            (
                "rediss+sentinel://***@a,b/main/3?sentinel_tls=yes",
                "redis-cli --tls -h a -p 26379 SENTINEL MASTER main",
            ),
        ] {
            assert_eq!(tools.sentinel(place).as_deref(), Some(command));
        }
        assert_eq!(tools.sentinel("redis+cluster://a,b"), None);
    }

    #[test]
    fn a_process_of_another_program_is_no_daemon() {
        assert_eq!(Process::of(1), Process::Gone);
        assert_eq!(Process::of(u32::MAX), Process::Gone);
    }
}
