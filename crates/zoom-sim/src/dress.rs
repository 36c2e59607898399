//! Disguises that faults lay over a reply, whichever it is, before it goes out.

use bytes::Bytes;

use crate::coding::Coding;
use crate::faults::{Strike, What};
use crate::reply::Reply;

/// The reply that goes out, as these strikes leave it.
pub(crate) fn dress(reply: Reply, strikes: &[Strike]) -> Reply {
    strikes.iter().fold(reply, |reply, strike| match &strike.what {
        What::Compressed(coding) => compressed(reply, *coding),
        What::ByteOrderMark => marked(reply),
        _ => reply,
    })
}

fn compressed(mut reply: Reply, coding: Coding) -> Reply {
    if !reply.body.is_empty()
        && let Ok(body) = coding.encode(&reply.body)
    {
        reply.body = Bytes::from(body);
        reply.headers.push(("content-encoding", coding.name().to_owned()));
    }
    reply
}

fn marked(mut reply: Reply) -> Reply {
    if !reply.body.is_empty() {
        reply.body = [b"\xef\xbb\xbf", reply.body.as_ref()].concat().into();
    }
    reply
}
