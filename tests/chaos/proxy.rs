//! A way between a daemon and what it talks to: a TCP proxy that can be told to
//! end connections, to hold what goes over them, or to hold the answers alone.
//! What was held is delivered when the way is open again, as a network does.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::plan::Way;

/// A running proxy. It ends with the value.
pub struct Proxy {
    address: SocketAddr,
    way: watch::Sender<Way>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and passes on to `target`.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let way = watch::Sender::new(Way::Open);
        let ways = way.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *ways.borrow() != Way::Cut {
                    tokio::spawn(join(client, target, ways.clone()));
                }
            }
        });
        Self { address, way, task }
    }

    /// Address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the behaviour from now on.
    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.way.send_replace(Way::Cut);
    }
}

async fn join(client: TcpStream, target: SocketAddr, ways: watch::Sender<Way>) {
    let mut way = ways.subscribe();
    if way.wait_for(|way| *way != Way::Hang).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let asked = copy(from_client, to_server, way.clone(), |way| way != Way::Hang);
    let answered = copy(from_server, to_client, way.clone(), |way| way == Way::Open);
    let cut = async { way.wait_for(|way| *way == Way::Cut).await.is_err() };
    tokio::select! {
        () = async { tokio::join!(asked, answered); } => {}
        _ = cut => {}
    }
}

/// Copies one direction while `lets` it; ends it on both sides.
async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut way: watch::Receiver<Way>,
    lets: impl Fn(Way) -> bool,
) {
    let mut piece = vec![0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if way.wait_for(|way| lets(*way)).await.is_err() {
            return;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
