//! A script that Redis refuses a command writes all or nothing.

mod cases;
mod start;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use redis::Value;

use super::commands::IN_SCRIPTS;
use super::lead::{classes, commands, without_comments};
use crate::Keys;
use crate::redis::scripts;
use cases::{CASES, Case};
use world::{CLOCK, NOW, World};

type View = BTreeMap<String, String>;

fn text_of(case: &Case) -> &'static str {
    let found = scripts::all().into_iter().find(|(name, _)| *name == case.script);
    found.unwrap_or_else(|| panic!("{} is no script", case.script)).1.text()
}

fn call(case: &Case) -> redis::Cmd {
    let keys: Vec<_> = case.keys.split_whitespace().collect();
    let mut cmd = redis::cmd("EVAL");
    cmd.arg(text_of(case)).arg(keys.len() + 1).arg("w:v1:").arg(keys);
    match case.script {
        "tick_claim" => cmd.arg("daily").arg(NOW).arg(60),
        "rights" => cmd.arg("w:v1:").arg(2).arg("TYPE").arg("w:v1:ids"),
        _ => cmd.arg(CLOCK),
    };
    for word in case.args.split_whitespace() {
        cmd.arg(if word == "''" { String::new() } else { word.replace('_', " ") });
    }
    cmd
}

/// State of the world after a call that meets no error, and its reply.
async fn reference(world: &World, case: &Case) -> (View, View, Value) {
    world.reset(case.given).await;
    let before = world.view().await;
    let answer = world.admin.value(&call(case)).await;
    let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", case.script));
    (before, world.view().await, answer)
}

fn difference(one: &View, other: &View) -> String {
    let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let none = String::new();
    keys.into_iter()
        .map(|key| (key, one.get(key).unwrap_or(&none), other.get(key).unwrap_or(&none)))
        .filter(|(_, a, b)| a != b)
        .map(|(key, a, b)| format!("\n  {key}\n    {a}\n    {b}"))
        .collect()
}

#[test]
fn every_script_has_a_case_and_is_in_the_list() {
    let listed: BTreeSet<_> = scripts::all().into_iter().map(|(name, _)| name.to_owned()).collect();
    let tried: BTreeSet<_> = CASES.iter().map(|case| case.script.to_owned()).collect();
    assert_eq!(listed, tried);
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lua");
    let files: BTreeSet<_> = ["accounts", "admin", "limits", "queue"]
        .into_iter()
        .flat_map(|group| std::fs::read_dir(folder.join(group)).expect("the scripts"))
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "lua"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(listed, files);
}

#[test]
fn scripts_name_the_keys_of_the_list_and_no_others() {
    let known = |class: &str| {
        let single = Keys::SINGLE.iter().any(|(name, _)| *name == class);
        single || Keys::CLASSES.iter().any(|known| class.starts_with(known))
    };
    for (name, script) in scripts::all() {
        let code = without_comments(script.text());
        let strangers: Vec<_> = classes(&code).into_iter().filter(|c| !known(c)).collect();
        assert!(strangers.is_empty(), "{name}: {strangers:?}");
    }
}

#[test]
fn every_script_but_those_that_raise_it_begins_with_the_layout() {
    for (name, script) in scripts::all() {
        let first = script.text().lines().next().unwrap_or_default();
        let any = ["meta_open", "rights", "layout_begin", "layout_move", "layout_end"];
        let found = match name {
            // A refusal by the guard ends the watch, too.
            "settle_guard" => script.text().contains("LAYOUT the namespace"),
            _ => first.starts_with(
                "local layout, everything_paused = unpack(redis.call('HMGET', KEYS[1]",
            ),
        };
        assert_eq!(found, !any.contains(&name), "{name}: {first}");
    }
}

/// A command that is not in the table would be in no check of rights.
#[test]
fn every_command_of_a_script_is_known() {
    for (name, script) in scripts::all() {
        let code = without_comments(script.text());
        for opening in ["call('", "try('", "variadic('", "try_all('"] {
            for found in code.split(opening).skip(1) {
                let command = found.split('\'').next().expect("a word");
                let known = IN_SCRIPTS.iter().any(|known| known.name == command);
                assert!(
                    known || ["TIME", "INFO", "PUBLISH", "SCAN"].contains(&command),
                    "{name}: {command} is missing in rights/commands.rs"
                );
            }
        }
        let raises =
            code.matches(".call('PUBLISH'").count() + code.matches(" call('PUBLISH'").count();
        assert_eq!(raises, 0, "{name}: PUBLISH may be refused, and goes through redis.pcall");
    }
}

/// The rights of a user who lacks one of those that the script uses, by what is lacking.
fn lacking(case: &Case) -> Vec<(String, String)> {
    let code = without_comments(text_of(case));
    let mut all: Vec<_> = commands(&code)
        .map(|command| command.name)
        .chain(["PUBLISH"])
        .map(|name| (name.to_owned(), format!("+@all -{} ~* &*", name.to_lowercase())))
        .collect();
    let keys: BTreeSet<String> = classes(&code)
        .into_iter()
        .map(|class| format!("w:v1:{class}{}", if class.ends_with(':') { "*" } else { "" }))
        .chain(case.keys.split_whitespace().map(str::to_owned))
        .chain(["w:reply:*".to_owned()])
        .collect();
    for key in &keys {
        let others: Vec<_> =
            keys.iter().filter(|other| *other != key).map(|other| format!("~{other}")).collect();
        all.push((key.clone(), format!("+@all &* {}", others.join(" "))));
    }
    all.push(("the channel".to_owned(), "+@all ~* resetchannels".to_owned()));
    all
}

/// State after a call. The key that ends a watch is no write to the queue, so it is left out.
async fn seen_after(world: &World, case: &Case) -> View {
    let mut view = world.view().await;
    if case.script == "settle_guard" {
        view.remove("w:v1:revoked:boot1");
    }
    view
}

/// Reason why a call with a refused command left neither all of its writes nor none.
fn judge(
    what: &str,
    answer: &Result<Value, redis::RedisError>,
    found: &View,
    before: &View,
    after: &View,
) -> Option<String> {
    match answer {
        Ok(_) if found != after => Some(format!("{what}, answered:{}", difference(found, after))),
        Err(error) if found != before => {
            Some(format!("{what}: {error}{}", difference(found, before)))
        }
        _ => None,
    }
}

#[tokio::test]
async fn a_right_that_is_missing_leaves_nothing_half_written() {
    let world = World::new().await;
    let mut wrong = Vec::new();
    for case in CASES {
        let (before, after, _) = reference(&world, case).await;
        for (right, acl) in lacking(case) {
            world.reset(case.given).await;
            world.acl(&acl).await;
            let answer = world.user.value(&call(case)).await;
            let what = format!("{} {} without {right}", case.script, case.args);
            wrong.extend(judge(&what, &answer, &seen_after(&world, case).await, &before, &after));
        }
    }
    assert!(wrong.is_empty(), "{} calls:\n{}", wrong.len(), wrong.join("\n"));
}

/// A server that takes no writes: it is full, or has no replica although one is demanded.
#[tokio::test]
async fn a_redis_that_takes_no_writes_leaves_nothing_half_written() {
    let world = World::new().await;
    let mut wrong = Vec::new();
    for case in CASES {
        let (before, after, _) = reference(&world, case).await;
        for (setting, on) in [("maxmemory", "1"), ("min-replicas-to-write", "1")] {
            world.reset(case.given).await;
            world.config(setting, on).await;
            let answer = world.admin.value(&call(case)).await;
            world.config(setting, "0").await;
            let what = format!("{} with {setting} {on}", case.script);
            wrong.extend(judge(&what, &answer, &seen_after(&world, case).await, &before, &after));
        }
    }
    assert!(wrong.is_empty(), "{} calls:\n{}", wrong.len(), wrong.join("\n"));
}

/// Number of published outcomes of each job.
fn outcomes(view: &View) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for stream in ["w:results", "w:failures"] {
        let Some(entries) = view.get(stream) else { continue };
        for id in ["hot", "cold", "fifth", "fresh", "waits", "sleeps", "new"] {
            let named = format!("bulk-string('\"{id}\"')");
            *found.entry(id.to_owned()).or_default() += entries.matches(&named).count();
        }
    }
    found
}

/// A key of ours that somebody overwrote. A script that raises has written nothing;
/// one that goes on says so of the jobs it concerns, and what it does is whole: done
/// again when the key is mended, each job has one outcome.
#[tokio::test]
async fn a_key_of_a_wrong_type_leaves_nothing_half_written() {
    let world = World::new().await;
    let mut wrong = Vec::new();
    for case in CASES {
        let (before, after, _) = reference(&world, case).await;
        let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for key in keys {
            world.reset(case.given).await;
            let whole = world.dump(key).await;
            world.overwrite(key).await;
            let damaged = world.view().await;
            let answer = world.admin.value(&call(case)).await;
            let found = seen_after(&world, case).await;
            let what = format!("{} with {key} overwritten", case.script);
            if let Err(error) = &answer
                && found != damaged
            {
                wrong.push(format!("{what}: {error}{}", difference(&found, &damaged)));
            }
            world.mend(key, &whole).await;
            let _ = world.admin.value(&call(case)).await;
            let again = outcomes(&world.view().await);
            if again != outcomes(&after) {
                wrong.push(format!("{what}, then mended: {again:?}, not {:?}", outcomes(&after)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} calls:\n{}", wrong.len(), wrong.join("\n"));
}
