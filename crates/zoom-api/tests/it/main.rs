//! The client over real sockets: against a server scripted byte by byte, against
//! TLS, against the simulated Zoom; and its parsers against anything at all.

mod api_calls;
mod fuzz;
mod never_panics;
mod send_body;
mod server;
mod simulated_limits;
mod simulated_meetings;
mod simulated_oauth;
mod simulated_trouble;
mod tls;
mod token_calls;
mod trouble;
