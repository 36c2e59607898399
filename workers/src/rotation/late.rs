//! A refusal that was staged, and whose verdict nobody wrote: its process died,
//! or Redis was away for too long.
//!
//! The evidence lies in the journal, so Zoom is not asked again: rule N judges it
//! however late, by what was stored when the token was presented.

use zoom_api::TokenRefusal;
use zoomd_store::StoreError;
use zoomd_store::grants::Line;
use zoomd_store::rotation::{Doubt, End, Judged, Refusal, Stored};

use super::Rotator;
use super::doubt::{Says, says};
use crate::journal::{Reply, Staged};

/// Result of a late refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// Redis knows what it says: the entry need not be kept.
    Told {
        /// True if the account changed.
        changed: bool,
    },
    /// Nothing is judged for now: the entry is the evidence.
    Keep,
}

impl Rotator {
    /// Does what a staged reply without a token says.
    pub(super) async fn late_refusal(
        &self,
        staged: &Staged,
        reply: &Reply,
    ) -> Result<Late, StoreError> {
        let (account, id) = (&staged.account, staged.id.as_str());
        let doubt = match reply.raw().parse() {
            // A token that cannot be offered.
            Ok(_) => Doubt::Silence,
            Err(refusal) => match says(refusal.kind, staged.is_early()) {
                Says::Unknown(doubt) => doubt,
                Says::Dead => match self.late_verdict(staged, &refusal).await? {
                    Some(Judged::Hold) => return Ok(Late::Keep),
                    None | Some(Judged::Candidates) => Doubt::Silence,
                    Some(_) => return Ok(Late::Told { changed: true }),
                },
                Says::App | Says::Limited | Says::Refused => {
                    let (intent, error) = (Some(id.to_owned()), Some(refusal.to_string()));
                    let end = End { intent, error, ..End::default() };
                    self.0.rotations.abort(account, "", &end).await?;
                    return Ok(Late::Told { changed: true });
                }
            },
        };
        let changed = self.tell_of(account, id, doubt).await?.is_some();
        Ok(Late::Told { changed })
    }

    /// Verdict of rule N; `None` where something else is stored by now.
    async fn late_verdict(
        &self,
        staged: &Staged,
        refusal: &TokenRefusal,
    ) -> Result<Option<Judged>, StoreError> {
        let Some(look) = self.0.rotations.look(&staged.account).await? else { return Ok(None) };
        let Some(grant) = look.grant else { return Ok(None) };
        let presented = staged.lineage.first().copied();
        let same = grant.version.next() == staged.version && staged.lineage.contains(&grant.fp);
        let Some(presented) = presented.filter(|_| same) else { return Ok(None) };
        let reason = reason(staged.probe, refusal);
        let line = Line::new("verdict")
            .version(grant.version)
            .fingerprint(presented)
            .by(&*self.0.daemon)
            .detail(format!("{reason}: {refusal} (found in a journal)"));
        let evidence = Refusal {
            account: &staged.account,
            stored: Stored { version: grant.version, fp: grant.fp },
            presented,
            owner: "",
            intent: &staged.id,
            reason,
            line,
            app_rest: self.0.settings.app_rest * 10,
            hold: self.0.settings.settle_after_restart,
            run_id: &self.run_heard(),
        };
        let judged = self.0.rotations.verdict(&evidence).await?;
        let account = &staged.account;
        tracing::warn!(%account, reason, ?judged, "token refresh: applied a rejection found in a journal");
        Ok(Some(judged))
    }
}

/// Reason for an account's loss of its grant, in one of the closed words. `probe`: the refused
/// token was presented to find out the result of an earlier exchange.
pub(super) fn reason(probe: bool, refusal: &TokenRefusal) -> &'static str {
    use zoom_api::RefusalCause;
    match refusal.cause() {
        Some(RefusalCause::NewerConsent) => "rotated_elsewhere",
        Some(RefusalCause::OwnerGone) => "owner_gone",
        Some(RefusalCause::AdminDisabled) => "admin_disabled",
        Some(RefusalCause::AppDisabled) => "app_disabled",
        Some(RefusalCause::ScopeChanged) => "scope_changed",
        _ if probe => "reply_lost",
        _ => "refused",
    }
}

#[cfg(test)]
mod tests {
    use zoom_api::RawTokenReply;

    use super::*;

    #[test]
    fn zooms_numbers_have_their_words() {
        let said = |body: &str| RawTokenReply::new(400, body.as_bytes().to_vec()).parse();
        let word = |body: &str, probe| reason(probe, &said(body).expect_err("a refusal"));
        for (code, wanted) in [
            (4741, "rotated_elsewhere"),
            (4735, "owner_gone"),
            (4738, "admin_disabled"),
            (4711, "scope_changed"),
        ] {
            let body = format!(r#"{{"error":"invalid_grant","code":{code}}}"#);
            assert_eq!((word(&body, false), word(&body, true)), (wanted, wanted), "{code}");
        }
        let spent = r#"{"reason":"Invalid Token!","error":"invalid_grant"}"#;
        assert_eq!((word(spent, false), word(spent, true)), ("refused", "reply_lost"));
    }
}
