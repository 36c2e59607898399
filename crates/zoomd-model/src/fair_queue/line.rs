//! Line of a Zoom account whose budget is used up.

use super::{Again, FairQueue, Glance, QUANTUM, Zset};
use crate::limits::Ask;

impl FairQueue {
    fn stand(&mut self, lane: &str, ask: Ask<'_>, glance: &mut Glance) {
        let place = ask.now_ms * 1000 + glance.visits;
        self.lines.entry(ask.zoom.to_owned()).or_default().add(lane, place);
        glance.lined.insert(ask.zoom.to_owned(), true);
    }

    fn leave(&mut self, lane: &str, zoom: &str) {
        let Some(line) = self.lines.get_mut(zoom) else { return };
        line.remove(lane);
        if line.is_empty() {
            self.lines.remove(zoom);
        }
    }

    /// Number of jobs that a lane may have in this turn, or the lane whose turn it is instead.
    pub(super) fn part(
        &mut self,
        lane: &str,
        ask: Ask<'_>,
        called: bool,
        glance: &mut Glance,
    ) -> Result<i64, String> {
        if !glance.lined.get(ask.zoom).copied().unwrap_or(false) {
            return Ok(QUANTUM);
        }
        if !called {
            self.stand(lane, ask, glance);
        }
        let free = self.budgets.left_of_zoom(ask).map_or(i64::MAX, |(left, ..)| left);
        let standing = self.lines.get(ask.zoom).map_or(0, |line| line.order.len());
        let equal = (free / i64::try_from(standing.max(1)).unwrap_or(1)).max(1);
        let part = *glance.parts.entry(ask.zoom.to_owned()).or_insert(equal);
        let first = self.lines.get(ask.zoom).and_then(Zset::first);
        match first.filter(|first| !called && first != lane) {
            None => Ok(part),
            Some(first) => {
                self.leave(&first, ask.zoom);
                Err(first)
            }
        }
    }

    pub(super) fn go_on_in_line(
        &mut self,
        lane: &str,
        ask: Ask<'_>,
        had: bool,
        again: &Again,
        spent: bool,
        glance: &mut Glance,
    ) {
        let lined = glance.lined.get(ask.zoom).copied().unwrap_or(false);
        if spent || lined && matches!(again, Again::Now) {
            if had && lined {
                self.leave(lane, ask.zoom);
            }
            self.stand(lane, ask, glance);
        } else if lined {
            self.leave(lane, ask.zoom);
        }
    }
}
