//! Reasons why a job waits: in a few words behind its state, and in one sentence.

use jiff::Timestamp;
use zoomd_store::inspect::JobView;
use zoomd_store::queue::WaitReason;

use crate::text::{count, one_line};

/// The reason in a few words, behind the state.
pub fn phrase(why: WaitReason) -> &'static str {
    match why {
        WaitReason::NotBefore => "scheduled for later (not_before)",
        WaitReason::Turn => "accounts and hosts are served in turn",
        WaitReason::Rotation => "the access token is being refreshed",
        WaitReason::Consent => "the account needs authorization",
        WaitReason::Paused => "paused",
        WaitReason::InFlight => "the account is at its limit of concurrent requests (--cap)",
        WaitReason::Second => "rate limit per second",
        WaitReason::LabelDay => "the Zoom account's daily limit is used up",
        WaitReason::HostDay => "today's meetings for this host are used up",
        WaitReason::Limited => "rate limited by Zoom (429)",
        WaitReason::Host => "waiting for this host's first meeting",
        WaitReason::Backoff => "backoff after a failed attempt",
        WaitReason::Reconcile => "reply lost; checking Zoom before retrying",
        WaitReason::Target => "another job changes the same meeting",
        WaitReason::Queued => "a daemon will read it soon",
        WaitReason::NoDaemon => "no daemon is running",
        WaitReason::RedisFull => "Redis is full",
        WaitReason::RedisReadOnly => "Redis is read-only",
        WaitReason::AppRejected => "Zoom rejects the app's credentials",
        WaitReason::ZoomUnreachable => "Zoom is unreachable",
        WaitReason::ZoomEndpointFailing => "calls of one Zoom endpoint fail",
        WaitReason::RotationInDoubt => "the result of a token refresh is unknown",
        WaitReason::RotationHeld => "token refreshes are on hold",
        WaitReason::RotationImpossible => "tokens cannot be refreshed",
        WaitReason::KeyMissing => "the encryption key is missing",
        _ => "not known",
    }
}

pub fn sentence(why: WaitReason, view: &JobView) -> String {
    let mut text = reason(why, view);
    if let Some(since) = view.since_ms.and_then(second) {
        text.push_str(&format!(", since {since}"));
    }
    if let Some(besides) = &view.besides {
        text.push_str(&format!("; also, {}", one_line(&besides.what)));
    }
    text
}

/// The command that says or does more about a wait that does not end by itself.
pub fn next(view: &JobView) -> Option<String> {
    match (view.why?, &view.account) {
        (WaitReason::Consent, Some(account)) => Some(format!("zoomd account login {account}")),
        (WaitReason::InFlight, Some(account)) => Some(format!("zoomd account show {account}")),
        (WaitReason::HostDay | WaitReason::LabelDay, Some(account)) => {
            Some(format!("zoomd budget {account}"))
        }
        (
            WaitReason::Paused
            | WaitReason::NoDaemon
            | WaitReason::RedisFull
            | WaitReason::RedisReadOnly
            | WaitReason::AppRejected
            | WaitReason::ZoomUnreachable
            | WaitReason::ZoomEndpointFailing
            | WaitReason::RotationInDoubt
            | WaitReason::RotationImpossible
            | WaitReason::KeyMissing,
            _,
        ) => Some("zoomd status".to_owned()),
        _ => None,
    }
}

/// A time, in whole seconds.
fn second(ms: i64) -> Option<Timestamp> {
    Timestamp::from_second(ms.div_euclid(1000)).ok()
}

fn reason(why: WaitReason, view: &JobView) -> String {
    let before = view.place.map_or(0, |place| place.saturating_sub(1));
    let before = if before == 0 {
        String::new()
    } else {
        format!("; {} of the same host are ahead", count(before, "job"))
    };
    let said = view.detail.as_deref().map(one_line);
    let aside = said.as_ref().map(|said| format!(" ({said})")).unwrap_or_default();
    match (why, said) {
        (WaitReason::NotBefore, _) => "scheduled for later (not_before)".to_owned(),
        (WaitReason::Turn, _) => format!("accounts and hosts are served in turn{before}"),
        (WaitReason::Rotation, Some(said)) => {
            format!("the access token cannot be refreshed: {said}")
        }
        (WaitReason::Rotation, None) => "the account's access token is being refreshed".to_owned(),
        (WaitReason::Consent, _) => format!("the account needs authorization{aside}"),
        (WaitReason::Paused, None) => "the account, or the whole namespace, is paused".to_owned(),
        (WaitReason::InFlight, Some(said)) => {
            format!("the account is at its limit of concurrent requests (--cap): {said}")
        }
        (WaitReason::Second, _) => format!("Zoom limits the account's calls per second{before}"),
        (WaitReason::LabelDay, _) => {
            format!("the daily limit of the Zoom account is used up, or will be{before}")
        }
        (WaitReason::HostDay, _) => {
            format!("the daily limit of meetings for this host is used up, or will be{before}")
        }
        (WaitReason::Limited, _) => {
            "rate limited by Zoom (429); the job waits until the limit ends".to_owned()
        }
        (WaitReason::Host, _) => {
            "waiting for this host's first meeting, whose reply tells zoomd the host's Zoom user id"
                .to_owned()
        }
        (WaitReason::Backoff, _) => {
            format!("the last attempt failed{aside}; waiting before the next one (backoff)")
        }
        (WaitReason::Reconcile, _) => {
            format!("the last reply was lost{aside}; checking Zoom before another attempt")
        }
        (WaitReason::Target, None) => {
            "another job, which is earlier, makes or changes the same meeting".to_owned()
        }
        (WaitReason::AppRejected, Some(said)) if !said.starts_with(phrase(why)) => {
            format!("Zoom rejects the app's credentials, so no access token is refreshed: {said}")
        }
        (WaitReason::RotationInDoubt, Some(said)) => {
            format!("the result of the last token refresh is unknown: {said}")
        }
        (WaitReason::Queued, None) => {
            "the job is in the stream; a daemon will read it soon".to_owned()
        }
        (_, Some(said)) => said,
        (why, None) => phrase(why).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use zoomd_store::inspect::Obstacle;

    use super::*;

    #[test]
    fn each_reason_has_a_sentence_of_its_own() {
        let view = |place, detail: Option<&str>| {
            let mut view = JobView::waiting("order-1");
            (view.place, view.detail) = (place, detail.map(str::to_owned));
            view
        };
        let mut seen = std::collections::BTreeSet::new();
        for why in WaitReason::ALL {
            let text = sentence(why, &view(Some(1), None));
            assert_ne!(text, why.as_str());
            assert!(!text.ends_with('.') && seen.insert(text.clone()), "{text}");
            assert_ne!(phrase(why), "not known", "{why}");
        }
        let text = sentence(WaitReason::HostDay, &view(Some(31), None));
        assert!(text.ends_with("; 30 jobs of the same host are ahead"), "{text}");
        let text =
            sentence(WaitReason::Paused, &view(None, Some("everything is paused: upgrade\n")));
        assert_eq!(text.trim_end(), "everything is paused: upgrade");
        let text = sentence(WaitReason::Backoff, &view(None, Some("zoom answered 503")));
        assert!(text.contains("zoom answered 503"), "{text}");
    }

    #[test]
    fn a_wait_that_does_not_end_by_itself_has_a_next_command() {
        let said = |why| {
            let mut view = JobView::waiting("order-1");
            (view.why, view.account) = (Some(why), Some("acme".to_owned()));
            next(&view)
        };
        assert_eq!(said(WaitReason::Consent).as_deref(), Some("zoomd account login acme"));
        for why in [
            WaitReason::Paused,
            WaitReason::NoDaemon,
            WaitReason::RedisFull,
            WaitReason::KeyMissing,
        ] {
            assert_eq!(said(why).as_deref(), Some("zoomd status"), "{why}");
        }
        for why in [
            WaitReason::Turn,
            WaitReason::Second,
            WaitReason::Backoff,
            WaitReason::NotBefore,
            WaitReason::Queued,
        ] {
            assert_eq!(said(why), None, "{why}");
        }
    }

    #[test]
    fn an_obstacle_is_told_in_its_own_words_with_its_time() {
        let mut view = JobView::waiting("order-1");
        view.detail = Some("no daemon is running; the last was a on box".into());
        view.since_ms = Some(1_790_000_000_500);
        let text = sentence(WaitReason::NoDaemon, &view);
        assert_eq!(text, "no daemon is running; the last was a on box, since 2026-09-21T14:13:20Z");
        let (why, what) = (WaitReason::NoDaemon, "no daemon is running".to_owned());
        let mut view = JobView::waiting("order-1");
        view.besides = Some(Obstacle { why, what, since_ms: None });
        let text = sentence(WaitReason::Paused, &view);
        assert!(text.ends_with("is paused; also, no daemon is running"), "{text}");
    }
}
