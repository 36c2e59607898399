//! Requests for a connect link and their bounds, for the command line, the API and the
//! console.

use std::ops::RangeInclusive;
use std::time::Duration;

use url::Url;
use zoomd_store::consent::NewLink;
use zoomd_store::grants::Plan;
use zoomd_wire::AccountName;

use super::return_to::is_allowed;
use crate::config::units::{show_time, time};
use crate::text::one_line;

/// Validity of a link, where the request names none.
const LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Range of the validity.
const LIVES: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(30 * 24 * 3_600);
/// Characters of a label.
const LABEL_MAX: usize = 80;

/// A request for a link, as it was sent. Empty texts are not given.
#[derive(Debug, Default, Clone, Copy)]
pub struct LinkRequest<'a> {
    /// Validity, as `2d`.
    pub ttl: &'a str,
    /// The name that the person sees.
    pub label: &'a str,
    /// The plan that the account gets.
    pub plan: &'a str,
    /// The address that the person goes back to.
    pub return_to: &'a str,
    /// True to take the Zoom user from the account it is connected as.
    pub take_over: bool,
}

/// A field that cannot be meant, and the reason.
pub type Wrong = (&'static str, String);

impl LinkRequest<'_> {
    /// The link that is asked for; ways back lie below one of `allowed`.
    pub fn check(&self, account: AccountName, allowed: &[String]) -> Result<NewLink, Wrong> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let at = |field| move |why: String| (field, why);
        let life = given(self.ttl).map(|text| life(&text)).transpose().map_err(at("ttl"))?;
        let plan = given(self.plan).map(|text| text.parse::<Plan>()).transpose();
        let label = given(self.label).map(|text| label(&text)).transpose();
        let back = given(self.return_to).map(|text| way_back(&text, allowed)).transpose();
        Ok(NewLink {
            account,
            plan: plan.map_err(at("plan"))?,
            take_over: self.take_over,
            life: life.unwrap_or(LIFE),
            label: label.map_err(at("label"))?,
            return_to: back.map_err(at("return_to"))?.map(String::from),
        })
    }
}

/// A validity within its range.
pub fn life(text: &str) -> Result<Duration, String> {
    let life = time(text).ok_or_else(|| "expected a time like 12h or 7d".to_owned())?;
    if LIVES.contains(&life) {
        return Ok(life);
    }
    let (shortest, longest) = (show_time(*LIVES.start()), show_time(*LIVES.end()));
    Err(format!("must lie between {shortest} and {longest}"))
}

/// A label in one line.
pub fn label(text: &str) -> Result<String, String> {
    let text = one_line(text.trim());
    if (1..=LABEL_MAX).contains(&text.chars().count()) {
        return Ok(text);
    }
    Err(format!("must have 1 to {LABEL_MAX} characters"))
}

/// An address that a person may be sent back to.
fn way_back(text: &str, allowed: &[String]) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    if is_allowed(&url, allowed) {
        return Ok(url);
    }
    Err(format!("{url} is below no address of public.return_to"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_cannot_be_meant_is_named() {
        let account = || AccountName::new("acme").expect("a name");
        let long = "x".repeat(LABEL_MAX + 1);
        let none = LinkRequest::default();
        for (wrong, field) in [
            (LinkRequest { ttl: "1s", ..none }, "ttl"),
            (LinkRequest { ttl: "31d", ..none }, "ttl"),
            (LinkRequest { plan: "odd", ..none }, "plan"),
            (LinkRequest { label: &long, ..none }, "label"),
            (LinkRequest { return_to: "https://a.test/", ..none }, "return_to"),
        ] {
            let field_of = wrong.check(account(), &[]).map(|_| ()).map_err(|(field, _)| field);
            assert_eq!(field_of, Err(field));
        }
        let made = none.check(account(), &[]).expect("a link");
        assert_eq!((made.life, made.label, made.return_to), (LIFE, None, None));
    }
}
