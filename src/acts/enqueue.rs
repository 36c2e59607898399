//! Putting jobs into the queue for somebody who does not speak to Redis.

use std::collections::HashMap;

use jiff::Timestamp;
use zoomd_store::streams;
use zoomd_wire::{FailureCode, Rules, Warning};

use super::{Hand, named, tally};
use crate::config::Config;
use crate::error::CliError;

/// Jobs sent to Redis in one round trip.
const STEP: usize = 500;

/// Result for one job that was handed in.
#[derive(Debug)]
pub enum Taken {
    /// It is in the stream.
    Accepted(Accepted),
    /// The text is not a valid job.
    Refused {
        /// `invalid_job` or `id_conflict`.
        code: &'static str,
        /// The field that is wrong.
        field: String,
        /// Problem with it.
        message: String,
    },
}

/// A job in the stream.
#[derive(Debug)]
pub struct Accepted {
    pub id: String,
    pub entry: String,
    /// True if the same job waits, runs or has succeeded already: it has no result of its
    /// own.
    pub repeated: bool,
    /// Fields that look like mistakes.
    pub warnings: Vec<Warning>,
}

impl Taken {
    /// The word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted(accepted) if accepted.repeated => "repeated",
            Self::Accepted(_) => "accepted",
            Self::Refused { .. } => "refused",
        }
    }
}

/// A valid job that is not in the stream yet.
struct Sound {
    at: usize,
    id: Option<String>,
    digest: u64,
    repeated: bool,
    warnings: Vec<Warning>,
}

impl Hand {
    /// Puts jobs into the stream; the answers are in their order. An error after the first
    /// round trip means that some are in, so jobs should have ids.
    pub async fn enqueue(&self, config: &Config, texts: &[&str]) -> Result<Vec<Taken>, CliError> {
        let allow_past_start = config.jobs.allow_past_start;
        let rules = Rules { allow_past_start, ..Rules::at(Timestamp::now()) };
        let mut answers: Vec<Option<Taken>> = texts.iter().map(|_| None).collect();
        let mut sound = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            match zoomd_wire::parse(text.as_bytes(), &rules) {
                Ok(job) => sound.push(Sound {
                    at,
                    id: job.id.as_ref().map(ToString::to_string),
                    digest: job.digest(),
                    repeated: false,
                    warnings: job.warnings,
                }),
                Err(invalid) => {
                    answers[at] = Some(Taken::Refused {
                        code: FailureCode::InvalidJob.as_str(),
                        field: invalid.field.into_owned(),
                        message: invalid.message,
                    });
                }
            }
        }
        self.know(&mut sound, &mut answers).await?;
        let mut ended = Ok(());
        for some in sound.chunks_mut(STEP) {
            let jobs: Vec<&str> = some.iter().map(|sound| texts[sound.at]).collect();
            let entries = match streams::enqueue(self.ops.store(), &jobs).await {
                Ok(entries) => entries,
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            };
            for (sound, entry) in some.iter_mut().zip(entries) {
                let id = sound.id.take().unwrap_or_else(|| entry.clone());
                let (repeated, warnings) = (sound.repeated, std::mem::take(&mut sound.warnings));
                answers[sound.at] =
                    Some(Taken::Accepted(Accepted { id, entry, repeated, warnings }));
            }
        }
        let answers: Vec<Taken> = answers.into_iter().flatten().collect();
        let ids: Vec<&str> = answers.iter().filter_map(id_of).collect();
        if !ids.is_empty() {
            let outcome = tally(answers.iter().map(Taken::as_str));
            self.record("job.enqueue", &named(ids.into_iter()), "", &outcome).await;
        }
        ended?;
        Ok(answers)
    }

    /// Finds out which ids are taken: by the same job, or by another one.
    async fn know(
        &self,
        sound: &mut Vec<Sound>,
        answers: &mut [Option<Taken>],
    ) -> Result<(), CliError> {
        let ids: Vec<String> = sound.iter().filter_map(|sound| sound.id.clone()).collect();
        let mut known = HashMap::new();
        for some in ids.chunks(STEP) {
            let some: Vec<&str> = some.iter().map(String::as_str).collect();
            let found = self.ops.remembered(&some).await?;
            let digests = some
                .iter()
                .zip(found)
                .filter_map(|(id, found)| Some(((*id).to_owned(), found?.digest)));
            known.extend(digests);
        }
        sound.retain_mut(|sound| {
            let Some(id) = &sound.id else { return true };
            match known.get(id) {
                Some(Some(digest)) if *digest != sound.digest => {
                    answers[sound.at] = Some(Taken::Refused {
                        code: FailureCode::IdConflict.as_str(),
                        field: "id".to_owned(),
                        message: format!("another job has the id {id}"),
                    });
                    false
                }
                Some(_) => {
                    sound.repeated = true;
                    true
                }
                None => {
                    known.insert(id.clone(), Some(sound.digest));
                    true
                }
            }
        });
        Ok(())
    }
}

fn id_of(taken: &Taken) -> Option<&str> {
    match taken {
        Taken::Accepted(accepted) => Some(&accepted.id),
        Taken::Refused { .. } => None,
    }
}
