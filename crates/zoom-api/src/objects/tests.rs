use super::*;
use crate::Reply;
use bytes::Bytes;
use http::HeaderMap;
use secrecy::ExposeSecret;

fn reply(status: u16, body: &'static str) -> Reply {
    Reply::new(status, &HeaderMap::new(), Bytes::from_static(body.as_bytes()))
}

#[test]
fn only_201_is_a_created_meeting() {
    let body = r#"{"id":12345678901,"uuid":"a\/b==","join_url":"https://j/1","start_url":"https://s/1?zak=x","settings":{"a":[1,2]},"host_id":"h"}"#;
    let answer = reply(201, body);
    let created = answer.created().unwrap();
    assert_eq!(created.id, 12_345_678_901);
    assert_eq!(created.uuid.as_deref(), Some("a/b=="));
    assert_eq!(created.host_id.as_deref(), Some("h"));
    assert_eq!(created.host_email, None);
    let names: Vec<_> = created.fields.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["id", "uuid", "join_url", "start_url", "settings", "host_id"]);
    assert_eq!(created.fields[4].1, r#"{"a":[1,2]}"#);
    assert!(!format!("{created:?}").contains("zak"));
    assert_eq!(created.text, body);
    for status in [200, 202, 204, 302, 400] {
        assert_eq!(reply(status, body).created().unwrap_err().status, status);
    }
}

#[test]
fn what_cannot_be_read_says_where_and_quotes_nothing() {
    for body in [
        "",
        "secret",
        "[]",
        "{}",
        r#"{"id":"secret"}"#,
        r#"{"id":-1,"start_url":"secret"}"#,
        r#"{"id":0,"uuid":"secret"}"#,
        r#"{"id":1,"id":2,"uuid":"secret"}"#,
        r#"{"id":1,"uuid":"secret"#,
        r#"{"id":1} secret"#,
    ] {
        let error = reply(201, body).created().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        let error = reply(200, body).meeting().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
    let broken =
        Reply::new(201, &HeaderMap::new(), Bytes::from_static(b"{\"id\":1,\"a\":\"\xff\"}"));
    assert!(broken.created().is_err());
}

fn told(created: Created<'_>) -> String {
    let Created { id, uuid, join_url, host_id, host_email, fields, .. } = created;
    format!("{:?}", (id, uuid, join_url, host_id, host_email, fields))
}

#[test]
fn a_plain_answer_reads_as_any_other() {
    let plain = [
        r#"{"id":1}"#,
        r#"{"id":1,"uuid":"a==","host_id":"h","host_email":"é@x","join_url":"j","settings":{"a":[1]}}"#,
        r#" {"topic":"a\/b", "id" : 18446744073709551615 , "uuid":"" } "#,
    ];
    let others = [
        r#"{"uuid":"a\/b","id":1}"#,
        r#"{"id":1,"uuid":null}"#,
        r#"{"id":1,"uuid":7}"#,
        r#"{"id":1,"uuid":["a"]}"#,
        r#"{"id":1,"uuid":"a","uuid":"b"}"#,
        r#"{"id":1,"id":1}"#,
        r#"{"id":0}"#,
        r#"{"id":-1}"#,
        r#"{"id":1.0}"#,
        r#"{"id":"1"}"#,
        r#"{"id":18446744073709551616}"#,
        r#"{"i\u0064":1}"#,
        r#"{"topic":"t"}"#,
    ];
    for text in plain {
        let usual: Created<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(created::plain(text).map(told), Some(told(usual)), "{text}");
    }
    for text in others {
        assert!(created::plain(text).is_none(), "{text}");
    }
}

#[test]
fn a_meeting_keeps_its_secrets() {
    let answer = reply(
        200,
        r#"{"id":1,"topic":"t","type":2,"agenda":"a","start_url":"https://s?zak=x","host_email":"h@x"}"#,
    );
    let meeting = answer.meeting().unwrap();
    assert_eq!(meeting.summary.topic.as_deref(), Some("t"));
    assert_eq!(meeting.start_url.as_ref().unwrap().expose_secret(), "https://s?zak=x");
    assert!(meeting.raw.expose_secret().contains("zak"));
    assert!(!format!("{meeting:?}").contains("zak"));
}

#[test]
fn an_empty_page_token_ends_the_list() {
    let end = reply(200, r#"{"meetings":[{"id":1},{"id":2,"agenda":null}],"next_page_token":""}"#);
    let page = end.page().unwrap();
    assert_eq!(page.meetings.len(), 2);
    assert_eq!(page.next_page_token(), None);
    let more = reply(200, r#"{"meetings":[],"next_page_token":"n"}"#);
    assert_eq!(more.page().unwrap().next_page_token(), Some("n"));
    assert!(reply(200, "{}").page().is_err(), "no list is not an empty list");
    let null = reply(200, r#"{"meetings":[],"next_page_token":null}"#);
    assert_eq!(null.page().unwrap().next_page_token(), None);
}

#[test]
fn an_odd_row_takes_no_other_with_it() {
    let odd = [
        r#""id":845,"duration":-1"#,
        r#""id":845,"duration":"""#,
        r#""id":845,"duration":60.5"#,
        r#""id":845,"type":300"#,
        r#""id":845,"type":"2""#,
        r#""id":"845""#,
        r#""id":845,"topic":2024"#,
        r#""id":845,"topic":null,"agenda":[1],"settings":{"a":null}"#,
    ];
    for fields in odd {
        let body = format!(
            r#"{{"total_records":"1","meetings":[{{"id":1,"agenda":"a"}},{{{fields}}},{{"id":2}}]}}"#
        );
        let page = Reply::new(200, &HeaderMap::new(), Bytes::from(body)).page().unwrap();
        let ids: Vec<_> = page.meetings.iter().map(|one| one.id).collect();
        assert_eq!((ids, page.odd.len()), (vec![1, 845, 2], 0), "{fields}");
        assert_eq!(page.total_records, Some(1));
    }
    let body =
        r#"{"meetings":[null,{"id":0,"agenda":"x","duration":-1},[7],{"id":2},{"agenda":"y"}]}"#;
    let page = reply(200, body).page().unwrap();
    assert_eq!(page.meetings.len(), 1);
    let agendas: Vec<_> = page.odd.iter().map(|row| row.rest.agenda.as_deref()).collect();
    assert_eq!(agendas, [None, Some("x"), None, Some("y")]);
}

#[test]
fn a_created_meeting_whose_id_is_a_string_is_one() {
    let answer = reply(201, r#"{"uuid":"u","id":"845","join_url":7,"host_id":["h"]}"#);
    let created = answer.created().unwrap();
    assert_eq!((created.id, created.uuid.as_deref()), (845, Some("u")));
    assert_eq!((created.join_url.as_deref(), created.host_id.as_deref()), (Some("7"), None));
    assert_eq!(created.fields[1], ("id".into(), "845"), "passed on as a number");
    let answer = reply(200, r#"{"id":"845","type":"2","duration":"","start_url":7}"#);
    assert_eq!(answer.meeting().unwrap().summary.meeting_type, Some(2));
}

#[test]
fn a_user_is_read_as_far_as_it_goes() {
    let answer = reply(200, r#"{"id":7,"account_id":8,"email":null,"type":"x","pmi":"1"}"#);
    let user = answer.user().unwrap();
    assert_eq!((user.id.as_str(), user.account_id.as_deref()), ("7", Some("8")));
    assert!(reply(200, r#"{"id":""}"#).user().is_err());
    assert!(reply(200, r#"{"email":"a@x"}"#).user().is_err());
}
