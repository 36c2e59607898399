//! Where the namespace lies: behind sentinels, or in a cluster; and how its master
//! is moved.

use std::time::{Duration, Instant};

use redis_local::{MASTER, Options, RedisServer, Sentinel};
use rustix::process::Signal;

use crate::support::until;

/// One way to lose a master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// An operator moves it (`SENTINEL FAILOVER`, `CLUSTER FAILOVER`).
    Planned,
    /// `kill -9`; it comes back as a replica later.
    Killed,
    /// Stopped, replaced, and woken so long after its stop.
    Frozen(Duration),
    /// The slot goes to another node of the cluster.
    Moved,
}

/// A Redis of several servers.
pub enum Place {
    Sentinel { servers: Vec<RedisServer>, sentinels: Vec<Sentinel> },
    Cluster { nodes: Vec<RedisServer>, slot: u16 },
}

/// Time after which a node or sentinel calls another one down.
const DOWN_AFTER: &str = "2000";

fn options(args: &[&str]) -> Options {
    Options { args: args.iter().map(|arg| (*arg).to_owned()).collect(), ..Options::default() }
}

fn server(args: &[&str]) -> RedisServer {
    RedisServer::start_with(options(args)).expect("redis-server is installed")
}

impl Place {
    /// A master with so many replicas, watched by three sentinels.
    pub fn sentinel(replicas: usize) -> Self {
        let master = server(&[]);
        let mut servers: Vec<_> =
            (0..replicas).map(|_| master.replica(Options::default()).expect("a replica")).collect();
        let lines = [
            format!("sentinel down-after-milliseconds {MASTER} {DOWN_AFTER}"),
            format!("sentinel failover-timeout {MASTER} 10000"),
        ];
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let watching = || Sentinel::watching(&master, 2, &lines).expect("a sentinel");
        let sentinels: Vec<_> = (0..3).map(|_| watching()).collect();
        until("the sentinels know each other and the replicas", || {
            let known = format!("slaves={replicas},sentinels=3");
            let knows =
                |s: &Sentinel| s.ask(&["INFO", "sentinel"]).is_ok_and(|t| t.contains(&known));
            sentinels.iter().all(knows).then_some(())
        });
        servers.insert(0, master);
        Self::Sentinel { servers, sentinels }
    }

    /// Three masters, the first of which owns the namespace's slot; it and the second
    /// have a replica each.
    pub fn cluster(slot: u16) -> Self {
        let args = ["--cluster-enabled", "yes", "--cluster-node-timeout", DOWN_AFTER];
        let nodes: Vec<_> = (0..5).map(|_| server(&args)).collect();
        let ask = |node: &RedisServer, words: &[&str]| {
            let answer = node.ask(words).expect("the node answers");
            assert!(!answer.starts_with('-'), "{words:?}: {answer}");
            answer
        };
        // All slots lie with the first, but a few: each master has a vote.
        let spare: Vec<u16> = (0..3).filter(|n| *n != slot).take(2).collect();
        for (node, slot) in nodes[1..3].iter().zip(&spare) {
            ask(node, &["CLUSTER", "ADDSLOTS", &slot.to_string()]);
        }
        let rest = (0..16_384u16).filter(|slot| !spare.contains(slot)).map(|slot| slot.to_string());
        let rest: Vec<_> = rest.collect();
        for chunk in rest.chunks(1_000) {
            let mut words = vec!["CLUSTER", "ADDSLOTS"];
            words.extend(chunk.iter().map(String::as_str));
            ask(&nodes[0], &words);
        }
        for node in &nodes[1..] {
            ask(&nodes[0], &["CLUSTER", "MEET", "127.0.0.1", &node.port().to_string()]);
        }
        let all = |text: &str| {
            let has = |node: &RedisServer| ask(node, &["CLUSTER", "INFO"]).contains(text);
            until(text, || nodes.iter().all(has).then_some(()));
        };
        all("cluster_known_nodes:5");
        all("cluster_state:ok");
        for (replica, master) in [(&nodes[3], &nodes[0]), (&nodes[4], &nodes[1])] {
            ask(replica, &["CLUSTER", "REPLICATE", &id_of(master)]);
            until("the replica follows", || {
                let told = ask(replica, &["INFO", "replication"]);
                told.contains("master_link_status:up").then_some(())
            });
        }
        Self::Cluster { nodes, slot }
    }

    /// The URL for zoomd.
    pub fn url(&self) -> String {
        let list = |ports: Vec<u16>| {
            let hosts = ports.iter().map(|port| format!("127.0.0.1:{port}"));
            hosts.collect::<Vec<_>>().join(",")
        };
        match self {
            Self::Sentinel { sentinels, .. } => {
                let hosts = list(sentinels.iter().map(Sentinel::port).collect());
                format!("redis+sentinel://{hosts}/{MASTER}")
            }
            Self::Cluster { nodes, .. } => {
                format!("redis+cluster://{}", list(nodes.iter().map(RedisServer::port).collect()))
            }
        }
    }

    /// Sets `min-replicas-to-write` on all servers.
    pub fn min_replicas(&self, count: u32) {
        let (Self::Sentinel { servers: all, .. } | Self::Cluster { nodes: all, .. }) = self;
        for server in all {
            server
                .ask(&["CONFIG", "SET", "min-replicas-to-write", &count.to_string()])
                .expect("asked");
        }
    }

    /// The server that owns the namespace.
    fn master(&self) -> usize {
        match self {
            Self::Sentinel { servers, sentinels } => {
                let port = sentinels.iter().find_map(Sentinel::master).expect("a master");
                servers.iter().position(|server| server.port() == port).expect("one of ours")
            }
            Self::Cluster { nodes, slot } => {
                let owns = |node: &RedisServer| owner(node, *slot);
                let port = nodes.iter().find_map(owns).expect("an owner");
                nodes.iter().position(|node| node.port() == port).expect("one of ours")
            }
        }
    }

    /// True if the others agree that the namespace has left server `old`.
    fn has_left(&self, old: usize) -> bool {
        match self {
            Self::Sentinel { servers, sentinels } => {
                let old = Some(servers[old].port());
                sentinels.iter().all(|s| s.master().is_some() && s.master() != old)
            }
            Self::Cluster { nodes, slot } => nodes.iter().enumerate().all(|(n, node)| {
                n == old || owner(node, *slot).is_some_and(|port| port != nodes[old].port())
            }),
        }
    }

    /// Strikes, waits until another server owns the namespace, and brings the old
    /// one back.
    pub async fn strike(&mut self, blow: Blow) {
        let (old, begun) = (self.master(), Instant::now());
        self.begin(blow, old);
        let end = begun + Duration::from_secs(60);
        while !self.has_left(old) {
            assert!(Instant::now() < end, "{blow:?}: nobody took over");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        match blow {
            Blow::Planned | Blow::Moved => {}
            Blow::Killed => {
                tokio::time::sleep(Duration::from_secs(2)).await;
                self.server(old).restart().expect("it starts again");
            }
            Blow::Frozen(lasts) => {
                tokio::time::sleep(lasts.saturating_sub(begun.elapsed())).await;
                self.server(old).signal(Signal::CONT);
            }
        }
    }

    /// Waits until the server that was left follows the new one, so that the next
    /// blow finds a replica.
    pub fn healed(&self) {
        let master = self.master();
        let (Self::Sentinel { servers: all, .. } | Self::Cluster { nodes: all, .. }) = self;
        let port = format!("master_port:{}", all[master].port());
        let info = |server: &RedisServer| server.ask(&["INFO", "replication"]).unwrap_or_default();
        let follows = |server: &RedisServer| {
            let told = info(server);
            told.contains(&port) && told.contains("master_link_status:up")
        };
        let wanted = if let Self::Sentinel { servers, .. } = self { servers.len() - 1 } else { 1 };
        until("the servers follow the new master", || {
            (all.iter().filter(|server| follows(server)).count() == wanted).then_some(())
        });
        if let Self::Sentinel { sentinels, servers } = self {
            let replicas = format!("status=ok,address=127.0.0.1:{}", servers[master].port());
            until("the sentinels see it", || {
                let sees = |s: &Sentinel| {
                    s.ask(&["INFO", "sentinel"]).is_ok_and(|t| t.contains(&replicas))
                };
                sentinels.iter().all(sees).then_some(())
            });
        }
    }

    fn server(&mut self, number: usize) -> &mut RedisServer {
        let (Self::Sentinel { servers: all, .. } | Self::Cluster { nodes: all, .. }) = self;
        &mut all[number]
    }

    fn begin(&mut self, blow: Blow, old: usize) {
        match blow {
            Blow::Killed => return self.server(old).kill(),
            Blow::Frozen(_) => return self.server(old).signal(Signal::STOP),
            Blow::Planned | Blow::Moved => {}
        }
        match (self, blow) {
            (Self::Sentinel { sentinels, .. }, Blow::Planned) => {
                let told = sentinels[0].ask(&["SENTINEL", "FAILOVER", MASTER]).expect("asked");
                assert!(told.starts_with("+OK"), "{told}");
            }
            (Self::Cluster { nodes, .. }, Blow::Planned) => {
                let port = format!("master_port:{}", nodes[old].port());
                let follows = |node: &&RedisServer| {
                    node.ask(&["INFO", "replication"]).is_ok_and(|told| told.contains(&port))
                };
                let replica = nodes.iter().find(follows).expect("a replica");
                replica.ask(&["CLUSTER", "FAILOVER"]).expect("asked");
            }
            (Self::Cluster { nodes, slot }, _) => move_slot(nodes, old, *slot),
            (Self::Sentinel { .. }, _) => panic!("sentinels have no slots"),
        }
    }
}

/// The port of the node that owns the slot, as this one sees it.
fn owner(node: &RedisServer, slot: u16) -> Option<u16> {
    let told = node.ask(&["CLUSTER", "NODES"]).ok()?;
    let owns = |word: &str| {
        let (from, to) = word.split_once('-').unwrap_or((word, word));
        matches!((from.parse::<u16>(), to.parse::<u16>()), (Ok(from), Ok(to)) if (from..=to).contains(&slot))
    };
    let line = told.lines().find(|line| line.split(' ').skip(8).any(owns))?;
    let place = line.split(' ').nth(1)?;
    place.split('@').next()?.rsplit(':').next()?.parse().ok()
}

fn id_of(node: &RedisServer) -> String {
    let told = node.ask(&["CLUSTER", "MYID"]).expect("asked");
    told.lines().nth(1).expect("an id").to_owned()
}

/// Moves the slot with its keys, as `redis-cli --cluster reshard` does.
fn move_slot(nodes: &[RedisServer], old: usize, slot: u16) {
    // One with a replica, so that records are confirmed there too.
    let serves = |node: &RedisServer| {
        node.ask(&["INFO", "replication"]).is_ok_and(|told| told.contains("connected_slaves:1"))
    };
    let to = (0..nodes.len()).find(|n| *n != old && serves(&nodes[*n])).expect("another master");
    let (from, to) = (&nodes[old], &nodes[to]);
    let (from_id, to_id, slot) = (id_of(from), id_of(to), slot.to_string());
    let ask = |node: &RedisServer, words: &[&str]| {
        let answer = node.ask(words).expect("asked");
        assert!(!answer.starts_with('-'), "{words:?}: {answer}");
        answer
    };
    ask(to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
    ask(from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
    let port = to.port().to_string();
    loop {
        let keys = ask(from, &["CLUSTER", "GETKEYSINSLOT", &slot, "1000"]);
        let keys: Vec<_> = keys.lines().skip(1).filter(|line| !line.starts_with('$')).collect();
        if keys.is_empty() {
            break;
        }
        let mut words = vec!["MIGRATE", "127.0.0.1", &port, "\"\"", "0", "5000", "REPLACE", "KEYS"];
        words.extend(keys);
        ask(from, &words);
    }
    for node in [to, from] {
        ask(node, &["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
    }
}
