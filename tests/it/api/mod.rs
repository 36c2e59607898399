//! `/api/v1` of a daemon, asked as any program would.

mod access;
mod accounts;
mod audit;
mod failures;
mod hanging;
mod jobs;
mod live;
mod openapi;
mod reads;
mod roles;

use crate::support::http::{Answer, Ask};
use crate::support::{Daemon, Rig};

/// A token of each role, in the file that the daemon reads.
pub struct Tokens {
    pub read: String,
    pub enqueue: String,
    pub operate: String,
}

/// Makes a token with the command.
pub fn token(rig: &Rig, name: &str, role: &str) -> String {
    let made = rig.run(&["config", "token", name, "--role", role]).expect(0);
    made.stdout.trim().to_owned()
}

/// A rig with tokens, and they.
pub fn with_tokens(rig: &mut Rig) -> Tokens {
    let file = rig.dir.path().join("api_tokens");
    rig.set("ZOOMD_API_TOKENS_FILE", &file.display().to_string());
    Tokens {
        read: token(rig, "grafana", "read"),
        enqueue: token(rig, "shop", "enqueue"),
        operate: token(rig, "ada", "operate"),
    }
}

pub fn ask(daemon: &Daemon, ask: &Ask) -> Answer {
    ask.send(&daemon.address())
}
