//! The frame of every page: navigation, verdict, namespace, version.

use std::sync::Arc;

use super::Console;
use super::asked::Asked;
use super::assets::{ASSETS, Assets};
use zoomd_store::inspect::Problem;

use crate::actor::Role;
use crate::health::Verdict;
use crate::queries::status::Look;

/// A page of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    /// `/`
    Overview,
    /// `/jobs`
    Jobs,
    /// `/meetings`
    Meetings,
    /// `/accounts`
    Accounts,
    /// `/limits`
    Limits,
    /// `/failures`
    Failures,
    /// `/live`
    Live,
    /// `/audit`
    Audit,
    /// `/system`
    System,
    /// A page that is none of these, and does not stay fresh.
    None,
}

impl Tab {
    /// All of them: the page, its address, its name.
    const ALL: [(Self, &'static str, &'static str); 9] = [
        (Self::Overview, "/", "Overview"),
        (Self::Jobs, "/jobs", "Jobs"),
        (Self::Meetings, "/meetings", "Meetings"),
        (Self::Accounts, "/accounts", "Accounts"),
        (Self::Limits, "/limits", "Limits"),
        (Self::Failures, "/failures", "Failures"),
        (Self::Live, "/live", "Live"),
        (Self::Audit, "/audit", "Audit"),
        (Self::System, "/system", "System"),
    ];
}

/// One link of the navigation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) address: &'static str,
    pub(super) name: &'static str,
    pub(super) here: bool,
}

/// The frame.
#[derive(Debug, Clone)]
pub(super) struct Shell {
    pub(super) title: String,
    /// The page's own address, asked for again while it is looked at.
    pub(super) address: String,
    pub(super) links: Vec<Link>,
    /// The verdict and the numbers; `None` where they could not be had.
    pub(super) look: Option<Arc<Look>>,
    /// The one who looks, where people have names.
    pub(super) actor: Option<String>,
    role: Role,
    /// True for a page that is asked for again while it is looked at.
    pub(super) fresh: bool,
    /// True for a page that follows what happens.
    pub(super) stream: bool,
    pub(super) namespace: String,
    pub(super) version: &'static str,
    pub(super) assets: &'static Assets,
}

impl Shell {
    /// True for one who may cancel jobs.
    pub(super) fn may_cancel(&self) -> bool {
        self.role >= Role::Enqueue
    }

    /// True for one who may do everything.
    pub(super) fn may_operate(&self) -> bool {
        self.role >= Role::Operate
    }

    /// The verdict as a class of the style.
    pub(super) fn tone(&self) -> &'static str {
        match self.look.as_ref().map(|look| look.judgement.verdict) {
            Some(Verdict::Ok) => "good",
            Some(Verdict::Degraded) => "warn",
            Some(Verdict::Down) => "bad",
            None => "idle",
        }
    }

    /// The verdict in one word.
    pub(super) fn verdict(&self) -> &'static str {
        self.look.as_ref().map_or("UNKNOWN", |look| look.judgement.verdict.as_str())
    }

    /// The verdict in one line.
    pub(super) fn headline(&self) -> String {
        self.look.as_ref().map(|look| look.judgement.headline()).unwrap_or_default()
    }

    /// All problems, the worst first.
    pub(super) fn problems(&self) -> &[Problem] {
        self.look.as_ref().map(|look| &*look.judgement.problems).unwrap_or_default()
    }
}

impl Console {
    /// The frame of a page.
    pub(super) async fn shell(&self, asked: &Asked, tab: Tab, title: &str) -> Shell {
        let look = self.0.look().await.ok();
        let signed = asked.actor.as_ref().filter(|_| self.0.auth.asks_for_token());
        let link = |(of, address, name)| Link { address, name, here: of == tab };
        Shell {
            title: title.to_owned(),
            address: asked.address.clone(),
            links: Tab::ALL.into_iter().map(link).collect(),
            look,
            role: asked.actor.as_ref().map_or(Role::Read, |actor| actor.role),
            fresh: tab != Tab::None,
            stream: tab == Tab::Live || asked.address.starts_with("/jobs/"),
            actor: signed.map(|actor| format!("{} ({})", actor.name, actor.role)),
            namespace: self.0.config.namespace.clone(),
            version: env!("CARGO_PKG_VERSION"),
            assets: &ASSETS,
        }
    }
}
