//! The place a consent comes back to: a listener on this machine that answers
//! one address, or a line pasted by hand.
//!
//! What comes with a wrong `state` is refused and forgotten; the listener goes
//! on. The person's browser is answered only after the grant was stored, with
//! what became of it.

use std::future::IntoFuture as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use askama::Template as _;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use url::{Host, Url};
use zoomd_workers::consent::Asked;

use crate::error::CliError;
use crate::http::public::{Brand, Page};

/// Longest time for a browser to read its answer.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// Query parameters of Zoom's redirect.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Back {
    pub code: Option<String>,
    pub state: String,
    pub error: Option<String>,
    pub error_description: Option<String>,
}

impl Back {
    /// Reads the parameters from the redirect's URL.
    pub(super) fn of(url: &Url) -> Self {
        let mut back = Self::default();
        for (name, value) in url.query_pairs() {
            match &*name {
                "code" => back.code = Some(value.into_owned()),
                "state" => back.state = value.into_owned(),
                "error" => back.error = Some(value.into_owned()),
                "error_description" => back.error_description = Some(value.into_owned()),
                _ => {}
            }
        }
        back
    }
}

/// A consent that came back, and the browser that waits for an answer.
#[derive(Debug)]
pub(super) struct Arrival {
    pub back: Back,
    answer: Option<oneshot::Sender<Told>>,
}

impl Arrival {
    /// Pasted by hand: nobody waits.
    pub(super) fn pasted(back: Back) -> Self {
        Self { back, answer: None }
    }

    /// Tells the browser what became of it.
    pub(super) fn answer(self, status: StatusCode, text: &str) {
        if let Some(answer) = self.answer {
            let _ = answer.send((status, text.to_owned()));
        }
    }
}

/// An answer for the browser: its status, and a sentence.
type Told = (StatusCode, String);

/// Place where the redirect URL says to listen.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On these addresses of this machine; the first must be free.
    Here(Vec<SocketAddr>),
    /// Elsewhere: an https address, or another machine's.
    Elsewhere,
}

impl Place {
    pub(super) fn of(redirect: &Url) -> Self {
        let port = redirect.port_or_known_default().unwrap_or(80);
        let loopback =
            |ips: &[IpAddr]| Self::Here(ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect());
        match redirect.host() {
            _ if redirect.scheme() != "http" => Self::Elsewhere,
            // A browser may take either for `localhost`.
            Some(Host::Domain("localhost")) => {
                loopback(&[Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
            }
            Some(Host::Ipv4(ip)) if ip.is_loopback() => loopback(&[ip.into()]),
            Some(Host::Ipv6(ip)) if ip.is_loopback() => loopback(&[ip.into()]),
            _ => Self::Elsewhere,
        }
    }
}

struct Callback {
    asked: Arc<Asked>,
    arrivals: mpsc::Sender<Arrival>,
}

/// The listeners; they end with the process, or in order by [`close`](Self::close).
#[derive(Debug, Default)]
pub(super) struct Listening {
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<std::io::Result<()>>>,
}

impl Listening {
    /// Lets a browser that was answered read its answer, and ends.
    pub(super) async fn close(self) {
        self.stop.send_replace(true);
        for server in self.servers {
            let _ = tokio::time::timeout(LAST_ANSWER, server).await;
        }
    }
}

/// Listens on these addresses.
pub(super) async fn listen(
    redirect: &Url,
    addresses: &[SocketAddr],
    asked: Arc<Asked>,
    arrivals: mpsc::Sender<Arrival>,
) -> Result<Listening, CliError> {
    let mut listening = Listening::default();
    let callback = Arc::new(Callback { asked, arrivals });
    let router = Router::new().route(redirect.path(), get(come_back)).with_state(callback);
    for (at, address) in addresses.iter().enumerate() {
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            // A machine without IPv6 has no second address to listen on.
            Err(error) if at > 0 && error.kind() != std::io::ErrorKind::AddrInUse => continue,
            Err(error) => return Err(taken(*address, &error)),
        };
        let router = router.clone();
        let mut stop = listening.stop.subscribe();
        let stopped = async move {
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let server = axum::serve(listener, router).with_graceful_shutdown(stopped);
        listening.servers.push(tokio::spawn(server.into_future()));
    }
    Ok(listening)
}

fn taken(address: SocketAddr, error: &std::io::Error) -> CliError {
    let port = address.port();
    let (code, message, hint) = match error.kind() {
        std::io::ErrorKind::AddrInUse => (
            "port_taken",
            format!("port {port} is used by another program or login"),
            "stop that program or login, or register another redirect URL with the app and set \
             ZOOMD_REDIRECT_URL to it",
        ),
        _ => (
            "cannot_listen",
            format!("cannot listen on {address}: {error}"),
            "register a redirect URL with a port above 1023 and set ZOOMD_REDIRECT_URL to it",
        ),
    };
    CliError::failed(message).code(code).hint(hint)
}

async fn come_back(State(callback): State<Arc<Callback>>, Query(back): Query<Back>) -> Response {
    if !callback.asked.is_answered_by(&back.state) {
        let text = "This page belongs to a different login attempt. Start again from the terminal.";
        return page(StatusCode::BAD_REQUEST, text);
    }
    let (answer, answered) = oneshot::channel();
    let arrival = Arrival { back, answer: Some(answer) };
    if callback.arrivals.send(arrival).await.is_err() {
        let text = "This login is over. Start again from the terminal.";
        return page(StatusCode::GONE, text);
    }
    match answered.await {
        Ok((status, text)) => page(status, &text),
        Err(_) => page(StatusCode::GONE, "The login was ended in the terminal."),
    }
}

fn page(status: StatusCode, text: &str) -> Response {
    let head = if status.is_success() { "Connected" } else { "Not connected" };
    let brand = Brand::default();
    let page = Page::new(&brand, head, text).ended(status.is_success());
    let body = page.render().unwrap_or_default();
    let policy = page.policy();
    // The address holds the code: it goes nowhere from here.
    let headers = [("referrer-policy", "no-referrer"), ("cache-control", "no-store")];
    let policy = [(header::CONTENT_SECURITY_POLICY, policy)];
    (status, headers, policy, Html(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_loopback_address_is_listened_on() {
        let place = |text: &str| Place::of(&Url::parse(text).expect("a URL"));
        let here = |all: &[&str]| {
            Place::Here(all.iter().map(|a| a.parse().expect("an address")).collect())
        };
        assert_eq!(place("http://localhost:3000/zoom"), here(&["127.0.0.1:3000", "[::1]:3000"]));
        assert_eq!(place("http://127.0.0.1/zoom"), here(&["127.0.0.1:80"]));
        assert_eq!(place("http://[::1]:1/"), here(&["[::1]:1"]));
        for far in ["https://localhost:3000/zoom", "http://example.com/zoom", "http://10.0.0.1/"] {
            assert_eq!(place(far), Place::Elsewhere, "{far}");
        }
    }
}
