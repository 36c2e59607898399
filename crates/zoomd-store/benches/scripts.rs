//! CPU time that Redis uses for the queue's scripts, by the number of everything: `cargo bench -p
//! zoomd-store --bench scripts`. The server's own time is measured, so a busy machine disturbs it
//! less than a clock would.

mod drive;

use std::time::Duration;

use criterion::{
    BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use drive::{BATCH, Drive};
use tokio::runtime::{Builder, Runtime};

/// Jobs promoted in one call, as the daemon does it.
const STEP: usize = 500;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A batch of jobs: read, admitted, settled. Each account has had a job that day.
fn batch(c: &mut Criterion, name: &str, size: usize, accounts: usize, waiting: usize) {
    let runtime = runtime();
    let mut drive = runtime.block_on(Drive::start(accounts));
    runtime.block_on(drive.wait(waiting));
    runtime.block_on(drive.batches(accounts.div_ceil(BATCH) as u64));
    let mut group = c.benchmark_group("batch");
    group.sample_size(20).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function(BenchmarkId::new(name, size), |bencher| {
        bencher.iter_custom(|count| runtime.block_on(drive.batches(count)));
    });
}

fn accounts(c: &mut Criterion) {
    for accounts in [10, 1_000, 10_000, 100_000] {
        batch(c, "accounts", accounts, accounts, 0);
    }
}

/// An account's first job of the day makes the keys in which its calls are counted.
fn first_of_the_day(c: &mut Criterion) {
    let runtime = runtime();
    let mut group = c.benchmark_group("batch");
    group.sample_size(10).warm_up_time(Duration::from_millis(1));
    group.measurement_time(Duration::from_millis(500)).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("first of the day", |bencher| {
        bencher.iter_custom(|count| {
            // Twice as many accounts as jobs: none comes twice.
            let accounts = 2 * BATCH * usize::try_from(count).expect("few");
            let mut drive = runtime.block_on(Drive::start(accounts));
            runtime.block_on(drive.batches(count))
        });
    });
}

fn waiting(c: &mut Criterion) {
    for waiting in [0, 100_000, 1_000_000] {
        batch(c, "waiting", waiting, 10, waiting);
    }
}

/// Moves sleeping jobs that are due to their rooms.
fn promote(c: &mut Criterion) {
    let runtime = runtime();
    let mut drive = runtime.block_on(Drive::start(10));
    let mut group = c.benchmark_group("promote");
    group.sample_size(10).throughput(Throughput::Elements(STEP as u64));
    group.bench_function("due", |bencher| {
        bencher.iter_custom(|count| runtime.block_on(drive.promotions(count, STEP)));
    });
}

criterion_group!(benches, accounts, first_of_the_day, waiting, promote);
criterion_main!(benches);
