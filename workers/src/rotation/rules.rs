//! Rules P, N, D and F as functions on values.
//!
//! The scripts of the store decide; these functions say what they must decide.
//! A model explores them exhaustively, and a test holds the scripts to them, so
//! a difference between the two is a failing test and not a lost token.
//!
//! `F` is a fingerprint: the store's own, or a small number in the model.

use zoomd_store::grants::GrantVersion;

/// Fingerprints that are kept of what a token was made from: its parent's, and
/// those of eight ancestors.
pub const LINEAGE: usize = 9;
/// Forked tokens that are kept beside the stored one.
pub const CANDIDATES: usize = 3;

/// A refresh token and where it comes from; not the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Token<F> {
    /// Epoch and generation.
    pub version: GrantVersion,
    /// Fingerprint.
    pub fp: F,
    /// Fingerprints of its ancestors, newest first.
    pub lineage: Vec<F>,
}

impl<F: Copy + Eq> Token<F> {
    /// True if this token was made from `fp`, directly or not.
    #[must_use]
    pub fn descends_from(&self, fp: F) -> bool {
        self.lineage.contains(&fp)
    }
}

/// State of an account, as far as the rules care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// In use.
    Active,
    /// A verdict was written.
    NeedsReauth,
    /// A tombstone.
    Removed,
}

/// Tokens of one account, as the store holds them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slot<F> {
    /// State.
    pub standing: Standing,
    /// The greatest version ever stored, a tombstone's too.
    pub version: GrantVersion,
    /// The stored token; none under a tombstone.
    pub current: Option<Token<F>>,
    /// Forked tokens of the same epoch, newest first.
    pub candidates: Vec<Token<F>>,
    /// The token that an early probe presented, kept for a while: the exchange before the
    /// probe may end after it and make this the valid token again.
    pub spare: Option<Token<F>>,
    /// Tokens above that Zoom refused: evidence about their bytes, not a verdict.
    pub refused: Vec<F>,
}

impl<F: Copy + Eq> Slot<F> {
    /// A slot that holds `token`.
    #[must_use]
    pub fn holding(token: Token<F>) -> Self {
        Self {
            standing: Standing::Active,
            version: token.version,
            current: Some(token),
            candidates: Vec::new(),
            spare: None,
            refused: Vec::new(),
        }
    }

    /// The token that came of presenting `presented`, one of this slot's. Where it
    /// was a candidate, the stored token (refused by then) counts as an ancestor:
    /// neither it nor what it was made from is ever presented again.
    #[must_use]
    pub fn child(&self, presented: &Token<F>, fp: F) -> Token<F> {
        let mut lineage = Vec::new();
        let mut add = |from: &Token<F>| {
            for fp in std::iter::once(&from.fp).chain(&from.lineage) {
                if !lineage.contains(fp) {
                    lineage.push(*fp);
                }
            }
        };
        add(presented);
        self.current.iter().for_each(&mut add);
        lineage.retain(|ancestor| *ancestor != fp);
        lineage.truncate(LINEAGE);
        Token { version: self.version.max(presented.version).next(), fp, lineage }
    }

    /// Tokens that a rotation presents: the stored one, then the candidates, the spare last;
    /// never one that Zoom refused.
    pub fn presentable(&self) -> impl Iterator<Item = &Token<F>> {
        let all = self.current.iter().chain(&self.candidates).chain(&self.spare);
        all.filter(|token| !self.refused.contains(&token.fp))
    }
}

/// Result of a token that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Accepted {
    /// It is the stored one now.
    Stored,
    /// It is kept beside the stored one.
    Candidate,
    /// It is stored already, or the stored one was made from it.
    Known,
    /// A newer epoch is stored; it is worthless.
    Older,
    /// The account was removed with this epoch or a later one: it is erased.
    Erased,
}

/// Rules P, F and D: offers `token` to the slot. Who offers it, and what lease
/// he holds or held, is not asked.
pub fn accept<F: Copy + Eq>(slot: &mut Slot<F>, token: &Token<F>) -> Accepted {
    if slot.standing == Standing::Removed && token.version.epoch <= slot.version.epoch {
        return Accepted::Erased;
    }
    let Some(current) = &slot.current else {
        if token.version <= slot.version {
            return Accepted::Older;
        }
        *slot = Slot::holding(token.clone());
        return Accepted::Stored;
    };
    if current.fp == token.fp && token.version > current.version {
        // Zoom gave a new access token and kept the refresh token.
        replace(slot, token, None);
        return Accepted::Stored;
    }
    let beside = slot.candidates.iter().chain(&slot.spare);
    let kept = beside.into_iter().any(|candidate| candidate.fp == token.fp);
    if current.fp == token.fp || current.descends_from(token.fp) || kept {
        return Accepted::Known;
    }
    if token.version.epoch != current.version.epoch {
        if token.version < current.version {
            return Accepted::Older;
        }
        *slot = Slot::holding(token.clone());
        return Accepted::Stored;
    }
    if token.descends_from(current.fp) {
        replace(slot, token, None);
        return Accepted::Stored;
    }
    if token.version > current.version {
        let current = current.clone();
        replace(slot, token, Some(current));
        return Accepted::Stored;
    }
    slot.candidates.insert(0, as_candidate(token.clone()));
    slot.candidates.truncate(CANDIDATES);
    // A verdict was about what was stored then; this one was never tried.
    slot.standing = Standing::Active;
    Accepted::Candidate
}

/// Accepts a token that an early probe got. The presented token is kept as the spare (an
/// exception to rule F, which would drop it with all ancestors).
pub fn accept_early<F: Copy + Eq>(
    slot: &mut Slot<F>,
    token: &Token<F>,
    presented: &Token<F>,
) -> Accepted {
    let accepted = accept(slot, token);
    if accepted == Accepted::Stored && token.fp != presented.fp {
        slot.spare = Some(as_candidate(presented.clone()));
    }
    accepted
}

fn replace<F: Copy + Eq>(slot: &mut Slot<F>, token: &Token<F>, forked: Option<Token<F>>) {
    let older = std::mem::take(&mut slot.candidates);
    let mut candidates: Vec<_> = forked.map(as_candidate).into_iter().chain(older).collect();
    // Its ancestors are used up, and tokens that Zoom refused are of no more use.
    candidates.retain(|c| {
        c.fp != token.fp && !token.descends_from(c.fp) && !slot.refused.contains(&c.fp)
    });
    candidates.truncate(CANDIDATES);
    // The spare outlives the lineage, but not its own presentation.
    let spare = slot.spare.take().filter(|spare| {
        let spent = token.lineage.first() == Some(&spare.fp) || token.fp == spare.fp;
        !spent && !slot.refused.contains(&spare.fp)
    });
    *slot = Slot { candidates, spare, ..Slot::holding(token.clone()) };
}

/// Of a candidate's lineage only its parent is kept.
fn as_candidate<F>(mut token: Token<F>) -> Token<F> {
    token.lineage.truncate(1);
    token
}

/// Result of a refusal by Zoom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Judged {
    /// The account needs a new consent.
    Written,
    /// Another token is left to be tried.
    Candidates,
    /// The store holds something else by now: the refusal says nothing about it.
    Moved,
    /// Another's intent covers it: he may hold the token that came of it.
    Covered,
}

/// Rule N: Zoom refused `presented` while `stored` (version and fingerprint)
/// was what the store held.
pub fn verdict<F: Copy + Eq>(
    slot: &mut Slot<F>,
    stored: (GrantVersion, F),
    presented: F,
    covered: bool,
) -> Judged {
    let same = slot.current.as_ref().is_some_and(|now| (now.version, now.fp) == stored);
    if !same || slot.standing != Standing::Active {
        return Judged::Moved;
    }
    if covered {
        return Judged::Covered;
    }
    if !slot.refused.contains(&presented) {
        slot.refused.push(presented);
    }
    if slot.presentable().next().is_some() {
        return Judged::Candidates;
    }
    slot.standing = Standing::NeedsReauth;
    Judged::Written
}

#[cfg(test)]
mod tests;
