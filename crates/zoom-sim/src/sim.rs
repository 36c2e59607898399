//! The library's handle: a running simulator and all that can be asked of it
//! and done to it. Every verb here has its like under `/_sim`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::config::{App, Config, Rules};
use crate::counters::{Counters, Violation};
use crate::endpoint::Endpoint;
use crate::faults::{Fault, FaultId, FaultState};
use crate::grants::{TokenKind, TokenState, Tokens};
use crate::seeds::Seed;
use crate::serve::{listen, serve};
use crate::shared::{Command, Shared, Stage, TimedOut, WAIT};
use crate::webhook::{self, Event, WebhookError};
use crate::world::{Consent, RequestView, UserSpec, UserView, World};
use crate::written::MeetingView;

/// A running simulator. It ends with the value.
pub struct Sim {
    address: SocketAddr,
    url: String,
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim").field("url", &self.url).finish_non_exhaustive()
    }
}

/// A simulator that could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct StartError {
    address: SocketAddr,
    source: std::io::Error,
}

impl Sim {
    /// Starts a simulator.
    ///
    /// # Panics
    /// Panics if its address cannot be bound; [`Sim::try_start`] does not.
    pub async fn start(config: Config) -> Self {
        match Self::try_start(config).await {
            Ok(sim) => sim,
            Err(error) => panic!("{error}: {}", error.source),
        }
    }

    /// Starts a simulator. Resolves at once; async so that callers need not care.
    #[expect(clippy::unused_async, reason = "may come to await; callers should not change")]
    pub async fn try_start(config: Config) -> Result<Self, StartError> {
        let address = config.listen;
        let failed = |source| StartError { address, source };
        let listener = listen(address).and_then(TcpListener::into_std).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let url = format!("http://{address}");
        let (commands, inbox) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(World::new(&config, url.clone()), commands));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let served = shared.clone();
        let thread = std::thread::Builder::new().name("zoom-sim".into()).spawn(move || {
            let _ = runtime.block_on(serve(listener, served, inbox));
        });
        Ok(Self { address, url, shared, thread: Some(thread.map_err(failed)?) })
    }

    /// Where it listens, without a slash at the end: the base of `/oauth/…` and of `/v2/…`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it: connections are cut, the port is free.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.shared.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }

    /// Cuts every connection and refuses new ones; nothing is forgotten.
    pub async fn down(&self) {
        self.shared.switch(false).await;
    }

    /// Accepts connections again, on the same port.
    pub async fn up(&self) {
        self.shared.switch(true).await;
    }

    /// Waits for the end of the server's thread (never, unless something ends it).
    pub async fn ended(&self) {
        self.shared.commands.closed().await;
    }

    // People, apps and grants.

    /// Makes a user (`"ada"` is `ada@example.com`); one of that address is left as it is.
    pub fn add_user(&self, user: impl Into<UserSpec>) -> UserView {
        let mut world = self.shared.world();
        let index = world.add_user(user.into());
        world.view_user(index)
    }

    /// The user of this id, e-mail address or name.
    pub fn user(&self, name: &str) -> Option<UserView> {
        let world = self.shared.world();
        world.find_user(name).map(|index| world.view_user(index))
    }

    /// Makes an app, or replaces the one of this client id.
    pub fn add_app(&self, app: App) {
        self.shared.world().set_app(app);
    }

    /// A consent without a browser: a new grant of the user (made when unknown) to
    /// the first app. As with any consent, the grant before it dies.
    pub fn grant(&self, user: &str) -> Tokens {
        self.seed(user, None, None).tokens
    }

    /// Variant with another app or other scopes.
    ///
    /// # Panics
    /// Panics if there is no such app.
    pub fn seed(&self, user: &str, client_id: Option<&str>, scope: Option<&str>) -> Seed {
        match self.shared.world().seed(user, client_id, scope) {
            Some(seed) => seed,
            None => panic!("no such app: {client_id:?}"),
        }
    }

    /// Many users with a grant each: `prefix-0`, `prefix-1`, …
    pub fn seed_many(&self, prefix: &str, count: usize) -> Vec<Seed> {
        let mut world = self.shared.world();
        (0..count).filter_map(|n| world.seed(&format!("{prefix}-{n}"), None, None)).collect()
    }

    /// The pair of the user's latest grant that is good now.
    pub fn tokens(&self, user: &str) -> Option<Tokens> {
        let world = self.shared.world();
        world.tokens_of(world.grant_of(world.find_user(user)?)?)
    }

    /// Number of times that the user's latest grant was refreshed.
    pub fn rotations(&self, user: &str) -> u64 {
        let world = self.shared.world();
        let grant = world.find_user(user).and_then(|user| world.grant_of(user));
        grant.map_or(0, |grant| world.grants.all[grant].rotations)
    }

    /// State of a token (of either kind) now.
    pub fn token_state(&self, token: &str) -> TokenState {
        let world = self.shared.world();
        match world.know(token, TokenKind::Refresh).state {
            TokenState::Unknown => world.know(token, TokenKind::Access).state,
            state => state,
        }
    }

    /// The user withdraws the consent at Zoom: the latest grant dies.
    pub fn revoke(&self, user: &str) -> bool {
        self.shared.world().revoke_user(user)
    }

    /// Kills the access token alone, as Zoom now and then does before its time.
    pub fn kill_access_token(&self, user: &str) -> bool {
        let mut world = self.shared.world();
        let grant = world.find_user(user).and_then(|user| world.grant_of(user));
        grant.map(|grant| world.end_access(grant)).is_some()
    }

    /// Queues the answer to the next visit of the authorization page; each visit uses one.
    pub fn consent_next(&self, consent: Consent) {
        self.shared.world().consents.push_back(consent);
    }

    // Rules, faults, time.

    pub fn rules(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.shared.world().rules);
    }

    /// Makes a fault.
    pub fn fault(&self, fault: Fault) -> FaultId {
        let mut fault = fault;
        fault.who = fault.who.map(|who| self.shared.world().fault_name(&who));
        self.shared.world().faults.add(fault)
    }

    /// The faults that stand, and how often they struck.
    pub fn faults(&self) -> Vec<FaultState> {
        self.shared.world().faults.list()
    }

    pub fn struck(&self, id: FaultId) -> u64 {
        let faults = self.faults();
        faults.iter().find(|f| f.id == id).map_or(0, |f| f.struck)
    }

    /// Releases the requests that a `Hold` holds, now and later.
    pub fn release(&self, id: FaultId) -> bool {
        self.shared.world().faults.release(id)
    }

    /// Removes a fault and releases the requests it holds.
    pub fn clear_fault(&self, id: FaultId) -> bool {
        self.shared.world().faults.clear(Some(id)) > 0
    }

    /// Removes every fault.
    pub fn clear_faults(&self) {
        self.shared.world().faults.clear(None);
    }

    /// The simulator's time, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.shared.world().now_ms()
    }

    /// Sets the simulator's time.
    pub fn set_time_ms(&self, now_ms: i64) {
        self.shared.world().clock.set(now_ms);
    }

    /// Moves the simulator's time.
    pub fn advance(&self, by: Duration) {
        self.shared.world().clock.advance(by.as_millis() as i64);
    }

    /// Stops the simulator's time (it can still be set and moved).
    pub fn stop_time(&self) {
        self.shared.world().clock.stop();
    }

    /// Resumes the simulator's time from its current value.
    pub fn start_time(&self) {
        self.shared.world().clock.go();
    }

    // Observations.

    /// The counts.
    pub fn counters(&self) -> Counters {
        self.shared.world().counters.clone()
    }

    /// Resets the counters (except open connections).
    pub fn reset_counters(&self) {
        self.shared.world().reset_counters();
    }

    /// Requests being served now.
    pub fn in_flight(&self) -> u64 {
        self.shared.world().in_flight
    }

    /// The latest broken rules, oldest first.
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.world().violations.iter().cloned().collect()
    }

    /// The latest requests, oldest first.
    pub fn requests(&self) -> Vec<RequestView> {
        self.shared.world().requests.iter().cloned().collect()
    }

    /// The requests that ended after the first `seen` (as far as they are kept),
    /// oldest first, and how many have ended now: what to come back with.
    pub fn requests_after(&self, seen: u64) -> (u64, Vec<RequestView>) {
        let world = self.shared.world();
        let answered = world.counters.answered;
        let ended = Endpoint::ALL.iter().map(|e| answered.of(*e)).sum::<u64>();
        let ended = ended + world.counters.abandoned;
        let new = usize::try_from(ended.saturating_sub(seen)).unwrap_or(usize::MAX);
        let skip = world.requests.len().saturating_sub(new);
        (ended, world.requests.iter().skip(skip).cloned().collect())
    }

    /// The meetings remembered, deleted ones too, oldest first.
    pub fn meetings(&self) -> Vec<MeetingView> {
        let world = self.shared.world();
        world.meetings.all().map(|m| world.view_meeting(m)).collect()
    }

    /// The meetings of one host that are not deleted.
    pub fn meetings_of(&self, user: &str) -> Vec<MeetingView> {
        let world = self.shared.world();
        let Some(user) = world.find_user(user) else { return Vec::new() };
        let serials = world.users[user].meetings.iter();
        serials.filter_map(|s| world.meetings.live(*s)).map(|m| world.view_meeting(m)).collect()
    }

    /// Adds a participant to the meeting: it runs until it is ended.
    pub fn start_meeting(&self, id: u64) -> bool {
        let runs = self.shared.world().run_meeting(id);
        let _ = self.shared.commands.send(Command::Tell);
        runs
    }

    /// Markers that more than one meeting was made with, and how many.
    pub fn twins(&self) -> Vec<(String, u32)> {
        self.shared.world().meetings.twins()
    }

    /// Waits until `n` requests of the endpoint have arrived, since the start or
    /// the last reset.
    pub async fn wait_for(&self, endpoint: Endpoint, n: u64) -> Result<u64, TimedOut> {
        self.shared.wait_requests(endpoint, Stage::Arrived, n, WAIT).await
    }

    /// Waits until `n` requests of the endpoint were answered (or cut on purpose).
    pub async fn wait_answered(&self, endpoint: Endpoint, n: u64) -> Result<u64, TimedOut> {
        self.shared.wait_requests(endpoint, Stage::Answered, n, WAIT).await
    }

    /// Waits until `n` meetings were made.
    pub async fn wait_meetings(&self, n: u64, limit: Duration) -> Result<u64, TimedOut> {
        let count = |world: &World| world.counters.meetings_created;
        self.shared.wait(format!("{n} meetings"), n, limit, count).await
    }

    /// Waits until a count of your choice reaches `n`.
    pub async fn wait_until(
        &self,
        n: u64,
        count: impl Fn(&Counters) -> u64,
    ) -> Result<u64, TimedOut> {
        self.shared.wait("a count".into(), n, WAIT, |world| count(&world.counters)).await
    }

    /// Sends a signed webhook; the status it was answered with.
    pub async fn send_webhook(
        &self,
        url: &str,
        secret: &str,
        event: Event,
    ) -> Result<webhook::Answer, WebhookError> {
        let (body, timestamp) = self.shared.world().webhook(&event);
        webhook::post(url, secret, timestamp, &body).await
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.end();
    }
}
