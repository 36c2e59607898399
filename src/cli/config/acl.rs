//! `zoomd config acl`: Redis users for zoomd, producers, consumers and readers of
//! the configured namespace. SECURITY.md shows the same lines; a test compares them.

use serde::Serialize;

use crate::cli::ctx::Ctx;
use crate::error::CliResult;
use crate::exit::Exit;

/// Placeholder of every password: no secret is printed or taken.
const PASSWORD: &str = "on >PASSWORD";

/// One user and the command that makes it.
#[derive(Debug, Serialize)]
struct User {
    user: &'static str,
    command: String,
}

/// Prints one `ACL SETUSER` for each user.
pub(super) fn run(ctx: &Ctx) -> CliResult {
    let users = users(&ctx.config.namespace);
    ctx.out.show(&users, || users.iter().map(|user| format!("{}\n", user.command)).collect())?;
    Ok(Exit::Done)
}

/// The users, and what each may do on the keys of `ns`.
fn users(ns: &str) -> [User; 4] {
    let rules = [
        ("zoomd", format!("~{ns}:* resetchannels &{ns}:* +@all -@admin -@dangerous +info +role")),
        ("producer", format!("~{ns}:jobs ~{ns}:reply:* +xadd +xlen +blmove +ping")),
        (
            "consumer",
            format!(
                "~{ns}:results ~{ns}:failures ~{ns}:events +xread +xreadgroup +xack +xautoclaim \
                 +xclaim +xpending +xgroup +xinfo +xrange +xrevrange +xlen +ping"
            ),
        ),
        (
            "reader",
            format!("~{ns}:* resetchannels +@read +@connection -@dangerous +info +role +time"),
        ),
    ];
    rules.map(|(user, rules)| User {
        user,
        command: format!("ACL SETUSER {user} {PASSWORD} {rules}"),
    })
}
