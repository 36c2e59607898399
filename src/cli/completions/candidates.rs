//! Candidates for the values of arguments. Those in Redis are read within a short
//! limit; whatever fails offers nothing and prints nothing. Only reads.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter as _};
use zoomd_store::grants::{AccountState, Plan};
use zoomd_store::inspect::{FailureFilter, JobFilter, Ops};
use zoomd_store::streams::{self, Stream};
use zoomd_store::{Store, StoreError, neighbours};
use zoomd_wire::FailureCode;

use crate::config::Config;

/// Time within which Redis answers, connecting included.
const LIMIT: Duration = Duration::from_millis(800);
/// Most candidates of one kind.
const MOST: usize = 100;
/// States of jobs without an outcome.
const JOB_STATES: [&str; 5] = ["queued", "waiting", "sleeping", "running", "reconciling"];

/// Candidates that begin with what is typed.
pub(super) type Candidates = fn(&OsStr) -> Vec<CompletionCandidate>;

/// Candidates of the values of this name in the command of this path; `None` for
/// free text.
pub(super) fn of(path: &str, value: &str) -> Option<Candidates> {
    Some(match (path, value) {
        (_, "ACCOUNT") => |typed| from_redis(typed, accounts),
        (_, "NAME") => |typed| from_redis(typed, namespaces),
        (" zoomd job cancel" | " zoomd job watch", "JOB") => |typed| from_redis(typed, live_jobs),
        (_, "JOB") => |typed| from_redis(typed, jobs),
        (_, "FAILURE") => |typed| from_redis(typed, failures),
        (_, "MEETING") => |typed| from_redis(typed, meetings),
        (" zoomd job list", "STATE") => |typed| words(typed, JOB_STATES),
        (" zoomd account list", "STATE") => {
            |typed| words(typed, AccountState::ALL.iter().map(|state| state.as_str()))
        }
        (_, "PLAN") => |typed| words(typed, Plan::ALL.iter().map(|plan| plan.as_str())),
        (_, "CODE") => |typed| words(typed, FailureCode::ALL.iter().map(|code| code.as_str())),
        (_, "PRIORITY") => |typed| words(typed, ["high", "normal", "low"]),
        (_, "TYPE") => |typed| words(typed, ["1", "2", "3", "8"]),
        (_, "USER") => |typed| words(typed, ["me"]),
        (_, "TOPIC") => |typed| {
            let tree = crate::cli::tree();
            let commands = tree.get_subcommands().map(|command| command.get_name().to_owned());
            let topics = crate::cli::topic::TOPICS.map(ToOwned::to_owned);
            words(typed, topics.into_iter().chain(commands).collect::<Vec<_>>())
        },
        (_, "FOLDER") => |typed| PathCompleter::dir().complete(typed),
        _ => return None,
    })
}

fn words<S: Into<String>>(
    typed: &OsStr,
    words: impl IntoIterator<Item = S>,
) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let fitting = words.into_iter().map(Into::into).filter(|word| word.starts_with(&*typed));
    fitting.take(MOST).map(CompletionCandidate::new).collect()
}

/// Candidates from a search in Redis, within the time limit.
fn from_redis<F>(typed: &OsStr, search: impl Fn(Store, String) -> F) -> Vec<CompletionCandidate>
where
    F: Future<Output = Result<Vec<String>, StoreError>>,
{
    let begun = typed.to_string_lossy().into_owned();
    let found = || {
        let config = config(&typed_before())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let found = runtime.block_on(async {
            let search = async { search(Store::open(&config.store())?, begun).await };
            tokio::time::timeout(LIMIT, search).await.ok()?.ok()
        });
        // A look-up of a name that hangs is left behind.
        runtime.shutdown_background();
        found
    };
    words(typed, found().unwrap_or_default())
}

/// The words of the command line that is being typed.
fn typed_before() -> Vec<OsString> {
    std::env::args_os().skip_while(|word| word != "--").skip(1).collect()
}

/// The configuration under the global flags of that line.
fn config(words: &[OsString]) -> Option<Config> {
    let flag = |name: &str| {
        let at = words.iter().position(|word| {
            word.to_str().is_some_and(|word| word.split('=').next() == Some(name))
        })?;
        let word = words[at].to_str()?;
        match word.split_once('=') {
            Some((_, value)) => Some(value.to_owned()),
            // Bash makes a word of the sign.
            None => words[at + 1..].iter().find(|word| *word != "=")?.to_str().map(str::to_owned),
        }
    };
    let flags = flag("--namespace").map(|name| ("namespace", name, "--namespace"));
    let file = flag("--config").or_else(|| std::env::var("ZOOMD_CONFIG").ok());
    let file = file.filter(|file| !file.is_empty()).map(PathBuf::from);
    Config::load(file.as_deref(), flags.into_iter().collect()).ok()
}

async fn accounts(store: Store, typed: String) -> Result<Vec<String>, StoreError> {
    Ops::new(store).account_names(just_before(&typed).as_deref(), MOST).await
}

/// A text before all that begin so, and after all others before them. Names are
/// ASCII without control characters.
fn just_before(typed: &str) -> Option<String> {
    let last = typed.bytes().last().filter(u8::is_ascii)?;
    let begin = &typed[..typed.len() - 1];
    Some(format!("{begin}{}\u{7f}", char::from(last.saturating_sub(1))))
}

async fn namespaces(store: Store, _: String) -> Result<Vec<String>, StoreError> {
    Ok(neighbours::known(&store, 20).await?.0)
}

async fn live_jobs(store: Store, _: String) -> Result<Vec<String>, StoreError> {
    let all = JobFilter { account: None, state: None };
    let (jobs, _) = Ops::new(store).jobs(&all, MOST).await?;
    Ok(jobs.into_iter().map(|job| job.id).collect())
}

/// Jobs without an outcome, then those of the newest outcomes.
async fn jobs(store: Store, typed: String) -> Result<Vec<String>, StoreError> {
    let mut ids = live_jobs(store.clone(), typed).await?;
    for stream in [Stream::Results, Stream::Failures] {
        let newest = streams::latest(&store, stream, MOST).await?;
        for id in newest.iter().map(|item| item.field("job_id").to_owned()) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    Ok(ids)
}

async fn failures(store: Store, _: String) -> Result<Vec<String>, StoreError> {
    let all = FailureFilter { account: None, code: None, since_ms: None };
    let (lines, _) = Ops::new(store).failures(&all, None).await?;
    Ok(lines.into_iter().map(|line| line.id).collect())
}

/// Numbers of the meetings that the newest results name.
async fn meetings(store: Store, _: String) -> Result<Vec<String>, StoreError> {
    let newest = streams::latest(&store, Stream::Results, MOST).await?;
    let number = |text: &str| {
        let result: serde_json::Value = serde_json::from_str(text).ok()?;
        Some(result["meeting"]["id"].as_u64()?.to_string())
    };
    Ok(newest.iter().filter_map(|item| number(item.field("result"))).collect())
}

#[cfg(test)]
mod tests {
    use super::just_before;

    #[test]
    fn a_page_begins_before_the_first_name_that_fits() {
        assert_eq!(just_before(""), None);
        let start = just_before("ac").expect("a text");
        for (name, later) in [("ab", false), ("abz@_", false), ("ac", true), ("acme", true)] {
            assert_eq!(name > start.as_str(), later, "{name}");
        }
    }
}
