//! The scripts decide as the rules say, for any sequence of offers and refusals.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use secrecy::SecretString;
use zoomd_store::encryption::{Fingerprint, Vault};
use zoomd_store::grants::{
    AccountState, Candidate, Epoch, GrantKind, GrantSecrets, GrantVersion, Line,
};
use zoomd_store::rotation::{Committed, Judged, Offer, Origin, Refusal, Rotations, Spare, Stored};
use zoomd_workers::rotation::rules::{self, Accepted, Slot, Standing, Token};

use crate::house::{House, name};

/// One thing that happens to an account: (what, which token it is about, from
/// which known token it was made, epoch).
#[derive(Debug, Clone)]
enum Event {
    /// A child of the n-th known token is offered.
    Offer { parent: usize, orphan: bool, later_epoch: bool },
    /// A child of the stored token, which an early probe got.
    Early,
    /// An old token is offered again.
    Again { which: usize },
    /// Zoom refused the n-th presentable token.
    Refused { stale: bool },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0..6_usize, prop::bool::weighted(0.2), prop::bool::weighted(0.1)).prop_map(
            |(parent, orphan, later_epoch)| Event::Offer { parent, orphan, later_epoch }
        ),
        1 => Just(Event::Early),
        2 => (0..6_usize).prop_map(|which| Event::Again { which }),
        3 => prop::bool::weighted(0.2).prop_map(|stale| Event::Refused { stale }),
    ];
    prop::collection::vec(event, 1..14)
}

#[test]
fn the_scripts_decide_as_the_rules_say() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let house = runtime.block_on(House::unlimited());
    let vault = runtime.block_on(house.vault());
    let rotations = runtime.block_on(async { house.rotations() });
    let mut runner = TestRunner::new(Config { cases: 400, ..Config::default() });
    let number = std::cell::Cell::new(0);
    runner
        .run(&events(), |events| {
            number.set(number.get() + 1);
            let case = Case {
                account: format!("case{}", number.get()),
                vault: &vault,
                rotations: &rotations,
            };
            runtime.block_on(case.run(&events));
            Ok(())
        })
        .expect("the same");
}

struct Case<'a> {
    account: String,
    vault: &'a Vault,
    rotations: &'a Rotations,
}

impl Case<'_> {
    async fn run(&self, events: &[Event]) {
        let first = Token {
            version: GrantVersion { epoch: Epoch::choose(1_000, [], 1), generation: 1 },
            fp: self.fp(0),
            lineage: Vec::new(),
        };
        let mut slot = Slot {
            standing: Standing::Active,
            version: GrantVersion { epoch: Epoch::choose(0, [], 0), generation: 0 },
            current: None,
            candidates: Vec::new(),
            spare: None,
            refused: Vec::new(),
        };
        let mut known = vec![first.clone()];
        self.offer(&mut slot, &first, None).await;
        for event in events {
            match event {
                Event::Offer { parent, orphan, later_epoch } => {
                    let parent = known[parent % known.len()].clone();
                    let fp = self.fp(known.len());
                    let mut child = if *orphan {
                        Token { version: parent.version, fp, lineage: vec![self.fp(1_000)] }
                    } else {
                        Slot::holding(parent.clone()).child(&parent, fp)
                    };
                    if *later_epoch {
                        let epoch = Epoch::choose(0, [child.version.epoch], 7);
                        child.version = GrantVersion { epoch, generation: 0 };
                    }
                    self.offer(&mut slot, &child, None).await;
                    known.push(child);
                }
                Event::Early => {
                    let Some(presented) = slot.presentable().next().cloned() else { continue };
                    let child = slot.child(&presented, self.fp(known.len()));
                    self.offer(&mut slot, &child, Some(&presented)).await;
                    known.push(child);
                }
                Event::Again { which } => {
                    let token = known[which % known.len()].clone();
                    self.offer(&mut slot, &token, None).await;
                }
                Event::Refused { stale } => self.refuse(&mut slot, *stale).await,
            }
            self.same(&slot).await;
        }
    }

    fn secret(&self, number: usize) -> SecretString {
        SecretString::from(format!("{}-token-{number}", self.account))
    }

    fn fp(&self, number: usize) -> Fingerprint {
        self.vault.fingerprint(&self.secret(number)).expect("a key")
    }

    async fn offer(
        &self,
        slot: &mut Slot<Fingerprint>,
        token: &Token<Fingerprint>,
        early: Option<&Token<Fingerprint>>,
    ) {
        let spare = early.map(|presented| Spare {
            refresh_token: self.secret(0),
            fp: presented.fp,
            parent_fp: presented.lineage.first().copied(),
            until_ms: i64::MAX / 1_000_000,
        });
        let offer = Offer {
            account: name(&self.account),
            kind: GrantKind::Oauth,
            version: token.version,
            secrets: GrantSecrets::default(),
            fp: token.fp,
            lineage: token.lineage.clone(),
            access_expires_ms: 1,
            access_issued_ms: 1,
            obtained_ms: Some(1),
            scope: None,
            issuer: "https://zoom.us".to_owned(),
            client_id: format!("app-{}", self.account),
            api_url: None,
            origin: Origin::default(),
            owner: None,
            intent: None,
            spare,
            line: Line::new("offered"),
        };
        let committed = self.rotations.commit(self.vault, &offer).await.expect("redis");
        let accepted = match early {
            Some(presented) => {
                let accepted = rules::accept_early(slot, token, presented);
                // The spare's version only binds its encryption.
                if let (Accepted::Stored, Some(spare)) = (accepted, &mut slot.spare) {
                    let generation = token.version.generation - 1;
                    spare.version = GrantVersion { generation, ..token.version };
                }
                accepted
            }
            None => rules::accept(slot, token),
        };
        let expected = match accepted {
            Accepted::Stored => Committed::Stored,
            Accepted::Candidate => Committed::Candidate,
            Accepted::Known => Committed::Known,
            Accepted::Older => Committed::Older,
            Accepted::Erased => Committed::Erased { revoke: false },
        };
        assert_eq!(committed, expected, "{token:?} onto {slot:?}");
    }

    async fn refuse(&self, slot: &mut Slot<Fingerprint>, stale: bool) {
        let Some(current) = slot.current.clone() else { return };
        let Some(presented) = slot.presentable().next().map(|token| token.fp) else { return };
        let mut stored = Stored { version: current.version, fp: current.fp };
        if stale {
            stored.fp = self.fp(1_000);
        }
        let account = name(&self.account);
        let refusal = Refusal {
            account: &account,
            stored,
            presented,
            owner: "",
            intent: "",
            reason: "refused",
            line: Line::new("verdict"),
            app_rest: std::time::Duration::ZERO,
            hold: std::time::Duration::ZERO,
            run_id: "",
        };
        let judged = self.rotations.verdict(&refusal).await.expect("redis");
        let expected = match rules::verdict(slot, (stored.version, stored.fp), presented, false) {
            rules::Judged::Written => Judged::Written { obtained_ms: 1 },
            rules::Judged::Candidates => Judged::Candidates,
            rules::Judged::Moved => Judged::Moved,
            rules::Judged::Covered => Judged::Covered,
        };
        assert_eq!(judged, expected, "{slot:?}");
    }

    /// The store holds what the slot holds.
    async fn same(&self, slot: &Slot<Fingerprint>) {
        let look = self.rotations.look(&name(&self.account)).await.expect("redis");
        let look = look.expect("an account");
        let grant = look.grant.expect("a grant");
        let state = match look.account.state {
            AccountState::Active => Standing::Active,
            AccountState::NeedsReauth => Standing::NeedsReauth,
            other => panic!("{other}"),
        };
        let lineage = grant.parent_fp.into_iter().chain(grant.ancestors).collect();
        let (spares, forks): (Vec<_>, Vec<_>) =
            grant.candidates.iter().partition(|c| c.until_ms.is_some());
        let token = |c: &&Candidate| Token {
            version: c.version,
            fp: c.fp,
            lineage: if c.parent_fp == c.fp { Vec::new() } else { vec![c.parent_fp] },
        };
        let stored = Slot {
            standing: state,
            version: look.account.version.expect("a version"),
            current: Some(Token { version: grant.version, fp: grant.fp, lineage }),
            candidates: forks.iter().map(token).collect(),
            spare: spares.first().map(token),
            refused: grant.refused,
        };
        assert_eq!(&stored, slot);
    }
}
