//! The client over real sockets: against a server scripted byte by byte, against
//! TLS, against the simulated Zoom; and its parsers against anything at all.

mod addresses;
mod api_calls;
mod encodings;
mod fuzz;
mod never_panics;
mod proxy;
mod send_body;
mod server;
mod simulated_limits;
mod simulated_meetings;
mod simulated_oauth;
mod simulated_trouble;
mod tls;
mod token_calls;
mod trouble;
