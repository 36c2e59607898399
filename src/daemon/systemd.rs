//! Notifications to the service manager. Without one, nothing happens here.

use std::pin::pin;
use std::time::Duration;

use sd_notify::NotifyState;

/// The process is ready for work.
pub fn ready() {
    tell(&[NotifyState::Ready, NotifyState::Status("ready")]);
}

/// The process waits for something, and will go on: one line why, and a request
/// not to lose patience before `more` has passed.
pub fn waiting(why: &str, more: Duration) {
    let micros = u32::try_from(more.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::Status(why), NotifyState::ExtendTimeoutUsec(micros)]);
}

/// The process is about to end.
pub fn stopping(in_hand: usize) {
    let status = format!("stopping; {in_hand} jobs in hand");
    tell(&[NotifyState::Stopping, NotifyState::Status(&status)]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd: could not notify the service manager");
    }
}

/// Runs `work`, and feeds the watchdog for as long as this task has its turns.
pub async fn watched<T>(work: impl Future<Output = T>) -> T {
    let Some(period) = sd_notify::watchdog_enabled() else { return work.await };
    let mut work = pin!(work);
    let mut tick = tokio::time::interval(period / 3);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = tick.tick() => tell(&[NotifyState::Watchdog]),
        }
    }
}
