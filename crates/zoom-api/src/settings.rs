//! Settings of the client: where Zoom is, how long each step may take, and the way
//! there.

use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::endpoints::Endpoints;
use crate::proxy::Proxies;

/// The time in which a token call is looked at again once its time is over. A process
/// that was stopped wakes with the reply unread in its socket, and the timer is
/// heard first: the reply would be thrown away, and with it the account.
pub(crate) const LAST_LOOK: Duration = Duration::from_millis(100);

/// Settings of the way to Zoom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Addresses of Zoom.
    pub endpoints: Endpoints,
    /// The longest a connection may take: name, proxy and TLS included. The
    /// addresses of a name share it.
    pub connect_timeout: Duration,
    /// The longest an API call may take, connecting and body included.
    pub request_timeout: Duration,
    /// The longest a token call may take, connecting included; 100 ms more where
    /// it is over, for a reply that came unread. Generous: giving up loses the reply.
    pub token_timeout: Duration,
    /// The life of an idle connection. Shorter than the other side keeps
    /// it, or a request may be lost to a connection that is closing.
    pub idle_timeout: Duration,
    /// The largest body that is read.
    pub max_body: usize,
    /// The `User-Agent`.
    pub user_agent: String,
    /// Certificates to trust besides the system's.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Proxies for calls; none by default.
    pub proxies: Proxies,
    /// Names with fixed addresses, which are not resolved.
    pub addresses: Vec<(String, Vec<SocketAddr>)>,
}

impl Settings {
    /// The longest a token call takes until it is given up.
    #[must_use]
    pub fn longest_token_call(&self) -> Duration {
        self.token_timeout + LAST_LOOK
    }

    /// Settings fit for Zoom at `endpoints`.
    pub fn new(endpoints: Endpoints) -> Self {
        Self {
            endpoints,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            token_timeout: Duration::from_secs(45),
            idle_timeout: Duration::from_secs(20),
            max_body: 4 << 20,
            user_agent: concat!("zoom-api/", env!("CARGO_PKG_VERSION")).to_owned(),
            extra_roots: Vec::new(),
            proxies: Proxies::none(),
            addresses: Vec::new(),
        }
    }
}
