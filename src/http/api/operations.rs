//! Every operation of the API: method, path, and the role it needs. The router lets
//! nothing through that does not stand here, and the OpenAPI document lists the same.

use axum::http::Method;

use crate::actor::Role;

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path below `/api/v1`.
    pub path: &'static str,
    /// The least role that may use it.
    pub role: Role,
}

const fn get(path: &'static str, role: Role) -> Operation {
    Operation { method: Method::GET, path, role }
}

const fn post(path: &'static str, role: Role) -> Operation {
    Operation { method: Method::POST, path, role }
}

/// All operations, in the order of the document.
pub const OPERATIONS: &[Operation] = &[
    post("/jobs", Role::Enqueue),
    get("/jobs", Role::Read),
    get("/jobs/{id}", Role::Read),
    Operation { method: Method::DELETE, path: "/jobs/{id}", role: Role::Enqueue },
    get("/results", Role::Read),
    get("/failures", Role::Read),
    get("/events", Role::Read),
    get("/stream", Role::Read),
    post("/failures/retry", Role::Operate),
    post("/failures/discard", Role::Operate),
    get("/status", Role::Read),
    get("/daemons", Role::Read),
    get("/budget", Role::Read),
    get("/accounts", Role::Read),
    get("/accounts/{account}", Role::Read),
    get("/audit", Role::Read),
    post("/pause", Role::Operate),
    post("/resume", Role::Operate),
];

/// The operation of this method and path. `HEAD` is a `GET` without the body.
pub fn find(method: &Method, path: &str) -> Option<&'static Operation> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    OPERATIONS.iter().find(|operation| operation.path == path && operation.method == *method)
}
