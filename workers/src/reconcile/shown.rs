//! Conclusion from the rows that were read: a meeting to adopt, meetings to read in full, or a
//! case for a person to decide.
//!
//! Invariant: a meeting is adopted only if its marker was seen.

use zoom_api::{Listed, MeetingRef, OddRow};
use zoomd_store::queue::Record;

use super::look::Looker;
use super::matcher::{self, Match, Matcher};
use super::search::{self, MOST_ALIKE, Pile, Search};
use crate::attempt::asker::{Answer, Failure, Refusal, Stop};
use crate::attempt::lookup::{Found, Look, Nothing};

/// Number of failed reads of a meeting that carries the marker before the row of the list must do.
const READS: u32 = 2;

impl Looker<'_, '_> {
    /// Conclusion from the rows that were read, if they allow one.
    pub(super) async fn shown(
        &mut self,
        pile: &Pile,
        record: &mut Record,
        search: &mut Search,
    ) -> Option<Look> {
        if !pile.found.is_empty() {
            return Some(self.adopt(&pile.found, search).await);
        }
        if let Some(row) = pile.nameless.first() {
            return Some(self.name(row).await);
        }
        let alike = &pile.alike;
        if !self.matcher.is_marked() && !alike.is_empty() {
            return Some(Look::Unclear {
                why: "the job has no marker, and these meetings could be its own".to_owned(),
                alike: alike.clone(),
            });
        }
        self.ask(pile, record).await
    }

    /// A look that found nothing.
    pub(super) fn nothing(&self, enough: bool, pile: Pile) -> Look {
        let rows = pile.doubtful;
        let unreadable = (rows > 0).then(|| {
            format!(
                "{rows} rows of Zoom's list are unreadable, and one of them could be the meeting"
            )
        });
        let doubt = unreadable.or_else(|| self.unlisted.map(ToOwned::to_owned));
        Look::Nothing(Nothing { enough, doubt, alike: pile.alike })
    }

    /// The marker stands in the list: the meeting exists. It is read in full for
    /// what the list leaves out; where that is refused the row must do.
    async fn adopt(&mut self, found: &[Listed], search: &mut Search) -> Look {
        let mut found: Vec<_> = found.iter().collect();
        found.sort_by(|a, b| a.created_at.cmp(&b.created_at).then(a.id.cmp(&b.id)));
        let all = found.iter().map(|one| one.id).collect();
        let Some(first) = found.first() else { return self.nothing(false, Pile::default()) };
        let json = match self.asker.get(&MeetingRef::Id(first.id)).await {
            Ok(Answer::Text(json)) => json,
            Ok(Answer::Missing(why, _)) => from_row(first, &why),
            Err(Stop::Failed(Failure { why, refusal: Some(_), .. })) => from_row(first, &why),
            Err(stop) if self.last || search.unread >= READS => from_row(first, &stop.to_string()),
            Err(stop) => {
                search.unread += u32::from(matches!(stop, Stop::Failed(_) | Stop::Later(_)));
                return Look::stopped(stop, vec![(*first).clone()]);
            }
        };
        Look::Found(found_in_list(first.id, json, all))
    }

    /// A row carries the marker and has no id: Zoom may know it by its uuid.
    async fn name(&mut self, row: &Listed) -> Look {
        let why = "Zoom's list shows the meeting in a row with an unreadable id";
        let Some(uuid) = row.uuid.clone().filter(|uuid| !uuid.is_empty()) else {
            return Look::Unclear { why: why.to_owned(), alike: vec![row.clone()] };
        };
        match self.asker.get(&MeetingRef::Uuid(uuid)).await {
            Ok(Answer::Text(json)) => match serde_json::from_str::<Listed>(&json) {
                Ok(Listed { id, .. }) => Look::Found(found_in_list(id, json, vec![id])),
                Err(_) => Look::Unclear { why: why.to_owned(), alike: vec![row.clone()] },
            },
            Ok(Answer::Missing(said, _)) => {
                Look::Unclear { why: format!("{why}; {said}"), alike: vec![row.clone()] }
            }
            Err(stop) => Look::stopped(stop, vec![row.clone()]),
        }
    }

    /// Reads the meetings whose agenda the list does not show in full.
    async fn ask(&mut self, pile: &Pile, record: &mut Record) -> Option<Look> {
        let mut read = search::read_before(record);
        let mut ask = pile.ask.clone();
        ask.sort_unstable();
        let mut trouble = None;
        for (_, id) in ask {
            if read.contains(&id) {
                continue;
            }
            if read.len() >= self.settings.most_gets {
                let why =
                    format!("{} meetings were read, and more could belong to the job", read.len());
                return Some(Look::Unclear { why, alike: pile.alike.clone() });
            }
            match self.asker.get(&MeetingRef::Id(id)).await {
                Ok(Answer::Text(json)) => {
                    if self.matcher.is_it(matcher::agenda_of(&json).flatten().as_deref()) {
                        return Some(Look::Found(found_in_list(id, json, vec![id])));
                    }
                    read.push(id);
                    search::keep_read(record, &read);
                }
                // The list shows it: one such answer is not believed.
                Ok(Answer::Missing(why, _)) => {
                    trouble = Some(Stop::Failed(Failure { why, refusal: None, code: None }));
                }
                Err(Stop::Failed(failure)) if failure.refusal == Some(Refusal::Other) => {
                    trouble = Some(Stop::Failed(failure));
                }
                Err(stop) => return Some(Look::stopped(stop, pile.alike.clone())),
            }
        }
        trouble.map(|stop| Look::stopped(stop, pile.alike.clone()))
    }
}

impl Pile {
    /// Takes the rows of a page; whether the marker was seen.
    pub(super) fn take(
        &mut self,
        matcher: &Matcher<'_>,
        most: usize,
        fresh: &[Listed],
        odd: &[OddRow],
    ) -> bool {
        let pile = self;
        pile.rows += fresh.len() + odd.len();
        pile.odd += odd.len();
        for row in fresh {
            let known = pile.alike.iter().any(|one| one.id == row.id);
            if matcher.is_candidate(row) && !known && pile.alike.len() < MOST_ALIKE {
                pile.alike.push(Listed { agenda: None, ..row.clone() });
            }
            match matcher.class(row) {
                Match::Carries => pile.found.push(row.clone()),
                // A list that begins again shows a row again. What is over `most` is
                // more than may be read, and the read of these says so.
                Match::Ask(rank)
                    if pile.ask.len() < most && pile.ask.iter().all(|(_, id)| *id != row.id) =>
                {
                    pile.ask.push((rank, row.id));
                }
                _ => {}
            }
        }
        for OddRow { rest, .. } in odd {
            match matcher.class(rest) {
                Match::Carries => pile.nameless.push(rest.clone()),
                Match::Ask(_) | Match::Candidate => pile.doubtful += 1,
                Match::Other => {}
            }
        }
        pile.has_found()
    }

    /// True if the marker was seen.
    pub(super) fn has_found(&self) -> bool {
        !self.found.is_empty() || !self.nameless.is_empty()
    }
}

/// The meeting of a lost call.
fn found_in_list(id: u64, json: String, all: Vec<u64>) -> Found {
    let how = "the list shows the meeting of the lost call";
    Found { id, json, all, effect: None, how }
}

/// Description, from its row, of a meeting that Zoom does not let be read.
fn from_row(one: &Listed, why: &str) -> String {
    tracing::debug!(meeting.id = one.id, why, "the meeting is adopted from its row in zoom's list");
    let mut fields = serde_json::to_value(one).unwrap_or_default();
    if let Some(fields) = fields.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    fields.to_string()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use zoomd_wire::{Marker, Rules};

    use super::*;

    #[test]
    fn a_row_that_is_read_again_is_asked_for_once() {
        let text = r#"{"account":"a","meeting":{"topic":"t","type":1}}"#;
        let rules = Rules::again(Timestamp::UNIX_EPOCH);
        let job = zoomd_wire::parse(text.as_bytes(), &rules).expect("a sound job");
        let marker = Marker::from_bits(7);
        let matcher =
            Matcher::new(Some(&marker), job.meeting().expect("a create"), Timestamp::UNIX_EPOCH);
        let rows: Vec<Listed> = (1..=60)
            .map(|id| serde_json::from_str(&format!(r#"{{"id":{id}}}"#)).expect("a row"))
            .collect();
        let mut pile = Pile::default();
        for _ in 0..3 {
            pile = pile.anew();
            assert!(!pile.take(&matcher, 100, &rows, &[]));
        }
        let ids: Vec<_> = pile.ask.iter().map(|(_, id)| *id).collect();
        assert_eq!(ids, (1..=60).collect::<Vec<_>>());
        assert_eq!(pile.rows, 60);
    }
}
