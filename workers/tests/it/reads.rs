//! Reads for somebody who waits go by the protocol of all calls: limits, tokens, circuits.

use std::time::Duration;

use zoom_api::{AccessToken, Client, ListQuery, Reply, TransportError};
use zoom_sim::{Endpoint, Fault, LimitKind, What};
use zoomd_wire::AccountName;
use zoomd_workers::Engine;
use zoomd_workers::attempt::exchange::{Exchange, NoReply};
use zoomd_workers::attempt::read::{Read, Unread, read};

use crate::world::{LIMIT, World};

async fn list(engine: &Engine, account: &str, patience: Duration) -> Result<Reply, Unread> {
    let account = AccountName::new(account).expect("a name");
    let one = Read { account: &account, exchange: Exchange::LIST, patience };
    let query = ListQuery::default();
    let send = async |client: &Client, token: &AccessToken| -> Result<Reply, TransportError> {
        client.list_meetings(token, "me", &query).await
    };
    read(engine.zoom(), one, send).await
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_a_fresh_one_is_not() {
    let world = World::new().await;
    world.account_aged("old", 3_000).await;
    world.account("fresh").await;
    let engine = world.engine().await;
    for (account, status, rotations) in [("old", 200, 1), ("fresh", 401, 0)] {
        world.sim.kill_access_token(account);
        let reply = list(&engine, account, LIMIT).await.expect("an answer");
        assert_eq!((reply.status, world.sim.rotations(account)), (status, rotations), "{account}");
    }
    assert!(matches!(list(&engine, "nobody", LIMIT).await, Err(Unread::Token(_))));
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_limit_closes_for_all_and_is_waited_for_only_within_patience() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    world.sim.fault(Fault::new(Endpoint::List, What::Limit(LimitKind::LabelDay)));
    let limited = list(&engine, "acme", LIMIT).await;
    assert!(matches!(limited, Err(Unread::Call(NoReply::Limited { .. }))), "{limited:?}");
    let waits = list(&engine, "acme", Duration::from_secs(5)).await;
    assert!(matches!(waits, Err(Unread::Call(NoReply::Later { .. }))), "{waits:?}");
    assert_eq!(world.sim.counters().arrived.list, 1, "zoom was not asked again");
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_host_out_of_reach_is_not_asked_again_and_again() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.engine().await;
    assert!(list(&engine, "acme", LIMIT).await.expect("an answer").is_success());
    world.sim.down().await;
    let mut met = Vec::new();
    for _ in 0..20 {
        met.push(list(&engine, "acme", LIMIT).await.expect_err("zoom is down"));
    }
    assert!(matches!(met[0], Unread::Call(NoReply::Transport(_))), "{met:?}");
    assert!(matches!(met.last(), Some(Unread::Call(NoReply::Wait(_)))), "{met:?}");
    engine.drain(LIMIT).await;
}
