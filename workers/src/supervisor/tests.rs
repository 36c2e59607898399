//! Detection of each way in which a part ends, and cases that do not count as an end.

use std::time::Instant;

use super::*;

const LIMIT: Duration = Duration::from_secs(6);

#[tokio::test]
async fn an_end_and_a_panic_are_noticed_at_once_and_the_first_counts() {
    let supervisor = Supervisor::default();
    let _idle =
        supervisor.spawn("idle", |beat| async move { beat.waiting(std::future::pending()).await });
    let mut ends = supervisor.spawn("ends", |_| async {});
    ends.ended().await;
    let mut panics = supervisor.spawn("panics", |_| async { panic!("as it should") });
    panics.ended().await;
    let fault = Fault { part: "ends", how: How::Ended };
    assert_eq!(supervisor.watch(LIMIT).await, fault);
    assert_eq!(supervisor.fault(), Some(fault));
    let names: Vec<_> = supervisor.parts().iter().map(|part| part.name).collect();
    assert_eq!(names, ["idle"], "what ended is off the list");
}

#[tokio::test]
async fn a_panic_within_another_part_is_noticed_too() {
    let supervisor = Supervisor::default();
    let inner = supervisor.clone();
    let _part = supervisor.spawn("outer", |beat| async move {
        beat.waiting(inner.part("inner", |_| async { panic!("as it should") })).await;
        beat.waiting(std::future::pending()).await
    });
    let fault = supervisor.watch(LIMIT).await;
    assert_eq!(fault.to_string(), "part inner panicked");
}

#[tokio::test]
async fn a_stop_that_was_asked_for_is_no_fault_but_a_panic_during_it_is() {
    let supervisor = Supervisor::default();
    let mut aborted = supervisor.spawn("aborted", |_| std::future::pending());
    aborted.abort();
    aborted.ended().await;
    supervisor.close();
    let mut part = supervisor.spawn("ends", |_| async {});
    part.ended().await;
    assert_eq!(supervisor.fault(), None);
    let mut part = supervisor.spawn("panics", |_| async { panic!("as it should") });
    part.ended().await;
    assert_eq!(supervisor.fault(), Some(Fault { part: "panics", how: How::Panicked }));
    assert!(supervisor.parts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_part_that_hangs_is_found_while_others_move_and_wait() {
    let supervisor = Supervisor::default();
    let _waits =
        supervisor.spawn("waits", |beat| async move { beat.waiting(std::future::pending()).await });
    let _moves = supervisor.spawn("moves", |beat| async move {
        loop {
            tokio::time::sleep(LIMIT / 2).await;
            beat.touch();
        }
    });
    let quiet = tokio::time::timeout(LIMIT * 20, supervisor.watch(LIMIT)).await;
    assert!(quiet.is_err(), "{quiet:?}");
    let begun = tokio::time::Instant::now();
    let _hangs = supervisor.spawn("hangs", |beat| async move {
        beat.touch();
        std::future::pending().await
    });
    assert_eq!(supervisor.watch(LIMIT).await, Fault { part: "hangs", how: How::Hangs });
    assert!(begun.elapsed() >= LIMIT && begun.elapsed() < LIMIT * 2, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_part_between_two_turns_moves_and_a_late_turn_puts_off_the_next() {
    let supervisor = Supervisor::default();
    let (told, mut turns) = tokio::sync::mpsc::unbounded_channel();
    let _part = supervisor.spawn("turns", |beat| async move {
        let mut turns = beat.every(LIMIT * 10);
        for late in [LIMIT * 15, Duration::ZERO, Duration::ZERO] {
            turns.next().await;
            let _ = told.send(tokio::time::Instant::now());
            beat.waiting(tokio::time::sleep(late)).await;
        }
        std::future::pending().await
    });
    let begun = tokio::time::Instant::now();
    let watch = async {
        let mut came = Vec::new();
        for _ in 0..3 {
            came.push(turns.recv().await.expect("a turn") - begun);
        }
        came
    };
    let came = tokio::select! {
        came = watch => came,
        fault = supervisor.watch(LIMIT) => panic!("{fault}"),
    };
    let near = |at: Duration, limits: u32| at.abs_diff(LIMIT * limits) < LIMIT;
    assert!(near(came[0], 0) && near(came[1], 15) && near(came[2], 25), "{came:?}");
}

/// A process that was stopped finds its clocks old, and its parts well.
#[tokio::test]
async fn a_thread_that_stood_still_blames_nobody() {
    let limit = Duration::from_millis(600);
    let supervisor = Supervisor::default();
    let _waits =
        supervisor.spawn("waits", |beat| async move { beat.waiting(std::future::pending()).await });
    let watching = supervisor.clone();
    let watch = tokio::spawn(async move { watching.watch(limit).await });
    tokio::task::yield_now().await;
    let begun = Instant::now();
    while begun.elapsed() < limit * 2 {
        std::thread::park_timeout(limit * 2);
    }
    tokio::task::yield_now().await;
    assert!(!watch.is_finished());
    assert_eq!(supervisor.fault(), None);
}
