//! Completion: what fits at the cursor, never a file's name where none is meant,
//! and never a wait or an error in the line that is being typed.

use std::process::Command;
use std::time::{Duration, Instant};

use clap::ValueHint;
use zoomd::cli::completions;

use crate::support::{Ran, Rig, finish, job, zoomd};

/// The command in which a shell asks about the last of these words.
fn asking(rig: &Rig, words: &[&str]) -> Command {
    let mut command = rig.command(&[&["--", "zoomd"], words].concat());
    command.env("ZOOMD_COMPLETE", "bash").env("_CLAP_IFS", "\n");
    command.env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    command
}

fn offered(rig: &Rig, words: &[&str]) -> Vec<String> {
    let ran = finish(asking(rig, words), "").expect(0);
    assert!(ran.stderr.is_empty(), "{ran:?}");
    ran.stdout.lines().filter(|word| !word.starts_with('-')).map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn accounts_states_plans_codes_and_ids_are_offered() {
    let rig = Rig::start().await;
    for account in ["acme", "acme-2", "globex"] {
        rig.connect(account);
    }
    let mut daemon = rig.daemon();
    for (account, id) in [("acme", "good"), ("nobody", "bad")] {
        rig.xadd(&job(account, id)).await;
        rig.outcome(id).await;
    }
    let meeting = rig.outcome("good").await.1["meeting"]["id"].to_string();
    daemon.stop();
    rig.xadd(&job("acme", "next")).await;
    let failure = rig.run(&["failure", "list", "--output", "quiet"]).expect(0).stdout;
    let states = ["active", "needs_reauth", "superseded", "wrong_app", "removed"];
    for (words, wanted) in [
        (&["account", "show", ""][..], &["acme", "acme-2", "globex"][..]),
        (&["account", "show", "acme"], &["acme", "acme-2"]),
        (&["account", "login", "g"], &["globex"]),
        (&["enqueue", "--account", "ac"], &["acme", "acme-2"]),
        (&["enqueue", "--account=g"], &["--account=globex"]),
        (&["result", "tail", "--account", "x"], &[]),
        (&["--namespace", "other", "account", "show", ""], &[]),
        (&["--namespace", "zo"], &["zoomd"]),
        (&["account", "list", "--state", ""], &states),
        (&["account", "set", "acme", "--plan", ""], &["free", "pro", "business", "unlimited"]),
        (&["job", "list", "--state", "s"], &["sleeping"]),
        (&["job", "show", ""], &["next", "good", "bad"]),
        (&["job", "cancel", ""], &["next"]),
        (&["job", "cancel", "next", "n"], &["next"]),
        (&["failure", "show", ""], &[failure.trim()]),
        (&["failure", "list", "--code", "outcome"], &["outcome_unknown"]),
        (&["meeting", "show", "acme", ""], &[&meeting]),
        (&["enqueue", "--priority", ""], &["high", "normal", "low"]),
        (&["help", "e"], &["environment", "exit-codes", "enqueue"]),
        (&["job", "l"], &["list"]),
    ] {
        let all = finish(asking(&rig, words), "").expect(0).stdout;
        let found = if words.last().is_some_and(|word| word.contains('=')) {
            all.lines().map(ToOwned::to_owned).collect()
        } else {
            offered(&rig, words)
        };
        assert_eq!(found, wanted, "{words:?}");
    }
    // Every state that is offered is taken.
    for state in offered(&rig, &["job", "list", "--state", ""]) {
        rig.run(&["job", "list", "--state", &state]).expect(0);
    }
}

/// The script itself, in a shell.
#[tokio::test]
async fn the_script_works_in_bash() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let bin = rig.dir.path().join("bin");
    std::fs::create_dir(&bin).expect("made");
    std::os::unix::fs::symlink(zoomd(rig.dir.path(), &[]).get_program(), bin.join("zoomd"))
        .expect("linked");
    let script = "source <(zoomd completions bash); \
        COMP_WORDS=(zoomd account show ''); COMP_CWORD=3; COMP_TYPE=9; \
        _clap_complete_zoomd zoomd '' show; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    for (name, value) in rig.command(&[]).get_envs() {
        bash.env(name, value.unwrap_or_default());
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    bash.args(["-c", script]).env("PATH", path).current_dir(rig.dir.path());
    let ran: Ran = finish(bash, "").expect(0);
    assert!(ran.stderr.is_empty() && ran.stdout.lines().any(|word| word == "acme"), "{ran:?}");
}

#[test]
fn no_file_is_offered_where_none_is_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a-file"), "").expect("written");
    let mut tree = completions::tree();
    tree.build();
    let (mut files, mut others) = (0, 0);
    let mut commands = vec![(Vec::new(), &tree)];
    while let Some((path, command)) = commands.pop() {
        for sub in command.get_subcommands() {
            commands.push(([&path[..], &[sub.get_name()]].concat(), sub));
        }
        for arg in
            command.get_arguments().filter(|arg| arg.get_num_args().expect("built").takes_values())
        {
            let flag = arg.get_long().map(|long| format!("--{long}"));
            let mut words: Vec<_> = std::iter::once("zoomd").chain(path.iter().copied()).collect();
            words.extend(flag.as_deref());
            // A positional one stands behind those before it.
            words.extend((1..arg.get_index().unwrap_or(1)).map(|_| "x"));
            words.push("a-");
            let at = words.len() - 1;
            let words: Vec<_> = words.iter().map(Into::into).collect();
            let found = clap_complete::engine::complete(
                &mut completions::tree(),
                words,
                at,
                Some(folder.path()),
            );
            let found = found.expect("an answer");
            let names: Vec<_> = found.iter().map(|found| found.get_value().to_owned()).collect();
            let meant = arg.get_value_hint() == ValueHint::AnyPath && !names.is_empty();
            assert_eq!(
                names.iter().any(|name| name == "a-file"),
                meant,
                "{path:?} {:?}",
                arg.get_id()
            );
            if meant { files += 1 } else { others += 1 }
        }
    }
    assert!(files >= 7 && others > 60, "{files} take files, {others} do not");
}

#[tokio::test]
async fn a_redis_that_is_away_or_silent_costs_a_second_and_shows_nothing() {
    let mut rig = Rig::start().await;
    // A server that accepts connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_at = format!("redis://{}", silent.local_addr().expect("an address"));
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let away = format!("redis://{}", free.expect("a port"));
    for url in [silent_at.as_str(), &away, "nonsense"] {
        rig.set("ZOOMD_REDIS_URL", url);
        for words in [&["account", "show", ""], &["job", "show", ""], &["failure", "show", ""]] {
            let begun = Instant::now();
            assert!(offered(&rig, words).is_empty(), "{url} {words:?}");
            assert!(begun.elapsed() < Duration::from_secs(5), "{url}: {:?}", begun.elapsed());
        }
    }
    // Candidates that need no Redis are offered anyway.
    assert_eq!(offered(&rig, &["account", "set", "a", "--plan", "b"]), ["business"]);
    // A shell that zoomd does not know, and words that are no command.
    for (shell, words) in [("tcsh", &["job"][..]), ("bash", &["nonsense", "--x", ""])] {
        let mut command = asking(&rig, words);
        command.env("ZOOMD_COMPLETE", shell);
        let ran = finish(command, "").expect(0);
        assert!(ran.stderr.is_empty(), "{shell}: {ran:?}");
    }
}
