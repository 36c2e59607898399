//! The target of a job: the meeting that it changes, and its part in the line of the
//! jobs that change the same one.
//!
//! The scripts keep the lines (lua/lib/target.lua). Here is what goes into them and what
//! they say of a job that they hand out.

use std::fmt;
use std::sync::Arc;

use zoomd_wire::{Job, kind as wire};

/// A meeting, as a job names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetOf {
    /// The one that the create with this job id makes.
    Create(Arc<str>),
    /// The one with this number at Zoom.
    Meeting(u64),
}

/// The part of a job in the line of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// It ends what waits before it.
    Ends,
    /// It passes changes that wait before it.
    Passes,
    /// A change of the whole meeting, which can be merged with its neighbours.
    Folds,
    /// A change that cannot.
    Stands,
}

impl Part {
    /// The letter of lua/lib/target.lua.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Ends => 'E',
            Self::Passes => 'P',
            Self::Folds => 'F',
            Self::Stands => 'S',
        }
    }
}

/// The target of a job that asks to be admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmitTarget {
    /// The meeting.
    pub of: TargetOf,
    /// The part in its line.
    pub part: Part,
}

impl AdmitTarget {
    #[must_use]
    pub fn of(job: &Job) -> Option<Self> {
        let of = match job.target()? {
            wire::Target::Create(id) => TargetOf::Create(id.as_str().into()),
            wire::Target::Meeting(number) => TargetOf::Meeting(*number),
        };
        let part = match job.part()? {
            wire::Part::Ends => Part::Ends,
            wire::Part::Passes => Part::Passes,
            wire::Part::Folds => Part::Folds,
            wire::Part::Stands => Part::Stands,
        };
        Some(Self { of, part })
    }
}

/// As the scripts read it.
impl fmt::Display for AdmitTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = self.part.letter();
        match &self.of {
            TargetOf::Create(job_id) => write!(f, "{part}c{job_id}"),
            TargetOf::Meeting(number) => write!(f, "{part}m{number}"),
        }
    }
}

/// The end that another job prepared for this one: no call is made for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is cancelled by the job with this id.
    Cancelled {
        /// The id.
        by: String,
    },
    /// The create that it names was never sent, and is cancelled: nothing is left to do.
    NeverCreated,
    /// The create that it names made no meeting.
    NoMeeting,
}

impl Fate {
    #[must_use]
    pub fn of(aim: Aim) -> Option<Self> {
        match aim {
            Aim::Fate(fate) => Some(fate),
            Aim::Line { .. } => None,
        }
    }
}

/// Meeting that a job changes, as known when the job is handed out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownMeeting {
    pub number: Option<u64>,
    /// Record in the register, where zoomd made it.
    pub record: Option<String>,
    /// The run of the create that was to make it, where its outcome is unknown.
    pub unknown: Option<u32>,
}

impl KnownMeeting {
    /// Parses the scripts' form: `<number> <record>`, `unknown <run>`, or another state of
    /// the create.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let (number, record) = text.split_once(' ').unwrap_or((text, ""));
        if number == "unknown" {
            return Some(Self { unknown: record.parse().ok(), ..Self::default() });
        }
        let record = (!record.is_empty()).then(|| record.to_owned());
        Some(Self { number: number.parse().ok(), record, unknown: None })
    }
}

/// The line of a target, by its name in the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// Of the meeting that a create makes.
    Create {
        /// The entry of the create.
        entry: &'a str,
        job_id: &'a str,
    },
    /// Of a meeting that is known by its number only.
    Meeting { account: &'a str, number: u64 },
}

/// The aim of a live job: the last part of its `ids` value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aim {
    /// It stands in a line, or will when it is due.
    Line {
        /// The name of the line.
        name: Arc<str>,
        /// True if it stands there already.
        entered: bool,
    },
    /// It is only to be ended.
    Fate(Fate),
}

impl Aim {
    /// The text of an aim for another run of the job: it keeps its target, and has no
    /// place yet.
    pub(crate) fn again(text: &str) -> Option<String> {
        if let Some(fate) = text.strip_prefix('!') {
            let (_, aim) = fate.split_once('!')?;
            return (!aim.is_empty()).then(|| aim.to_owned());
        }
        let (place, name) = text.split_once(':')?;
        Some(format!("{}*:{name}", place.get(..1)?))
    }

    /// The name of the line in an aim, of one with a fate too.
    #[must_use]
    pub fn line_of(text: &str) -> Option<&str> {
        let aim = match text.strip_prefix('!') {
            Some(fate) => fate.split_once('!')?.1,
            None => text,
        };
        aim.split_once(':').map(|(_, name)| name)
    }

    /// The aim in its text; `None`: the job has no target.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if let Some(fate) = text.strip_prefix('!') {
            let (fate, _) = fate.split_once('!').unwrap_or((fate, ""));
            let fate = match fate.split_at_checked(1)? {
                ("K", by) => Fate::Cancelled { by: by.to_owned() },
                ("N", _) => Fate::NeverCreated,
                _ => Fate::NoMeeting,
            };
            return Some(Self::Fate(fate));
        }
        let (place, name) = text.split_once(':')?;
        Some(Self::Line { name: name.into(), entered: !place.ends_with('*') })
    }
}

impl<'a> Line<'a> {
    #[must_use]
    pub fn read(name: &'a str) -> Option<Self> {
        let (who, what) = name.get(1..)?.split_once('/')?;
        match name.as_bytes()[0] {
            b'c' => Some(Self::Create { entry: who, job_id: what }),
            b'm' => Some(Self::Meeting { account: who, number: what.parse().ok()? }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_is_read_as_scripts_write_it() {
        let line = |name: &str, entered| Some(Aim::Line { name: name.into(), entered });
        let cases = [
            ("", None),
            ("P05!07:c170-5/order:7", line("c170-5/order:7", true)),
            ("E5:c170-5/order:7", line("c170-5/order:7", true)),
            ("F*:macme/123", line("macme/123", false)),
            ("!Korder-9!", Some(Aim::Fate(Fate::Cancelled { by: "order-9".to_owned() }))),
            ("!N!E*:c170-5/order:7", Some(Aim::Fate(Fate::NeverCreated))),
            ("!M!S*:macme/1", Some(Aim::Fate(Fate::NoMeeting))),
        ];
        for (text, aim) in cases {
            assert_eq!(Aim::read(text), aim, "{text}");
        }
        for (text, again) in [
            ("E5:c170-5/order:7", Some("E*:c170-5/order:7")),
            ("F*:macme/123", Some("F*:macme/123")),
            ("!Korder-9!", None),
            ("!Korder-9!F*:macme/123", Some("F*:macme/123")),
        ] {
            assert_eq!(Aim::again(text).as_deref(), again, "{text}");
            let name = again.and_then(|again| again.split_once(':')).map(|(_, name)| name);
            assert_eq!(Aim::line_of(text), name, "{text}");
        }
        let create = Line::Create { entry: "170-5", job_id: "order:7" };
        assert_eq!(Line::read("c170-5/order:7"), Some(create));
        assert_eq!(Line::read("macme/123"), Some(Line::Meeting { account: "acme", number: 123 }));
        assert_eq!(Line::read("x"), None);
    }

    #[test]
    fn what_is_known_of_a_meeting_is_read_as_scripts_tell_it() {
        let known = |text| KnownMeeting::read(text).map(|k| (k.number, k.record, k.unknown));
        assert_eq!(known(""), None);
        assert_eq!(known("12 "), Some((Some(12), None, None)));
        assert_eq!(known("12 1|a|b"), Some((Some(12), Some("1|a|b".to_owned()), None)));
        assert_eq!(known("unknown 2"), Some((None, None, Some(2))));
    }

    #[test]
    fn a_target_is_written_with_its_part() {
        let of = |of, part| AdmitTarget { of, part }.to_string();
        assert_eq!(of(TargetOf::Create("a".into()), Part::Ends), "Eca");
        assert_eq!(of(TargetOf::Meeting(12), Part::Passes), "Pm12");
        assert_eq!((Part::Folds.letter(), Part::Stands.letter()), ('F', 'S'));
    }
}
