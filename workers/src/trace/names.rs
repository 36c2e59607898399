//! Names of spans, attributes and calls, as OpenTelemetry's conventions for messaging,
//! HTTP and databases have them today. They still change; nothing else spells one.

use zoomd_wire::Kind;

/// `messaging.system`, and `db.system.name`: the value is [`REDIS`].
pub const MESSAGING_SYSTEM: &str = "messaging.system";
/// Stream.
pub const DESTINATION: &str = "messaging.destination.name";
/// Name of the operation: `process` or `send`.
pub const MESSAGING_OPERATION: &str = "messaging.operation.name";
/// Type of the operation.
pub const MESSAGING_TYPE: &str = "messaging.operation.type";
/// Entry of the jobs stream.
pub const MESSAGE_ID: &str = "messaging.message.id";
/// Consumer group.
pub const GROUP: &str = "messaging.consumer.group.name";
/// Bytes of the job.
pub const BODY_SIZE: &str = "messaging.message.body.size";
/// Database.
pub const DB_SYSTEM: &str = "db.system.name";
/// Operation on the database.
pub const DB_OPERATION: &str = "db.operation.name";
/// Number of settlements in one step.
pub const DB_BATCH: &str = "db.operation.batch.size";
/// HTTP method.
pub const METHOD: &str = "http.request.method";
/// HTTP status.
pub const STATUS: &str = "http.response.status_code";
/// Number of calls that were made before for the same purpose.
pub const RESENDS: &str = "http.request.resend_count";
/// Path with the names of its parts in the place of their values.
pub const TEMPLATE: &str = "url.template";
/// Host that is called.
pub const SERVER: &str = "server.address";
/// Port of the server, if it is not the usual one.
pub const PORT: &str = "server.port";
/// Kind of error: an HTTP status, a kind of transport error, or a failure code.
pub const ERROR: &str = "error.type";

/// Kind of the job.
pub const KIND: &str = "zoomd.job.kind";
/// Run of the job.
pub const RUN: &str = "zoomd.job.run";
/// Attempt: 1 and more.
pub const ATTEMPT: &str = "zoomd.attempt";
/// `attempt`, or `lookup` for a search after a lost reply.
pub const PURPOSE: &str = "zoomd.purpose";
/// End of a lease or of a rotation.
pub const OUTCOME: &str = "zoomd.outcome";
/// Reason of a wait.
pub const REASON: &str = "zoomd.wait.reason";
/// Milliseconds from when the job could have run to its lease.
pub const WAITED: &str = "zoomd.waited_ms";

/// Value of the systems.
pub const REDIS: &str = "redis";
/// Value of [`GROUP`].
pub const ZOOMD: &str = "zoomd";
/// Name of the step that finds a token, and permission for the call.
pub const TOKEN: &str = "token wait";
/// Name of the step that ends a lease in Redis.
pub const SETTLE: &str = "settle";
/// Name of an event: the job waits from now on.
pub const WAIT: &str = "wait";
/// Name of the span of a lease, before the kind of its job.
pub const PROCESS: &str = "process";
/// Name of a rotation.
pub const ROTATION: &str = "rotate token";
/// Endpoint of the token call.
pub const TOKEN_ENDPOINT: &str = "token";

/// Method and path of a call, by its endpoint's name in metrics: a kind of job, or a read.
#[must_use]
pub fn call(endpoint: &str) -> (&'static str, &'static str) {
    match endpoint {
        "list_meetings" => ("GET", "/v2/users/{userId}/meetings"),
        "get_meeting" => ("GET", "/v2/meetings/{meetingId}"),
        "users_me" => ("GET", "/v2/users/me"),
        TOKEN_ENDPOINT => ("POST", "/oauth/token"),
        kind => Kind::ALL
            .iter()
            .find(|known| known.as_str() == kind)
            .map_or(("_OTHER", "/"), |known| known.call()),
    }
}
