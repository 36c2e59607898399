//! Settings of the workers, from the configuration.

use std::time::Duration;

use zoomd_wire::{Include, MaxWait};

use crate::patience::Patience;
use crate::timetable::Cron;

/// Place of the marker of a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MarkerPlace {
    /// At the end of its agenda.
    #[default]
    Agenda,
    /// Nowhere. A create whose answer is lost can then not be told from others.
    None,
}

/// The settings of an engine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Requests to Zoom in flight.
    pub concurrency: usize,
    /// Let a meeting start in the past.
    pub allow_past_start: bool,
    /// Longest wait of a job without a deadline.
    pub max_wait: MaxWait,
    pub marker: MarkerPlace,
    /// Search for lost outcomes.
    pub reconcile: Patience,
    /// Which of a meeting's fields the results carry that are left out otherwise.
    pub include: Vec<Include>,
    /// True if the register of meetings keeps topics.
    pub keep_topics: bool,
    /// Pause of the intake after Redis restarted or failed over.
    pub rest_after_restart: Duration,
    /// A grant that nobody uses is rotated once in each period between its ticks,
    /// so that it stays alive.
    pub keep_alive: Cron,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 256,
            allow_past_start: false,
            max_wait: MaxWait::default(),
            marker: MarkerPlace::default(),
            reconcile: Patience::default(),
            include: Vec::new(),
            keep_topics: false,
            rest_after_restart: Duration::from_secs(5),
            keep_alive: Cron::weekly(),
        }
    }
}
