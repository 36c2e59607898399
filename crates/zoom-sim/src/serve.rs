//! The wire: connections, and what faults do to them. One thread, one runtime
//! of its own, so that a test's runtime (or its paused clock) has no say here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use crate::body::{Cut, SimBody};
use crate::call::{Arrival, Call};
use crate::control;
use crate::dress::dress;
use crate::faults::{Strike, What, When};
use crate::reply::Reply;
use crate::respond::{head, respond};
use crate::shared::{Command, Shared};
use crate::webhook::send_hooks;

/// No request of a client is larger.
const MOST_BODY_BYTES: usize = 64 << 20;

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 4096;

/// Serves until told to stop (or nobody is left to tell).
pub(crate) async fn serve(
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    mut commands: UnboundedReceiver<Command>,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    let mut listener = Some(TcpListener::from_std(listener)?);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = accept(listener.as_ref()) => if let Ok(stream) = accepted {
                connections.spawn(connection(stream, shared.clone()));
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            command = commands.recv() => match command {
                Some(Command::Down(done)) => {
                    listener = None;
                    connections.shutdown().await;
                    let _ = done.send(());
                }
                Some(Command::Up(done)) => {
                    if listener.is_none() {
                        listener = Some(bind(address).await?);
                    }
                    let _ = done.send(());
                }
                Some(Command::Tell) => send_hooks(&mut shared.world()),
                Some(Command::Stop) | None => return Ok(()),
            },
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> std::io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    // Another process may hold the port briefly.
    for _ in 0..100 {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    listen(address)
}

/// Listens, with room for a thousand clients that come at once: the system makes those
/// wait a second for whom there is none.
pub(crate) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Counts an open connection for as long as it lives.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: Arc<Shared>) -> Self {
        let mut world = shared.world();
        world.counters.connections += 1;
        world.counters.connections_open += 1;
        drop(world);
        Self(shared)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut world = self.0.world();
        world.counters.connections_open = world.counters.connections_open.saturating_sub(1);
        drop(world);
        self.0.changed.notify_waiters();
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let _open = Open::new(shared.clone());
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let flag = reset.clone();
    let service =
        service_fn(move |request| Box::pin(answer(shared.clone(), flag.clone(), request)));
    let mut connection = http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    let _ = (&mut connection).await;
    if reset.load(Ordering::Relaxed) {
        // Closing with a linger of zero sends a RST.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}

async fn answer(
    shared: Arc<Shared>,
    reset: Arc<AtomicBool>,
    request: Request<Incoming>,
) -> Result<Response<SimBody>, Cut> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MOST_BODY_BYTES).collect().await else {
        shared.world().counters.incomplete += 1;
        return Err(Cut);
    };
    let body = body.to_bytes();
    if parts.uri.path().starts_with("/_sim") || parts.uri.path() == "/" {
        return Ok(control::handle(&shared, &parts, &body).await);
    }
    let call = Call::new(parts, body);
    let mut flight = Flight::begin(&shared, &call);
    match flight.fly().await {
        End::Answer(reply) => Ok(respond(&shared, reply)),
        End::Body(reply, body) => Ok(head(&shared, reply).body(body).unwrap_or_default()),
        End::Cut => Err(Cut),
        End::Reset => {
            reset.store(true, Ordering::Relaxed);
            Err(Cut)
        }
    }
}

enum End {
    Answer(Reply),
    Body(Reply, SimBody),
    Cut,
    Reset,
}

impl End {
    fn status(&self) -> u16 {
        match self {
            Self::Answer(reply) | Self::Body(reply, _) => reply.status,
            Self::Cut | Self::Reset => 0,
        }
    }
}

/// A request on its way through the simulator. Dropped unfinished when the
/// client goes away.
struct Flight<'a> {
    shared: &'a Arc<Shared>,
    call: &'a Call,
    arrival: Arrival,
    end: Option<End>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if self.arrival.open {
            self.shared.world().finish(self.call, &mut self.arrival, None);
            self.shared.changed.notify_waiters();
        }
    }
}

impl<'a> Flight<'a> {
    /// Arrives, and where no fault stands in the way does all the rest at once.
    fn begin(shared: &'a Arc<Shared>, call: &'a Call) -> Self {
        let mut world = shared.world();
        let mut arrival = world.arrive(call);
        let mut end = None;
        if arrival.strikes.is_empty() {
            let reply = world.act(call, &mut arrival);
            world.finish(call, &mut arrival, Some(reply.status));
            end = Some(End::Answer(reply));
        }
        send_hooks(&mut world);
        drop(world);
        shared.changed.notify_waiters();
        Self { shared, call, arrival, end }
    }

    async fn fly(&mut self) -> End {
        if let Some(end) = self.end.take() {
            return end;
        }
        let mut end = self.suffer().await;
        if let End::Answer(reply) = end {
            end = End::Answer(dress(reply, &self.arrival.strikes));
        }
        self.shared.world().finish(self.call, &mut self.arrival, Some(end.status()));
        self.shared.changed.notify_waiters();
        end
    }

    async fn suffer(&mut self) -> End {
        if let Some(end) = self.strike(When::Before, None).await {
            return end;
        }
        let reply = {
            let mut world = self.shared.world();
            let reply = world.act(self.call, &mut self.arrival);
            send_hooks(&mut world);
            reply
        };
        self.shared.changed.notify_waiters();
        let after = self.strike(When::After, Some(reply.clone())).await;
        after.unwrap_or(End::Answer(reply))
    }

    async fn strike(&self, when: When, due: Option<Reply>) -> Option<End> {
        let shapes_reply = |w: &What| {
            matches!(
                w,
                What::HalfReply(_)
                    | What::MalformedJson
                    | What::Huge(_)
                    | What::Without(_)
                    | What::TokenWithout(_)
            )
        };
        for Strike { when: at, what, gate } in &self.arrival.strikes {
            // A fault that changes the reply needs one: it always strikes after the request was
            // handled.
            let at = if shapes_reply(what) { When::After } else { *at };
            if at != when {
                continue;
            }
            match what {
                What::DelayMs(ms) => tokio::time::sleep(Duration::from_millis(*ms)).await,
                What::Hold => gate.pass().await,
                What::Hang => std::future::pending().await,
                What::Drop => return Some(End::Cut),
                What::Reset => return Some(End::Reset),
                What::Undone { status, after_ms } => {
                    self.undo_later(Duration::from_millis(*after_ms));
                    return Some(self.replaced(&What::Status(*status), due));
                }
                What::Compressed(_) | What::ByteOrderMark => {}
                _ => return Some(self.replaced(what, due)),
            }
        }
        None
    }

    /// Puts the grant back to the refresh token of this request, some time later.
    fn undo_later(&self, after: Duration) {
        let Some(token) = self.arrival.form.get("refresh_token") else { return };
        let (shared, token) = (self.shared.clone(), token.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            shared.world().put_back(&token);
            shared.changed.notify_waiters();
        });
    }

    /// The reply a fault puts in the place of the one that was due.
    fn replaced(&self, what: &What, due: Option<Reply>) -> End {
        let due = due.unwrap_or_else(|| Reply::empty(200));
        let oauth = self.call.endpoint.is_oauth();
        End::Answer(match what {
            What::Status(status) if oauth => Reply::oauth(*status, "server_error", None),
            What::Status(status) => Reply::error(*status, u32::from(*status), "Internal error."),
            What::Busy { status, retry_after } => {
                let mut reply = Reply::error(*status, u32::from(*status), "Try again later.");
                reply.headers.push(("retry-after", retry_after.clone()));
                reply
            }
            What::Missing => {
                let message = format!("Meeting does not exist: {}.", self.call.arg);
                Reply::error(404, 3001, &message)
            }
            What::Body { status, content_type, body } => {
                Reply::other(*status, content_type, body.clone())
            }
            What::Xml(status) => Reply::xml(*status, 300, "Bad request"),
            What::Html(status) => Reply::html(*status),
            What::Unauthorized => Reply::error(401, 124, "Invalid access token."),
            What::Redirect { status, location } => Reply::redirect(*status, location.clone()),
            What::TokenError { status, error, reason } => {
                Reply::oauth(*status, error, reason.as_deref())
            }
            What::Limit(kind) => {
                let world = self.shared.world();
                world.limited(*kind, world.label(self.call.endpoint), None)
            }
            What::TokenWithout(fields) | What::Without(fields) => due.without(fields),
            What::MalformedJson => {
                let half = due.body.slice(..due.body.len() / 2);
                Reply { body: half, ..due }
            }
            What::HalfReply(bytes) => {
                let promised = due.body.len().max(bytes + 1) as u64;
                let first: Bytes = due.body.slice(..(*bytes).min(due.body.len()));
                return End::Body(
                    due,
                    SimBody::Half { first: Some(first), promised, flushed: false },
                );
            }
            What::Huge(bytes) => {
                return End::Body(due, SimBody::Huge { left: *bytes, begun: false });
            }
            What::DelayMs(_)
            | What::Hold
            | What::Hang
            | What::Drop
            | What::Reset
            | What::Undone { .. }
            | What::Compressed(_)
            | What::ByteOrderMark => due,
        })
    }
}
