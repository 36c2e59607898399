//! The lines every script begins with. They end the script before its first write, so
//! that nothing is half written, where
//! - the namespace has another layout than this version knows;
//! - the Redis user lacks the right to a command or a key that the script names:
//!   a right can be taken away at any time;
//! - a key of which there is one holds something of another type.
//!
//! The commands and keys are read from the script's own text. `PUBLISH` is not asked for:
//! scripts send it with `redis.pcall`, since a lost wake-up only delays. Nor are the types
//! of keys that scripts touch with `redis.pcall` alone, and without which all goes on.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::commands::{Command, IN_SCRIPTS};
use crate::Keys;
use crate::keys::LAYOUT;

/// Single keys whose types are not checked: the counters, and the register of meetings.
const OPTIONAL: [&str; 3] = ["stats", "meeting_months", "meeting_earlier"];

/// Error for a missing right.
const REFUSED: &str = "NOPERM the Redis user of zoomd lacks a right, and nothing was written; \
                       zoomd doctor names it";

/// Answers an error about a key of a wrong type, else nothing.
const WRONG: &str = "\
local function wrong(command, key)
  local size = redis.pcall(command, key)
  if type(size) ~= 'table' then return nil end
  if not string.find(size.err, 'WRONGTYPE', 1, true) then return size end
  return redis.error_reply('WRONGTYPE ' .. key .. ' holds something that is not ours')
end
";

/// The lines to put before `text`: the first refuses another layout, and tells whether
/// everything is paused. A namespace without a layout passes; Redis forgot everything,
/// and all is made again.
pub(crate) fn lead(text: &str) -> String {
    layout() + &lead_of_any_layout(text)
}

fn layout() -> String {
    format!(
        "local layout, everything_paused = unpack(redis.call('HMGET', KEYS[1] .. 'meta', 'layout', 'paused'))\n\
         if layout and layout ~= '{LAYOUT}' \
         then return redis.error_reply('LAYOUT the namespace has layout ' .. layout .. ', and this zoomd \
         knows {LAYOUT}') end\n"
    )
}

/// Lead without the check of the layout; empty for a script that only reads.
pub(crate) fn lead_of_any_layout(text: &str) -> String {
    let code = without_comments(text);
    if !commands(&code).any(|command| command.writes) {
        return String::new();
    }
    let types = types(&code);
    rights(&(code + &types)) + &types
}

/// Asks for the rights. A server before 7.0 cannot be asked by a script.
fn rights(code: &str) -> String {
    let keys = keys(code);
    let Some((first, others)) = keys.split_first() else { return String::new() };
    let mut lines = String::from("local check = redis.acl_check_cmd\nif check then\n");
    let _ = write!(lines, "  local P = KEYS[1]\n  local key = {first}\n");
    lines.push_str("  if not (check('UNLINK', key");
    others.iter().for_each(|key| lines += &format!(", {key}"));
    lines.push(')');
    for command in commands(code) {
        let _ = write!(lines, "\n    and check('{}'", command.name);
        for word in command.words("K") {
            let _ = match word {
                "K" => write!(lines, ", key"),
                word => write!(lines, ", '{word}'"),
            };
        }
        lines.push(')');
    }
    let _ = write!(lines, ") then return redis.error_reply('{REFUSED}') end\nend\n");
    lines
}

/// Asks for the types of keys of which there is one. The short scripts, those without
/// base.lua and rooms.lua, see to that themselves.
fn types(code: &str) -> String {
    if !["local CHUNK", "local RECONCILE"].iter().any(|line| code.contains(line)) {
        return String::new();
    }
    let named = classes(code);
    let asked: Vec<_> = Keys::SINGLE
        .iter()
        .filter(|(name, _)| !OPTIONAL.contains(name) && named.contains(name))
        .map(|(name, kind)| {
            let size = if *kind == "hash" { "HLEN" } else { "ZCARD" };
            format!("wrong('{size}', KEYS[1] .. '{name}')")
        })
        .collect();
    if asked.is_empty() {
        return String::new();
    }
    format!("{WRONG}local misfit = {}\nif misfit then return misfit end\n", asked.join(" or "))
}

/// The commands in a script's code.
pub(crate) fn commands(code: &str) -> impl Iterator<Item = Command> {
    let words: BTreeSet<&str> = quoted(code).collect();
    IN_SCRIPTS.iter().copied().filter(move |command| words.contains(command.name))
}

/// The keys in a script's code, as Lua makes them: one of each class.
fn keys(code: &str) -> Vec<String> {
    let mut keys: Vec<String> =
        classes(code).into_iter().map(|class| format!("P .. '{class}'")).collect();
    keys.extend((2..=5).map(|n| format!("KEYS[{n}]")).filter(|key| code.contains(key.as_str())));
    if quoted(code).any(|word| word == "RPUSH") {
        // `<ns>:reply:` stands beside `<ns>:v1:`.
        keys.push("string.sub(P, 1, -4) .. 'reply:'".to_owned());
    }
    keys
}

/// The classes of private keys in a script's code.
pub(crate) fn classes(code: &str) -> BTreeSet<&str> {
    code.split("P .. '")
        .skip(1)
        .filter_map(|rest| rest.split_once('\'').map(|(class, _)| class))
        .filter(|class| *class != "wake")
        .collect()
}

/// The text of a script without its comments.
pub(crate) fn without_comments(text: &str) -> String {
    let code = |line: &'_ str| line.split_once("--").map_or(line, |(code, _)| code).to_owned();
    text.lines().map(code).collect::<Vec<_>>().join("\n")
}

/// Everything in single quotes.
fn quoted(code: &str) -> impl Iterator<Item = &str> {
    code.split('\'').skip(1).step_by(2)
}
