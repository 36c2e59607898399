//! Why a job waits: in a few words behind its state, and in one sentence.

use zoomd_store::ops::JobView;
use zoomd_store::queue::Why;

use crate::cli::output::count;
use crate::cli::table::one_line;

/// What it waits for, behind "waiting".
pub fn phrase(why: Why) -> &'static str {
    match why {
        Why::NotBefore => "for its time",
        Why::Turn => "for its turn",
        Why::Rotation => "for its account's new token",
        Why::Consent => "for consent",
        Why::Paused => "because of a pause",
        Why::InFlight => "for a free slot of its account",
        Why::Second => "for this second's budget",
        Why::LabelDay => "for tomorrow's budget of the Zoom account",
        Why::HostDay => "for the host's next hundred",
        Why::Limited => "for the end of a rate limit",
        Why::Host => "for the first meeting of its host",
        Why::Backoff => "for its next attempt",
        _ => "for something",
    }
}

/// The reason in one sentence.
pub fn sentence(why: Why, view: &JobView) -> String {
    let before = view.place.map_or(0, |place| place.saturating_sub(1));
    let before = if before == 0 {
        String::new()
    } else {
        format!(", with {} of its host before it", count(before, "job"))
    };
    let said = view.detail.as_deref().map(|detail| format!(" ({})", one_line(detail)));
    let said = said.unwrap_or_default();
    match why {
        Why::NotBefore => "it is not to be sent before its time".to_owned(),
        Why::Turn if before.is_empty() => "accounts and hosts are served in turn".to_owned(),
        Why::Turn => format!("accounts and hosts are served in turn{before}"),
        Why::Rotation if !said.is_empty() => {
            format!("its account gets no new access token yet{said}")
        }
        Why::Rotation => "its account's access token is being replaced".to_owned(),
        Why::Consent => format!("its account needs consent{said}"),
        Why::Paused => format!("its account, or everything, is paused{said}"),
        Why::InFlight => {
            "its account has as many calls under way as it may have at once".to_owned()
        }
        Why::Second => format!("Zoom allows its account only so many calls a second{before}"),
        Why::LabelDay => {
            format!("the Zoom account may make only so many such calls a UTC day{before}")
        }
        Why::HostDay => {
            format!("its host may have only so many meetings made or changed a UTC day{before}")
        }
        Why::Limited => "Zoom answered with a rate limit; the job waits until it ends".to_owned(),
        Why::Host => {
            "another create of its host is under way, and shows who the host is".to_owned()
        }
        Why::Backoff => {
            format!("its last attempt failed{said}, and there is a pause before the next")
        }
        why => why.to_string(),
    }
}

#[cfg(test)]
mod tests {
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
            assert_ne!(phrase(why), "for something", "{why}");
        }
        let text = sentence(Why::HostDay, &view(Some(31), None));
        assert!(text.ends_with(", with 30 jobs of its host before it"), "{text}");
        let text = sentence(Why::Paused, &view(None, Some("upgrade\n")));
        assert!(text.contains("(upgrade"), "{text}");
        let text = sentence(Why::Backoff, &view(None, Some("zoom answered 503")));
        assert!(text.contains("zoom answered 503"), "{text}");
    }
}
