//! What somebody looks at who was woken up, and what it must say.

use std::time::Duration;

use crate::support::{Daemon, Rig, job, until};

/// How soon each must have it.
const SOON: Duration = Duration::from_secs(20);

/// A rig in which all is well: a daemon runs, and has made a meeting.
pub async fn running() -> (Rig, Daemon) {
    let rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    rig.xadd(&job("acme", "before")).await;
    rig.outcome("before").await;
    (rig, daemon)
}

/// An outage as it must be told.
pub struct Outage<'a> {
    pub rig: &'a Rig,
    /// The daemon whose `/readyz` and log are read, if there is one to ask.
    pub daemon: Option<&'a Daemon>,
    /// A job that it holds back.
    pub held: Option<&'a str>,
    /// An account whose new jobs it holds back.
    pub account: &'a str,
    /// The code of the problem in `status --json`.
    pub code: &'a str,
    /// Words of the cause: one of them must be there.
    pub cause: &'a [&'a str],
    /// The first word of `status`.
    pub verdict: &'a str,
}

impl<'a> Outage<'a> {
    /// One that holds back the job `held` of the account acme.
    pub fn degraded(rig: &'a Rig, daemon: &'a Daemon, code: &'a str, cause: &'a [&'a str]) -> Self {
        let (daemon, held) = (Some(daemon), Some("held"));
        Self { rig, daemon, held, account: "acme", code, cause, verdict: "DEGRADED" }
    }

    /// Looks at everything, until each names the cause.
    #[track_caller]
    pub fn is_told(&self) {
        if let Some(id) = self.held {
            self.until("job show", || both(&self.rig.run(&["job", "show", id])));
        }
        self.status();
        self.doctor();
        self.enqueue();
        if let Some(daemon) = self.daemon {
            self.until("/readyz", || daemon.get("/readyz").1);
            self.until("the log", || daemon.log());
        }
    }

    /// `zoomd status`: the first line, the exit code, the problem's code.
    #[track_caller]
    pub fn status(&self) {
        self.until("status", || self.rig.run(&["status"]).stdout);
        let ran = self.rig.run(&["status"]);
        let first = ran.stdout.lines().next().unwrap_or_default();
        assert!(first.starts_with(self.verdict), "{}", ran.stdout);
        let code = ["OK", "DEGRADED", "-", "-", "-", "DOWN"];
        let code = code.iter().position(|word| *word == self.verdict).expect("a verdict");
        let json =
            self.rig.run(&["status", "--json"]).expect(i32::try_from(code).expect("small")).json();
        let problems = json["problems"].as_array().expect("a list");
        let found = problems.iter().find(|problem| problem["code"] == self.code);
        let found = found.unwrap_or_else(|| panic!("no {}: {json:#}", self.code));
        let next = found["next"].as_str().unwrap_or_default();
        assert!(!next.is_empty(), "the next command is missing: {found}");
    }

    #[track_caller]
    fn doctor(&self) {
        self.until("doctor", || self.rig.run(&["doctor", "--offline"]).stdout);
    }

    /// Somebody tries a job by hand and waits for it.
    #[track_caller]
    fn enqueue(&self) {
        let args = ["enqueue", "--account", self.account, "--topic", "Try", "--type", "1"];
        let ran = self.rig.run(&[&args[..], &["--wait", "--timeout", "8s"]].concat());
        assert_ne!(ran.code, 0, "{ran:?}");
        assert!(self.names(&both(&ran)), "enqueue --wait does not name {:?}: {ran:?}", self.cause);
    }

    fn names(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.cause.iter().any(|words| text.contains(&words.to_lowercase()))
    }

    #[track_caller]
    fn until(&self, face: &str, mut look: impl FnMut() -> String) {
        let end = std::time::Instant::now() + SOON;
        until(&format!("{:?} in {face}", self.cause), || {
            let text = look();
            assert!(
                self.names(&text) || std::time::Instant::now() < end,
                "{face} does not name {:?}: {text}",
                self.cause
            );
            self.names(&text).then_some(())
        });
    }
}

fn both(ran: &crate::support::Ran) -> String {
    format!("{}\n{}", ran.stdout, ran.stderr)
}
