//! From a seed to a round: what kind it is, what strikes, and when.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use zoom_sim::{Endpoint, Fault, LimitKind, What};

/// The times a campaign runs at.
#[derive(Debug, Clone)]
pub struct Scale {
    /// Name in the table.
    pub name: &'static str,
    /// Factor by which jobs are made faster.
    pub pace: u32,
    /// The configuration of the daemons.
    pub toml: &'static str,
    /// Duration of the faults.
    pub storm: Duration,
    /// Longest time for all outcomes after the faults.
    pub limit: Duration,
    /// Daemons of a world.
    pub daemons: usize,
    /// Jobs of a round.
    pub jobs: usize,
    /// Kills of a round.
    pub kills: usize,
}

/// Lease 1 s, looks after 67, 267 and 667 ms, calls end after 2 s.
pub const SCALED: Scale = Scale {
    name: "scaled",
    pace: 30,
    toml: "concurrency = 8\n[zoom]\nconnect_timeout = \"300ms\"\nrequest_timeout = \"2s\"\n\
           token_timeout = \"1s\"\n[rotation]\nprobe_after = \"2s\"\n\
           [jobs]\nallow_past_start = true\n",
    storm: Duration::from_secs(4),
    limit: Duration::from_secs(60),
    daemons: 3,
    jobs: 60,
    kills: 24,
};

/// A round short enough for every run of the tests.
pub const SHORT: Scale =
    Scale { name: "short", storm: Duration::from_millis(1_500), jobs: 30, kills: 8, ..SCALED };

/// As a daemon is without a configuration, but for its requests in flight.
pub const DEFAULT: Scale = Scale {
    name: "default",
    pace: 1,
    toml: "concurrency = 8\n[jobs]\nallow_past_start = true\n",
    storm: Duration::from_secs(6),
    limit: Duration::from_secs(200),
    daemons: 3,
    jobs: 120,
    kills: 14,
};

/// Theme of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Daemons are killed, and nothing else happens.
    Kills,
    /// Daemons are stopped past their leases, and killed.
    Stops,
    /// Zoom fails on both sides of the deed, and daemons are killed.
    Zoom,
    /// The network fails on both sides of the daemons, and they are killed.
    Network,
    /// Redis is killed and stopped, and daemons are killed.
    Redis,
    /// Redis comes back without its last moments.
    RolledBack,
    /// The clock of Redis jumps, and daemons are killed.
    Clock,
    /// Daemons are killed in the middle of rotations.
    Rotations,
    /// First window: stopped between the last look at the lease and the socket.
    StoppedAfterLook,
    /// Second window: the network delivers a request after the last look.
    LateNetwork,
    /// Third window: Zoom shows a meeting after the last look.
    LateList,
}

impl Kind {
    /// The row its twins belong to, if twins are what it is about.
    pub fn window(self) -> Option<&'static str> {
        match self {
            Self::StoppedAfterLook => Some("window: stopped after the last look"),
            Self::LateNetwork => Some("window: request delivered late"),
            Self::LateList => Some("window: meeting shown late"),
            _ => None,
        }
    }

    /// Duration of the faults: a window must be open longer than the last look takes.
    pub fn storm(self, scale: &Scale) -> Duration {
        if self.window().is_some() { scale.storm * 2 } else { scale.storm }
    }

    fn drawn(rng: &mut StdRng, scale: &Scale) -> Self {
        use Kind::*;
        let scaled: &[(Self, u32)] = &[
            (Kills, 35),
            (Stops, 8),
            (Zoom, 15),
            (Network, 10),
            (Redis, 8),
            (RolledBack, 8),
            (Clock, 6),
            (Rotations, 7),
            (StoppedAfterLook, 3),
            (LateNetwork, 3),
            (LateList, 3),
        ];
        let weights = if scale.pace == 1 { &[(Kills, 70), (Zoom, 30)] } else { scaled };
        let mut at = rng.random_range(0..weights.iter().map(|(_, w)| w).sum());
        for (kind, weight) in weights {
            if at < *weight {
                return *kind;
            }
            at -= weight;
        }
        Kills
    }
}

/// One thing that goes wrong.
#[derive(Debug, Clone)]
pub enum Blow {
    /// `kill -9`, wherever the daemon is.
    Kill,
    /// SIGSTOP, and SIGCONT after so long.
    Stop(Duration),
    /// `kill -9` of Redis, and a restart after so long.
    RedisKilled(Duration),
    /// Redis is stopped for so long.
    RedisStopped(Duration),
    /// Redis is killed, and what it wrote in the last so long is cut off.
    TailCut(Duration),
    /// Redis is killed, and files that are so old are put in place.
    OldFiles(Duration),
    /// The clock of Redis goes wrong by so many milliseconds.
    Clock(i64),
    /// A daemon's way to Redis.
    WayToRedis(Way, Duration),
    /// A daemon's way to Zoom.
    WayToZoom(Way, Duration),
    /// Something happens at Zoom.
    Fault(Fault),
}

/// Behaviour of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// It delivers.
    #[default]
    Open,
    /// Every connection ends, and new ones do.
    Cut,
    /// Nothing is delivered for a while.
    Hang,
    /// Requests go through, answers do not for a while.
    Deaf,
}

/// One round.
#[derive(Debug)]
pub struct Plan {
    /// Theme.
    pub kind: Kind,
    /// Faults in order: the time, the daemon, the fault.
    pub blows: Vec<(Duration, usize, Blow)>,
    /// Seams for daemons that start, in turn.
    pub seams: Vec<String>,
}

const JOB_SEAMS: [&str; 9] = [
    "read", "admitted", "claimed", "leaving", "answered", "looking", "looked", "settling",
    "settled",
];
const ROTATION_SEAMS: [&str; 8] =
    ["leased", "drained", "journalled", "intended", "before-send", "staged", "judged", "committed"];

impl Plan {
    /// The round of these dice.
    pub fn draw(rng: &mut StdRng, scale: &Scale) -> Self {
        let kind = Kind::drawn(rng, scale);
        let seams = (0..scale.kills * 4).map(|_| seam(kind, rng)).collect();
        let storm = kind.storm(scale);
        let mut blows = Vec::new();
        let mut at = Duration::from_millis(rng.random_range(50..300));
        let most = storm.as_millis() as u64;
        while at < storm {
            for blow in draw_blows(kind, scale, rng) {
                blows.push((at, rng.random_range(0..scale.daemons), blow));
            }
            let pause = match kind {
                Kind::RolledBack => most,
                Kind::Redis | Kind::Clock => most / 2,
                Kind::StoppedAfterLook | Kind::LateNetwork | Kind::LateList => most * 2,
                _ => most / 16,
            };
            at += Duration::from_millis(rng.random_range(pause / 2..=pause.max(2)));
        }
        Self { kind, blows, seams }
    }
}

fn seam(kind: Kind, rng: &mut StdRng) -> String {
    let among: &[&str] = match kind {
        Kind::Rotations => &ROTATION_SEAMS,
        Kind::StoppedAfterLook => return "leaving:stop:1".to_owned(),
        Kind::LateNetwork | Kind::LateList | Kind::RolledBack => return String::new(),
        Kind::Redis if rng.random_bool(0.3) => &["amending", "amended"],
        _ if rng.random_bool(0.1) => &["swept"],
        _ => &JOB_SEAMS,
    };
    let name = among[rng.random_range(0..among.len())];
    let pass = if kind == Kind::Rotations { 1 } else { rng.random_range(1..4) };
    format!("{name}:kill:{pass}")
}

fn draw_blows(kind: Kind, scale: &Scale, rng: &mut StdRng) -> Vec<Blow> {
    let heads = rng.random_bool(0.5);
    let mut ms = |from, to| Duration::from_millis(rng.random_range(from..to));
    let own = match kind {
        Kind::Kills => Blow::Kill,
        Kind::Stops => Blow::Stop(ms(300, 3_000)),
        Kind::Zoom => Blow::Fault(fault(rng, scale)),
        Kind::Network => {
            // Shorter than the last look takes: a request that is held comes before it.
            let time = ms(100, 1_200);
            let way = [Way::Cut, Way::Hang, Way::Deaf][rng.random_range(0..3)];
            if heads { Blow::WayToRedis(way, time) } else { Blow::WayToZoom(way, time) }
        }
        Kind::Redis if heads => Blow::RedisKilled(ms(10, 800)),
        Kind::Redis => Blow::RedisStopped(ms(100, 2_500)),
        Kind::RolledBack if heads => Blow::TailCut(ms(300, 1_900)),
        Kind::RolledBack => Blow::OldFiles(ms(300, 1_900)),
        Kind::Clock => Blow::Clock(rng.random_range(-3_000..5_000)),
        Kind::LateNetwork => Blow::WayToZoom(Way::Hang, kind.storm(scale) - ms(500, 1_000)),
        Kind::LateList => {
            return vec![Blow::Fault(Fault::new(Endpoint::Create, What::Drop).after().times(6))];
        }
        Kind::Rotations | Kind::StoppedAfterLook => return Vec::new(),
    };
    let alone = matches!(kind, Kind::Kills | Kind::RolledBack | Kind::LateNetwork);
    if alone || rng.random_bool(0.5) { vec![own] } else { vec![own, Blow::Kill] }
}

fn fault(rng: &mut StdRng, scale: &Scale) -> Fault {
    let at = match rng.random_range(0..16) {
        0..7 => Endpoint::Create,
        7..9 => Endpoint::List,
        9..11 => Endpoint::Get,
        11..13 => Endpoint::Update,
        13..15 => Endpoint::Delete,
        _ => Endpoint::Status,
    };
    let delay = u64::from(3_000 / scale.pace.min(3));
    let what = match rng.random_range(0..13) {
        0 => What::Status(500),
        1 if rng.random_bool(0.5) => What::Status(503),
        1 => What::Busy { status: 503, retry_after: rng.random_range(1..3).to_string() },
        2 => What::Html(502),
        3 => What::Xml(500),
        4 => What::Drop,
        5 => What::Reset,
        6 => What::Hang,
        7 => What::HalfReply(40),
        8 => What::MalformedJson,
        9 => What::DelayMs(rng.random_range(50..delay)),
        10 => return Fault::new(Endpoint::Get, What::Missing),
        // A 4xx to a create says that it made nothing; to a search it says nothing.
        11 => {
            let at = if rng.random_bool(0.7) { Endpoint::List } else { Endpoint::Get };
            return Fault::new(at, refusal(rng));
        }
        _ if rng.random_bool(0.5) => return Fault::new(at, What::Unauthorized),
        _ => return Fault::new(at, What::Limit(LimitKind::PerSecond)),
    };
    let fault = Fault::new(at, what);
    if rng.random_bool(0.6) { fault.after() } else { fault }
}

/// A refusal in Zoom's form.
fn refusal(rng: &mut StdRng) -> What {
    const REFUSALS: [(u16, &str); 4] = [
        (400, r#"{"code":300,"message":"The next page token is invalid or expired."}"#),
        (403, r#"{"code":200,"message":"No permission."}"#),
        (404, r#"{"code":1001,"message":"User does not exist."}"#),
        (400, r#"{"code":4711,"message":"Invalid access token, does not contain scopes."}"#),
    ];
    let (status, body) = REFUSALS[rng.random_range(0..REFUSALS.len())];
    What::Body { status, content_type: "application/json".into(), body: body.into() }
}
