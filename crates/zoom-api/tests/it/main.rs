//! The client over real sockets: against a server scripted byte by byte, against
//! TLS, against the simulated Zoom; and its parsers against anything at all.

mod api_calls;
mod never_panics;
mod send_body;
mod server;
mod tls;
mod token_calls;
mod trouble;
