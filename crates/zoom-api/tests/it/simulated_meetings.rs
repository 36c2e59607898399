//! Create, list, get against the simulated Zoom.

use zoom_api::{
    AccessToken, Class, Client, ListQuery, Listed, MeetingRef, Pager, PagerFull, SendBody,
};
use zoom_sim::{Config, Endpoint, Fault, Sim, What};

use crate::simulated_oauth::world;

pub fn token(sim: &Sim, user: &str) -> AccessToken {
    AccessToken::new(&sim.grant(user).access_token).unwrap()
}

pub fn body(topic: &str) -> SendBody {
    let json = serde_json::json!({
        "topic": topic, "type": 2, "start_time": "2037-01-01T10:00:00Z", "duration": 30,
        "timezone": "UTC", "agenda": "x".repeat(300),
    });
    SendBody::always(json.to_string())
}

async fn list(
    client: &Client,
    token: &AccessToken,
    mut pager: Pager,
) -> Result<Vec<Listed>, PagerFull> {
    let mut all = Vec::new();
    loop {
        let reply = client.list_meetings(token, "me", pager.query()).await.unwrap();
        let step = pager.accept(&mut reply.page().unwrap());
        all.extend(step.fresh);
        if !step.more? {
            return Ok(all);
        }
    }
}

#[tokio::test]
async fn what_is_created_is_listed_and_got() {
    let (sim, client) = world(Config::unlimited()).await;
    let token = token(&sim, "ada");
    let mut ids = Vec::new();
    for n in 0..7 {
        let reply = client.post_meeting(&token, "me", body(&format!("t{n}"))).await.unwrap();
        let created = reply.created().unwrap();
        assert!(
            created.join_url.is_some()
                && created.fields.iter().any(|(name, _)| name == "start_url")
        );
        assert_eq!(created.host_email.as_deref(), Some("ada@example.com"));
        ids.push(created.id);
    }
    let query = ListQuery { page_size: 3, ..ListQuery::default() };
    let listed = list(&client, &token, Pager::new(query.clone(), 3)).await.unwrap();
    let mut found: Vec<_> = listed.iter().map(|meeting| meeting.id).collect();
    found.sort_unstable();
    ids.sort_unstable();
    assert_eq!(found, ids);
    assert!(listed.iter().all(|m| m.agenda.as_ref().is_some_and(|a| a.len() == 250)));
    assert_eq!(list(&client, &token, Pager::new(query, 2)).await, Err(PagerFull::TooLong(2)));

    let day = |text: &str| Some(text.parse().unwrap());
    let narrow = |from, to| ListQuery { from: day(from), to: day(to), ..ListQuery::default() };
    let that_day = Pager::new(narrow("2037-01-01", "2037-01-01"), 9);
    assert_eq!(list(&client, &token, that_day).await.unwrap().len(), 7);
    let another = Pager::new(narrow("2037-01-02", "2037-01-03"), 9);
    assert_eq!(list(&client, &token, another).await.unwrap().len(), 0);

    let reply = client.get_meeting(&token, &MeetingRef::Id(ids[0])).await.unwrap();
    let meeting = reply.meeting().unwrap();
    assert_eq!(meeting.summary.agenda.unwrap().len(), 300, "whole, unlike in the list");
    assert!(meeting.start_url.is_some());
    assert_eq!(meeting.creation_source.as_deref(), Some("open_api"));
    let counters = sim.counters();
    assert!(counters.broken.none(), "{:?}", sim.violations());
}

#[tokio::test]
async fn refusals_are_sorted() {
    let (sim, client) = world(Config::unlimited()).await;
    let ada = token(&sim, "ada");
    let of = |reply: Result<zoom_api::Reply, _>| {
        let error = reply.unwrap().error();
        (error.class(), error.status, error.code)
    };
    let missing = client.get_meeting(&ada, &MeetingRef::Id(1)).await;
    assert_eq!(of(missing), (Class::NotFound, 404, Some(3001)));
    let stranger = client.post_meeting(&ada, "nobody@example.com", body("t")).await;
    assert_eq!(of(stranger), (Class::NotFound, 404, Some(1001)));
    let invalid = SendBody::always(
        r#"{"topic":"t","type":2,"duration":9999,"start_time":"2037-01-01T10:00:00Z"}"#,
    );
    let reply = client.post_meeting(&ada, "me", invalid).await;
    let error = reply.as_ref().unwrap().error();
    assert_eq!(error.errors.first().map(|e| e.field.as_str()), Some("duration"), "{error}");
    assert_eq!(of(reply), (Class::Refused, 400, Some(300)));

    let narrow = sim.seed("bob", None, Some("meeting:write:meeting"));
    let bob = AccessToken::new(&narrow.tokens.access_token).unwrap();
    let scope = client.list_meetings(&bob, "me", &ListQuery::default()).await;
    assert_eq!(of(scope).0, Class::Scope);

    sim.kill_access_token("ada");
    let dead = client.post_meeting(&ada, "me", body("t")).await;
    assert_eq!(of(dead), (Class::Token, 401, Some(124)));
    let nonsense = AccessToken::new("nonsense").unwrap();
    assert_eq!(of(client.users_me(&nonsense).await).0, Class::Token);
    sim.fault(Fault::new(Endpoint::Create, What::Unauthorized));
    let stray = client.post_meeting(&token(&sim, "cyd"), "me", body("t")).await;
    assert_eq!(of(stray).0, Class::Token);
}
