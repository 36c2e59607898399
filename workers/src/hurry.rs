//! Test hooks that make an engine faster or set its clock wrong; see [`failpoints`].

use std::ffi::OsString;
use std::time::Duration;

use zoomd_store::clock::ClockOffset;
use zoomd_store::queue::QueueSettings;

use crate::failpoints;
use crate::settings::Settings;
use crate::supervisor::Beat;

/// Between two looks at a file.
const OFTEN: Duration = Duration::from_millis(20);

/// Makes leases of jobs and the looks of reconcile so many times shorter.
pub(crate) fn hurry(settings: &mut Settings, queue: &mut QueueSettings) {
    let pace = failpoints::times("ZOOMD_FAILPOINT_WORK_PACE");
    let looks = settings.reconcile.delays.iter_mut();
    let waits = [&mut queue.lease, &mut queue.send_within, &mut settings.reconcile.twins_after];
    for time in looks.chain(waits) {
        *time /= pace;
    }
}

/// The file that says how wrong the clock is, if one is wished for.
pub(crate) fn clock() -> Option<OsString> {
    std::env::var_os("ZOOMD_FAILPOINT_CLOCK")
}

/// Keeps the clock as wrong as the file says, for as long as it is polled.
pub(crate) async fn set_clock(clock: ClockOffset, file: OsString, beat: Beat) {
    loop {
        let wrong = std::fs::read_to_string(&file).ok().and_then(|ms| ms.trim().parse().ok());
        clock.set_ms(wrong.unwrap_or(0));
        beat.touch();
        tokio::time::sleep(OFTEN).await;
    }
}
