//! Acts on one account from its page: pause, resume, refresh, connect link, remove.

use std::time::Duration;

use zoomd_wire::AccountName;

use super::Console;
use super::answer::Refused;
use super::came::{Came, Done};
use super::show::Moment;
use super::wish::{Verb, Wish};
use crate::acts::{Hand, LinkRequest, RemovedAccount, Revoked};
use crate::http::public::Paths;
use crate::text::count;

/// Time for which a rotation is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

fn missing(wish: &Wish) -> Refused {
    Refused::Missing(format!("There is no account {}.", wish.account))
}

fn link(wish: &Wish) -> LinkRequest<'_> {
    LinkRequest {
        ttl: &wish.ttl,
        label: &wish.label,
        plan: "",
        return_to: &wish.return_to,
        take_over: !wish.take_over.is_empty(),
    }
}

/// The reason why the fields of `wish` cannot be meant.
pub(super) fn refused(console: &Console, wish: &Wish) -> Option<String> {
    if !wish.is_of_account() {
        return None;
    }
    let name = match wish.account.trim().parse::<AccountName>() {
        Ok(name) => name,
        Err(error) => return Some(format!("No name of an account: {error}.")),
    };
    if wish.verb != Verb::ConnectLink {
        return None;
    }
    let allowed = &console.0.config.public.return_to;
    let wrong = link(wish).check(name, allowed).err()?;
    let field = match wrong.0 {
        "ttl" => "Valid for",
        "label" => "Name for the person",
        _ => "Way back",
    };
    Some(format!("{field}: {}.", wrong.1))
}

/// Carries out an act on the account of `wish`.
pub(super) async fn carry_out(
    console: &Console,
    hand: &Hand,
    wish: &Wish,
) -> Result<Came, Refused> {
    let name: AccountName = wish.account.trim().parse().map_err(|_| missing(wish))?;
    let (backend, reason) = (&console.0, wish.reason.as_str());
    let done = || Came::from(vec![Done::whole(name.as_str())]);
    let there = |found: bool| found.then(done).ok_or_else(|| missing(wish));
    match wish.verb {
        Verb::PauseAccount => there(hand.pause_account(console.grants(), &name, reason).await?),
        Verb::ResumeAccount => there(hand.resume_account(console.grants(), &name).await?),
        Verb::RefreshAccount => {
            let grants = backend.open_grants().await?;
            let how = (false, PATIENCE);
            let made = hand.refresh(&backend.config, &grants, &name, how, |_| ()).await?;
            let told = format!("The new token is of generation {}.", made.generation);
            Ok(Came { told, ..done() })
        }
        Verb::ConnectLink => {
            let allowed = &backend.config.public.return_to;
            let new = link(wish).check(name.clone(), allowed).map_err(|_| missing(wish))?;
            let (grants, paths) = (backend.open_grants().await?, Paths::of(&backend.config));
            let made = hand
                .connect_link(&backend.config, &grants, &new, |token| paths.link(token))
                .await?;
            let until = made.expires_at.map(Moment::of);
            Ok(Came { link: Some((made.url.into(), until)), ..done() })
        }
        Verb::RemoveAccount => {
            let grants = backend.open_grants().await?;
            let how = (false, reason);
            let gone = hand.remove_account(&backend.config, &grants, &name, how, |_| ()).await?;
            Ok(Came { told: told(&gone), ..done() })
        }
        _ => Ok(Came::default()),
    }
}

/// The effect of a removal, in sentences.
fn told(gone: &RemovedAccount) -> String {
    let grant = match (gone.revoked, &gone.trouble) {
        (_, Some(trouble)) => format!(
            "Its grant at Zoom may live on: {trouble}. Its user can remove the app at \
             marketplace.zoom.us, under Installed apps."
        ),
        (Revoked::Yes, _) => "Its grant at Zoom is revoked.".to_owned(),
        (Revoked::Shared, _) => {
            "Its grant at Zoom stays: another account uses the same Zoom user.".to_owned()
        }
        _ => "It had no grant at Zoom to revoke.".to_owned(),
    };
    match gone.waiting {
        0 => grant,
        jobs => format!("{grant} {} of it fail.", count(jobs, "waiting job")),
    }
}
