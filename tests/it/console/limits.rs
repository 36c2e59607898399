//! Daily limits close to their end, on the first page.

use zoom_sim::Endpoint;

use super::page;
use crate::support::{Rig, job, until};

const SHOWN: &str = "class=\"owner\" href=\"/accounts/acme\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_page_shows_a_limit_of_which_a_tenth_is_left() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let mut daemon = rig.daemon();
    let left = until("a count of the limits", || {
        let body = page(&daemon, "/");
        body.contains("No daily limit was close to its end").then_some(body)
    });
    assert!(!left.contains(SHOWN), "{left}");
    for n in 0..90 {
        rig.xadd(&job("acme", &format!("order-{n}"))).await;
    }
    rig.sim.wait_for(Endpoint::Create, 90).await.expect("all are made");
    assert!(daemon.stop().success());
    // A daemon counts when it starts, and then once a minute.
    let daemon = rig.daemon();
    let body = until("the limit of the host", || {
        Some(page(&daemon, "/")).filter(|body| body.contains(SHOWN))
    });
    assert!(body.contains("90 percent used"), "{body}");
}
