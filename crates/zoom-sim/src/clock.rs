//! The simulator's own time: the machine's, moved and stopped at will. Limits,
//! token lives and lags follow it; delays and time-outs on the wire do not.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds of a UTC day.
pub(crate) const DAY_MS: i64 = 86_400_000;

#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    offset_ms: i64,
    stopped_at: Option<i64>,
}

impl Clock {
    pub(crate) fn now_ms(&self) -> i64 {
        self.stopped_at.unwrap_or_else(|| machine_ms() + self.offset_ms)
    }

    pub(crate) fn set(&mut self, now_ms: i64) {
        match &mut self.stopped_at {
            Some(at) => *at = now_ms,
            None => self.offset_ms = now_ms - machine_ms(),
        }
    }

    pub(crate) fn advance(&mut self, by_ms: i64) {
        self.set(self.now_ms() + by_ms);
    }

    pub(crate) fn stop(&mut self) {
        self.stopped_at = Some(self.now_ms());
    }

    pub(crate) fn go(&mut self) {
        if let Some(at) = self.stopped_at.take() {
            self.set(at);
        }
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stopped_at.is_some()
    }
}

fn machine_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

pub(crate) fn day_of(ms: i64) -> i64 {
    ms.div_euclid(DAY_MS)
}

/// `2026-05-31T00:00:00Z`, whole seconds.
pub(crate) fn iso(ms: i64) -> String {
    jiff::Timestamp::from_second(ms.div_euclid(1_000))
        .map_or_else(|_| String::new(), |t| t.to_string())
}

/// `Sun, 31 May 2026 00:00:00 GMT`.
pub(crate) fn http_date(ms: i64) -> String {
    jiff::Timestamp::from_second(ms.div_euclid(1_000))
        .map(|t| t.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_stops_and_goes_on() {
        let mut clock = Clock::default();
        clock.set(1_000_000);
        assert!((1_000_000..1_010_000).contains(&clock.now_ms()));
        clock.stop();
        clock.set(5_000);
        clock.advance(500);
        assert_eq!(clock.now_ms(), 5_500);
        clock.go();
        assert!((5_500..15_500).contains(&clock.now_ms()));
    }

    #[test]
    fn days_and_dates() {
        assert_eq!(day_of(-1), -1);
        assert_eq!(iso(86_400_000 + 999), "1970-01-02T00:00:00Z");
        assert_eq!(http_date(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
