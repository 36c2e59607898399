//! A request to act: the verb, and one thing or a filter.

use serde::Deserialize;
use zoomd_store::admin::Target;
use zoomd_store::inspect::{FailureFilter, JobQuery, JobView, Ops, State as JobState};

use super::answer::Refused;
use super::jobs::jobs_of;
use super::show::segment;
use crate::actor::Role;
use crate::text::count;

/// Pages of a search that are read for one act.
const PAGES: usize = 20;

/// Acts that a page offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verb {
    /// Cancel jobs.
    Cancel,
    /// Run failed jobs again.
    Retry,
    /// Remove failures from the list.
    Discard,
    /// Hold back an account.
    PauseAccount,
    /// Let an account go on.
    ResumeAccount,
    /// Get a new access token of an account.
    RefreshAccount,
    /// Make a link with which somebody connects an account.
    ConnectLink,
    /// Remove an account.
    RemoveAccount,
    /// Hold back everything.
    Pause,
    /// Let everything go on.
    Resume,
}

impl Verb {
    /// The role that it takes.
    pub(super) fn role(self) -> Role {
        if self == Self::Cancel { Role::Enqueue } else { Role::Operate }
    }

    /// True for one that is not done without a reason.
    pub(super) fn asks_why(self) -> bool {
        matches!(
            self,
            Self::Cancel | Self::Discard | Self::PauseAccount | Self::RemoveAccount | Self::Pause
        )
    }

    /// The word of the button.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Cancel => "Cancel",
            Self::Retry => "Retry",
            Self::Discard => "Discard",
            Self::PauseAccount | Self::Pause => "Pause",
            Self::ResumeAccount | Self::Resume => "Resume",
            Self::RefreshAccount => "Refresh",
            Self::ConnectLink => "Make",
            Self::RemoveAccount => "Remove",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Discard => "discard",
            Self::PauseAccount => "pause_account",
            Self::ResumeAccount => "resume_account",
            Self::RefreshAccount => "refresh_account",
            Self::ConnectLink => "connect_link",
            Self::RemoveAccount => "remove_account",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }

    /// The effect, in one sentence.
    pub(super) fn effect(self) -> &'static str {
        match self {
            Self::Cancel => {
                "Each ends as a failure with the code cancelled. A job in flight continues."
            }
            Self::Retry => "Each starts a new run. Where a call was lost, checks with Zoom first.",
            Self::Discard => "They leave the list of failures. The public stream keeps them.",
            Self::PauseAccount => {
                "Its jobs wait until it is resumed. Calls in flight end as usual."
            }
            Self::ResumeAccount => "Its jobs run again, in their order.",
            Self::RefreshAccount => {
                "Zoom gives it a new access token now. Jobs continue with the new one."
            }
            Self::ConnectLink => {
                "The person who opens the link connects a Zoom user as this account, once. It is \
                 shown once: give it to nobody but the person who is to consent."
            }
            Self::RemoveAccount => {
                "Its tokens are erased here and revoked at Zoom. Its waiting jobs fail. Only a \
                 new consent brings it back."
            }
            Self::Pause => {
                "All jobs wait until everything is resumed. Calls in flight end as usual."
            }
            Self::Resume => "All jobs run again, in their order.",
        }
    }
}

/// A request to act: the verb, and one thing or a filter.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Wish {
    pub(super) verb: Verb,
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) account: String,
    #[serde(default)]
    pub(super) code: String,
    /// The state of the jobs, and the word in the search box.
    #[serde(default)]
    pub(super) state: String,
    #[serde(default)]
    pub(super) q: String,
    /// The number that was confirmed.
    #[serde(default)]
    pub(super) count: usize,
    #[serde(default)]
    pub(super) reason: String,
    /// The name of the account, typed again to remove it.
    #[serde(default)]
    pub(super) confirm: String,
    /// Fields of a connect link.
    #[serde(default)]
    pub(super) ttl: String,
    #[serde(default)]
    pub(super) label: String,
    #[serde(default)]
    pub(super) return_to: String,
    #[serde(default)]
    pub(super) take_over: String,
}

/// Things that are acted on.
pub(super) enum Things {
    Jobs(Vec<Target>),
    Failures(Vec<String>),
    /// The account of the wish, or everything.
    Whole,
}

impl Things {
    pub(super) fn ids(&self) -> Vec<&str> {
        match self {
            Self::Jobs(jobs) => jobs.iter().map(|job| job.id.as_str()).collect(),
            Self::Failures(ids) => ids.iter().map(String::as_str).collect(),
            Self::Whole => Vec::new(),
        }
    }
}

impl Wish {
    pub(super) fn account(&self) -> Option<String> {
        let name = self.account.trim();
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// True for an account that is to be removed and whose name was not typed again.
    pub(super) fn is_unsure(&self) -> bool {
        self.verb == Verb::RemoveAccount && self.confirm.trim() != self.account.trim()
    }

    /// True for an act on one account as a whole.
    pub(super) fn is_of_account(&self) -> bool {
        matches!(
            self.verb,
            Verb::PauseAccount
                | Verb::ResumeAccount
                | Verb::RefreshAccount
                | Verb::ConnectLink
                | Verb::RemoveAccount
        )
    }

    /// True for a filter whose count was not confirmed.
    pub(super) fn is_open(&self) -> bool {
        let counted = matches!(self.verb, Verb::Cancel | Verb::Retry | Verb::Discard);
        counted && self.id.is_empty() && self.count == 0
    }

    /// The things that the wish names, at most `most`.
    pub(super) async fn things(&self, ops: &Ops, most: usize) -> Result<Things, Refused> {
        let nothing = || Refused::Missing("This says not what to act on.".to_owned());
        match self.verb {
            Verb::Cancel if !self.id.is_empty() => Ok(Things::Jobs(vec![self.id.as_str().into()])),
            Verb::Cancel if self.state.is_empty() && self.q.trim().is_empty() => {
                let account = self.account().ok_or_else(nothing)?;
                Ok(Things::Jobs(ops.cancellable(&account, most).await?))
            }
            Verb::Cancel => Ok(Things::Jobs(self.found(ops, most).await?)),
            Verb::Retry | Verb::Discard if !self.id.is_empty() => {
                Ok(Things::Failures(vec![self.id.clone()]))
            }
            Verb::Retry | Verb::Discard => {
                let code = Some(self.code.clone()).filter(|code| !code.is_empty());
                let filter = FailureFilter { account: self.account(), code, since_ms: None };
                Ok(Things::Failures(failures(ops, &filter, most).await?))
            }
            _ => Ok(Things::Whole),
        }
    }

    /// Jobs of the filter of a list that may be cancelled.
    async fn found(&self, ops: &Ops, most: usize) -> Result<Vec<Target>, Refused> {
        let known = JobState::ALL.into_iter().find(|state| state.as_str() == self.state);
        // A state that is none must not widen the filter to all jobs.
        let nothing = || Refused::Missing(format!("There is no state {}.", self.state));
        let state = match self.state.as_str() {
            "" => None,
            _ => Some(known.ok_or_else(nothing)?),
        };
        let text = Some(self.q.trim().to_owned()).filter(|text| !text.is_empty());
        let query = JobQuery { account: self.account(), state, text, ..JobQuery::default() };
        let (mut jobs, mut from) = (Vec::new(), None);
        for _ in 0..PAGES {
            let page = ops.search_jobs(&query, from, most - jobs.len()).await?;
            let open = |job: &JobView| !job.state.is_over() && job.state != JobState::Running;
            let found = page.jobs.into_iter().filter(open);
            jobs.extend(found.map(|job| Target { id: job.id, entry: job.entry }));
            from = page.next;
            if from.is_none() || jobs.len() >= most {
                break;
            }
        }
        // A page may hold a few more; no more are acted on than were confirmed.
        jobs.truncate(most);
        Ok(jobs)
    }

    /// The jobs of the filter, in words: `2 sleeping jobs of acme that match board`.
    fn jobs(&self, many: u64, of: &str) -> String {
        let state = if self.state.is_empty() { String::new() } else { format!("{} ", self.state) };
        let word = self.q.trim();
        let word = if word.is_empty() { String::new() } else { format!(" that match {word}") };
        count(many, &format!("{state}job")) + of + &word
    }

    /// The page from which it came.
    pub(super) fn back(&self) -> String {
        let path = segment;
        match self.verb {
            Verb::Cancel | Verb::Retry | Verb::Discard if !self.id.is_empty() => {
                let job = self.id.rsplit_once('#').map_or(self.id.as_str(), |(job, _)| job);
                format!("/jobs/{}", path(job))
            }
            Verb::Cancel => jobs_of(&self.state, &self.account, &self.q),
            Verb::Retry | Verb::Discard => "/failures".to_owned(),
            Verb::Pause | Verb::Resume => "/".to_owned(),
            _ => format!("/accounts/{}", path(&self.account)),
        }
    }

    /// The things of the act, in words.
    pub(super) fn of(&self, many: u64) -> String {
        let of = self.account().map(|name| format!(" of {name}")).unwrap_or_default();
        match self.verb {
            Verb::Cancel => self.jobs(many, &of),
            Verb::Retry => count(many, "failed job") + &of,
            Verb::Discard => count(many, "failure") + &of,
            Verb::RefreshAccount => format!("the access token{of}"),
            Verb::ConnectLink => format!("a connect link for {}", self.account),
            Verb::PauseAccount | Verb::ResumeAccount | Verb::RemoveAccount => self.account.clone(),
            Verb::Pause | Verb::Resume => "everything".to_owned(),
        }
    }
}

async fn failures(ops: &Ops, filter: &FailureFilter, most: usize) -> Result<Vec<String>, Refused> {
    let (mut ids, mut from) = (Vec::new(), None);
    loop {
        let (lines, next) = ops.failures(filter, from.as_ref()).await?;
        ids.extend(lines.into_iter().map(|line| line.id).take(most - ids.len()));
        from = next;
        if from.is_none() || ids.len() >= most {
            return Ok(ids);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::Query;

    use super::*;

    fn wish(text: &str) -> Wish {
        let uri: axum::http::Uri = format!("/act?{text}").parse().expect("a path");
        Query::try_from_uri(&uri).map(|Query(wish)| wish).expect("a wish")
    }

    #[test]
    fn a_wish_says_what_it_is_about_and_leads_back() {
        for (text, of, back) in [
            ("verb=cancel&id=a%2Fb", "3 jobs", "/jobs/a%2Fb"),
            ("verb=cancel&account=acme", "3 jobs of acme", "/jobs?account=acme"),
            ("verb=retry&id=a%232", "3 failed jobs", "/jobs/a"),
            ("verb=discard&code=cancelled", "3 failures", "/failures"),
            ("verb=pause_account&account=acme", "acme", "/accounts/acme"),
            ("verb=resume", "everything", "/"),
            (
                "verb=cancel&state=sleeping&account=acme&q=board",
                "3 sleeping jobs of acme that match board",
                "/jobs?state=sleeping&account=acme&q=board",
            ),
            ("verb=refresh_account&account=acme", "the access token of acme", "/accounts/acme"),
            ("verb=connect_link&account=acme", "a connect link for acme", "/accounts/acme"),
            ("verb=remove_account&account=acme", "acme", "/accounts/acme"),
        ] {
            let wish = wish(text);
            assert_eq!((wish.of(3).as_str(), wish.back().as_str()), (of, back), "{text}");
            assert_eq!(
                wish.is_open(),
                (text.contains("verb=cancel") && !text.contains("id=")) || text.contains("code="),
                "{text}"
            );
        }
    }
}
