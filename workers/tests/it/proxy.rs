//! A network between the engine and Redis that can be cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to Redis until they are cut.
pub struct Proxy {
    address: SocketAddr,
    cut: watch::Sender<u64>,
    /// Bytes after which a connection is cut by itself; 0: never.
    budget: Arc<AtomicU64>,
}

impl Proxy {
    /// In front of the server on this port.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (cut, cuts) = watch::channel(0);
        let budget = Arc::new(AtomicU64::new(0));
        let left = Arc::clone(&budget);
        tokio::spawn(async move {
            while let Ok((inner, _)) = listener.accept().await {
                tokio::spawn(forward(inner, port, cuts.clone(), Arc::clone(&left)));
            }
        });
        Self { address, cut, budget }
    }

    /// As Redis' own.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Cuts all connections at once.
    pub fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    /// Cuts the connection over which the `bytes`th byte from now on would go,
    /// in the middle of whatever it belongs to.
    pub fn cut_after(&self, bytes: u64) {
        self.budget.store(bytes, Ordering::Relaxed);
    }

    pub fn has_cut(&self) -> bool {
        self.budget.load(Ordering::Relaxed) == 0
    }
}

/// Carries bytes both ways; ends with either side or a cut.
async fn forward(
    inner: TcpStream,
    port: u16,
    mut cuts: watch::Receiver<u64>,
    left: Arc<AtomicU64>,
) {
    let Ok(outer) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    cuts.mark_unchanged();
    let (inner_read, inner_write) = inner.into_split();
    let (outer_read, outer_write) = outer.into_split();
    tokio::select! {
        () = carry(inner_read, outer_write, &left) => {}
        () = carry(outer_read, inner_write, &left) => {}
        _ = cuts.changed() => {}
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    left: &AtomicU64,
) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let budget = left.load(Ordering::Relaxed);
        let passes = if budget == 0 { count } else { count.min(budget as usize) };
        if to.write_all(&buffer[..passes]).await.is_err() {
            return;
        }
        if budget > 0 {
            left.store(budget - passes as u64, Ordering::Relaxed);
            if budget == passes as u64 {
                // Bytes that passed arrive before the end does.
                tokio::time::sleep(Duration::from_millis(5)).await;
                return;
            }
        }
    }
}
