//! Reasons why a job waits: in a few words behind its state, and in one sentence.

use jiff::Timestamp;
use zoomd_store::ops::JobView;
use zoomd_store::queue::Why;

use crate::text::{count, one_line};

/// The reason in a few words, behind the state.
pub fn phrase(why: Why) -> &'static str {
    match why {
        Why::NotBefore => "its not_before time has not come",
        Why::Turn => "accounts and hosts take turns",
        Why::Rotation => "the access token is being refreshed",
        Why::Consent => "the account needs authorization",
        Why::Paused => "paused",
        Why::InFlight => "the account is at its cap of calls in flight",
        Why::Second => "rate limit per second",
        Why::LabelDay => "the Zoom account's daily limit is used up",
        Why::HostDay => "today's meetings of this host are used up",
        Why::Limited => "Zoom answered with a rate limit",
        Why::Host => "the first create of this host is in flight",
        Why::Backoff => "backoff after a failed attempt",
        Why::Reconcile => "reply lost; checking Zoom before retrying",
        Why::Queued => "a daemon takes it in soon",
        Why::NoDaemon => "no daemon is running",
        Why::RedisFull => "Redis is full",
        Why::RedisReadOnly => "Redis is read-only",
        Why::AppRejected => "Zoom rejects the app's credentials",
        Why::ZoomUnreachable => "Zoom is unreachable",
        Why::ZoomEndpointFailing => "calls of one Zoom endpoint fail",
        Why::RotationInDoubt => "the outcome of a token refresh is not known",
        Why::RotationHeld => "token refreshes are held",
        Why::RotationImpossible => "tokens cannot be refreshed",
        Why::KeyMissing => "the encryption key is missing",
        _ => "not known",
    }
}

/// The reason in one sentence.
pub fn sentence(why: Why, view: &JobView) -> String {
    let mut text = reason(why, view);
    if let Some(since) = view.since_ms.and_then(second) {
        text.push_str(&format!(", since {since}"));
    }
    if let Some(besides) = &view.besides {
        text.push_str(&format!("; besides, {}", one_line(&besides.what)));
    }
    text
}

/// The command that says or does more about a wait that does not end by itself.
pub fn next(view: &JobView) -> Option<String> {
    match (view.why?, &view.account) {
        (Why::Consent, Some(account)) => Some(format!("zoomd account login {account}")),
        (Why::InFlight, Some(account)) => Some(format!("zoomd account show {account}")),
        (Why::HostDay | Why::LabelDay, Some(account)) => Some(format!("zoomd budget {account}")),
        (
            Why::Paused
            | Why::NoDaemon
            | Why::RedisFull
            | Why::RedisReadOnly
            | Why::AppRejected
            | Why::ZoomUnreachable
            | Why::ZoomEndpointFailing
            | Why::RotationInDoubt
            | Why::RotationImpossible
            | Why::KeyMissing,
            _,
        ) => Some("zoomd status".to_owned()),
        _ => None,
    }
}

/// A time, in whole seconds.
fn second(ms: i64) -> Option<Timestamp> {
    Timestamp::from_second(ms.div_euclid(1000)).ok()
}

fn reason(why: Why, view: &JobView) -> String {
    let before = view.place.map_or(0, |place| place.saturating_sub(1));
    let before = if before == 0 {
        String::new()
    } else {
        format!("; {} of this host before it", count(before, "job"))
    };
    let said = view.detail.as_deref().map(one_line);
    let aside = said.as_ref().map(|said| format!(" ({said})")).unwrap_or_default();
    match (why, said) {
        (Why::NotBefore, _) => "the job has a not_before time, which has not come yet".to_owned(),
        (Why::Turn, _) => format!("accounts and hosts are served in turn{before}"),
        (Why::Rotation, Some(said)) => format!("the access token cannot be refreshed: {said}"),
        (Why::Rotation, None) => "the account's access token is being refreshed".to_owned(),
        (Why::Consent, _) => format!("the account needs authorization{aside}"),
        (Why::Paused, None) => "the account, or the whole namespace, is paused".to_owned(),
        (Why::InFlight, Some(said)) => {
            format!("the account is at its cap of calls in flight: {said}")
        }
        (Why::Second, _) => format!("Zoom limits the account's calls per second{before}"),
        (Why::LabelDay, _) => {
            format!("the Zoom account's calls of this UTC day are used up, or will be{before}")
        }
        (Why::HostDay, _) => {
            format!("this host's meetings of this UTC day are used up, or will be{before}")
        }
        (Why::Limited, _) => {
            "Zoom answered with a rate limit; the job waits until it ends".to_owned()
        }
        (Why::Host, _) => {
            "another create of this host is in flight; its reply tells who the host is".to_owned()
        }
        (Why::Backoff, _) => format!("the last attempt failed{aside}; the next follows a pause"),
        (Why::Reconcile, _) => {
            format!("the last reply was lost{aside}; Zoom is checked before another attempt")
        }
        (Why::AppRejected, Some(said)) if !said.starts_with(phrase(why)) => {
            format!("Zoom rejects the app's credentials, so no access token is refreshed: {said}")
        }
        (Why::RotationInDoubt, Some(said)) => {
            format!("the outcome of the last token refresh is not known: {said}")
        }
        (Why::Queued, None) => "the job is in the stream; a daemon takes it in soon".to_owned(),
        (_, Some(said)) => said,
        (why, None) => phrase(why).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use zoomd_store::ops::Obstacle;

    use super::*;

    #[test]
    fn each_reason_has_a_sentence_of_its_own() {
        let view = |place, detail: Option<&str>| {
            let mut view = JobView::waiting("order-1");
            (view.place, view.detail) = (place, detail.map(str::to_owned));
            view
        };
        let mut seen = std::collections::BTreeSet::new();
        for why in Why::ALL {
            let text = sentence(why, &view(Some(1), None));
            assert_ne!(text, why.as_str());
            assert!(!text.ends_with('.') && seen.insert(text.clone()), "{text}");
            assert_ne!(phrase(why), "not known", "{why}");
        }
        let text = sentence(Why::HostDay, &view(Some(31), None));
        assert!(text.ends_with("; 30 jobs of this host before it"), "{text}");
        let text = sentence(Why::Paused, &view(None, Some("everything is paused: upgrade\n")));
        assert_eq!(text.trim_end(), "everything is paused: upgrade");
        let text = sentence(Why::Backoff, &view(None, Some("zoom answered 503")));
        assert!(text.contains("zoom answered 503"), "{text}");
    }

    #[test]
    fn a_wait_that_does_not_end_by_itself_has_a_next_command() {
        let said = |why| {
            let mut view = JobView::waiting("order-1");
            (view.why, view.account) = (Some(why), Some("acme".to_owned()));
            next(&view)
        };
        assert_eq!(said(Why::Consent).as_deref(), Some("zoomd account login acme"));
        for why in [Why::Paused, Why::NoDaemon, Why::RedisFull, Why::KeyMissing] {
            assert_eq!(said(why).as_deref(), Some("zoomd status"), "{why}");
        }
        for why in [Why::Turn, Why::Second, Why::Backoff, Why::NotBefore, Why::Queued] {
            assert_eq!(said(why), None, "{why}");
        }
    }

    #[test]
    fn an_obstacle_is_told_in_its_own_words_with_its_time() {
        let mut view = JobView::waiting("order-1");
        view.detail = Some("no daemon is running; the last was a on box".into());
        view.since_ms = Some(1_790_000_000_500);
        let text = sentence(Why::NoDaemon, &view);
        assert_eq!(text, "no daemon is running; the last was a on box, since 2026-09-21T14:13:20Z");
        let (why, what) = (Why::NoDaemon, "no daemon is running".to_owned());
        let mut view = JobView::waiting("order-1");
        view.besides = Some(Obstacle { why, what, since_ms: None });
        let text = sentence(Why::Paused, &view);
        assert!(text.ends_with("is paused; besides, no daemon is running"), "{text}");
    }
}
