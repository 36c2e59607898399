//! Requests of the API calls, and how their answers are handled.

use crate::server::{TOKEN, accept, answer, client, header, read_request, token};
use zoom_api::{Class, ListQuery, MeetingRef, SendBody, Sent, TransportKind};

const MEETING: &str = r#"{"id":78475495050,"uuid":"u==","join_url":"https://j","host_id":"h"}"#;

#[tokio::test]
async fn create_sends_the_body_as_given_and_keeps_the_connection() {
    let (listener, client) = client().await;
    let token = token();
    let body = r#"{"topic":"ü"}"#;
    let server = async {
        let mut stream = accept(&listener).await;
        let first = read_request(&mut stream).await;
        answer(&mut stream, "201 Created", MEETING).await;
        let second = read_request(&mut stream).await;
        answer(&mut stream, "201 Created", MEETING).await;
        (first, second)
    };
    let calls = async {
        let reply = client.post_meeting(&token, "me", SendBody::always(body)).await.unwrap();
        assert_eq!(reply.created().unwrap().id, 78_475_495_050);
        assert_eq!(reply.body, MEETING);
        let host = "a+b@x.y";
        let again = client.post_meeting(&token, host, SendBody::always(body));
        assert_eq!(again.await.unwrap().status, 201);
    };
    let (((head, sent), (second, _)), ()) = tokio::join!(server, calls);
    assert_eq!(sent, body);
    assert!(head.starts_with("POST /v2/users/me/meetings HTTP/1.1\r\n"), "{head}");
    assert!(second.starts_with("POST /v2/users/a%2Bb@x.y/meetings HTTP/1.1\r\n"), "{second}");
    let bearer = format!("Bearer {TOKEN}");
    for (name, value) in [
        ("authorization", bearer.as_str()),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("content-length", "14"),
    ] {
        assert_eq!(header(&head, name), Some(value), "{head}");
    }
    assert_eq!(header(&head, "accept-encoding"), Some("identity"), "no compression is asked for");
    assert!(header(&head, "user-agent").unwrap().starts_with("zoom-api/"));
}

#[tokio::test]
async fn a_delete_names_its_meeting_and_mails_only_when_asked_to() {
    let (listener, client) = client().await;
    let token = token();
    let server = async {
        let mut stream = accept(&listener).await;
        let mut lines = Vec::new();
        for _ in 0..3 {
            let (head, body) = read_request(&mut stream).await;
            assert!(body.is_empty() && header(&head, "content-type").is_none(), "{head}");
            lines.push(head.lines().next().unwrap().to_owned());
            answer(&mut stream, "204 No Content", "").await;
        }
        lines
    };
    let calls = async {
        for (date, notify) in [(None, false), (None, true), (Some(1_648_194_360_000), false)] {
            let reply = client.erase_meeting(&token, 78_475_495_050, date, notify).await.unwrap();
            assert_eq!(reply.status, 204);
        }
    };
    let (lines, ()) = tokio::join!(server, calls);
    assert_eq!(lines[0], "DELETE /v2/meetings/78475495050 HTTP/1.1");
    let asked = "schedule_for_reminder=true&cancel_meeting_reminder=true";
    assert_eq!(lines[1], format!("DELETE /v2/meetings/78475495050?{asked} HTTP/1.1"));
    let date = "occurrence_id=1648194360000";
    assert_eq!(lines[2], format!("DELETE /v2/meetings/78475495050?{date} HTTP/1.1"));
}

#[tokio::test]
async fn changes_of_a_meeting_go_where_they_should() {
    let (listener, client) = client().await;
    let token = token();
    let server = async {
        let mut stream = accept(&listener).await;
        let mut seen = Vec::new();
        for _ in 0..3 {
            let (head, body) = read_request(&mut stream).await;
            assert_eq!(header(&head, "content-type"), Some("application/json"), "{head}");
            let line = head.lines().next().unwrap();
            seen.push(format!("{line} {body}"));
            answer(&mut stream, "204 No Content", "").await;
        }
        for _ in 0..2 {
            let (head, _) = read_request(&mut stream).await;
            seen.push(head.lines().next().unwrap().to_owned());
            answer(&mut stream, "200 OK", MEETING).await;
        }
        seen
    };
    let calls = async {
        let body = |text: &'static str| SendBody::always(text);
        client.patch_meeting(&token, 7, None, body("{}")).await.unwrap();
        client.patch_meeting(&token, 7, Some(9), body("{}")).await.unwrap();
        client.put_status(&token, 7, body(r#"{"action":"end"}"#)).await.unwrap();
        client.get_dates(&token, 7, None).await.unwrap();
        client.get_dates(&token, 7, Some(9)).await.unwrap();
        let refused = SendBody::new("{}", || false);
        let error = client.patch_meeting(&token, 7, None, refused).await.unwrap_err();
        assert_eq!((error.kind, error.sent), (TransportKind::Withheld, Sent::No));
    };
    let (seen, ()) = tokio::join!(server, calls);
    let expected = [
        "PATCH /v2/meetings/7 HTTP/1.1 {}",
        "PATCH /v2/meetings/7?occurrence_id=9 HTTP/1.1 {}",
        r#"PUT /v2/meetings/7/status HTTP/1.1 {"action":"end"}"#,
        "GET /v2/meetings/7?show_previous_occurrences=true HTTP/1.1",
        "GET /v2/meetings/7?occurrence_id=9 HTTP/1.1",
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn reads_go_where_they_should() {
    let (listener, client) = client().await;
    let token = token();
    let server = async {
        let mut stream = accept(&listener).await;
        let mut lines = Vec::new();
        for body in [r#"{"meetings":[]}"#, MEETING, MEETING, r#"{"id":"u"}"#] {
            let (head, _) = read_request(&mut stream).await;
            lines.push(head.lines().next().unwrap().to_owned());
            answer(&mut stream, "200 OK", body).await;
        }
        lines
    };
    let calls = async {
        let query = ListQuery::default();
        let list = client.list_meetings(&token, "me", &query).await.unwrap();
        assert!(list.page().unwrap().meetings.is_empty());
        let by_id = client.get_meeting(&token, &MeetingRef::Id(7)).await.unwrap();
        assert_eq!(by_id.meeting().unwrap().summary.id, 78_475_495_050);
        let uuid = MeetingRef::Uuid("/a==".into());
        client.get_meeting(&token, &uuid).await.unwrap();
        let me = client.users_me(&token).await.unwrap();
        assert_eq!(me.user().unwrap().id, "u");
    };
    let (lines, ()) = tokio::join!(server, calls);
    assert_eq!(
        lines,
        [
            "GET /v2/users/me/meetings?type=scheduled&page_size=300 HTTP/1.1",
            "GET /v2/meetings/7 HTTP/1.1",
            "GET /v2/meetings/%252Fa%253D%253D HTTP/1.1",
            "GET /v2/users/me HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn a_redirect_is_an_answer_not_a_way() {
    let (listener, client) = client().await;
    let server = async {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await;
        answer(&mut stream, "302 Found\r\nlocation: /v2/elsewhere", "").await;
        stream
    };
    let token = token();
    let call = client.post_meeting(&token, "me", SendBody::always("{}"));
    let (stream, reply) = tokio::join!(server, call);
    let reply = reply.unwrap();
    assert_eq!(reply.status, 302);
    assert_eq!(reply.created().unwrap_err().status, 302);
    assert_eq!(reply.error().class(), Class::Unclear);
    drop((stream, client));
    let (nobody, _) = (listener.into_std().unwrap(), ());
    nobody.set_nonblocking(true).unwrap();
    assert!(nobody.accept().is_err(), "no second connection");
}

#[tokio::test]
async fn an_xml_error_is_read() {
    let (listener, client) = client().await;
    let server = async {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await;
        let xml = "<?xml version=\"1.0\"?><result><code>300</code><message>Invalid field.</message></result>";
        answer(&mut stream, "400 Bad Request\r\nX-RateLimit-Remaining: 5", xml).await;
    };
    let token = token();
    let call = client.post_meeting(&token, "me", SendBody::always("{}"));
    let ((), reply) = tokio::join!(server, call);
    let reply = reply.unwrap();
    let error = reply.error();
    assert_eq!((error.status, error.code), (400, Some(300)));
    assert_eq!(error.message, "Invalid field.");
    assert_eq!(error.class(), Class::Refused);
    assert_eq!(reply.headers.remaining, Some(5));
}
