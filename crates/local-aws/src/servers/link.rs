//! The way that the changes of a source take to its read replica. On request it stalls or is cut.

use std::{io, net::Ipv4Addr};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What becomes of the changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Flow {
    /// They pass.
    #[default]
    Flows,
    /// The connection stays, and nothing passes: the replica lags. What waits is lost if the link is cut then.
    Stalls,
    /// There is no connection.
    IsCut,
}

/// Why a link does what it does: its own order, and the outage of a Region that it crosses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Orders {
    ordered: Flow,
    severed: bool,
}

impl Orders {
    fn flow(self) -> Flow {
        if self.severed { Flow::IsCut } else { self.ordered }
    }
}

/// A port of 127.0.0.1 that leads to the source's server, wherever that is. Dropping it cuts it.
#[derive(Debug)]
pub struct Link {
    port: u16,
    orders: watch::Sender<Orders>,
    task: JoinHandle<()>,
}

impl Link {
    /// A link that leads to the port that `source` tells, at the time of each connection.
    pub fn open(source: impl Fn() -> Option<u16> + Send + Sync + 'static) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let (port, listener) = (listener.local_addr()?.port(), TcpListener::from_std(listener)?);
        let (orders, heard) = watch::channel(Orders::default());
        let task = tokio::spawn(async move {
            while let Ok((replica, _)) = listener.accept().await {
                let flow = heard.borrow().flow();
                let Some(port) = source().filter(|_| flow != Flow::IsCut) else { continue };
                tokio::spawn(carry(replica, port, heard.clone()));
            }
        });
        Ok(Self { port, orders, task })
    }

    /// The port of 127.0.0.1 that the replica connects to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What becomes of the changes now.
    pub fn flow(&self) -> Flow {
        self.orders.borrow().flow()
    }

    /// Lets changes pass or not, from now on.
    pub fn order(&self, flow: Flow) {
        self.orders.send_modify(|orders| orders.ordered = flow);
    }

    /// Cuts it while the Region at one of its ends is away, whatever was ordered.
    pub fn sever(&self, severed: bool) {
        self.orders.send_modify(|orders| orders.severed = severed);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
        self.sever(true);
    }
}

async fn carry(replica: TcpStream, port: u16, heard: watch::Receiver<Orders>) {
    let Ok(source) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return };
    for stream in [&replica, &source] {
        // Without it a connection is only slower.
        let _ = stream.set_nodelay(true);
    }
    let ((mut from_replica, mut to_replica), (mut from_source, mut to_source)) =
        (replica.into_split(), source.into_split());
    let mut cut = heard.clone();
    // An error means that one side ended the connection.
    tokio::select! {
        _ = pass(&mut from_source, &mut to_replica, heard.clone()) => {}
        _ = pass(&mut from_replica, &mut to_source, heard) => {}
        _ = cut.wait_for(|orders| orders.flow() == Flow::IsCut) => {}
    }
}

/// Passes bytes on while they flow.
async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut heard: watch::Receiver<Orders>,
) -> io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut bytes).await?;
        let passes = heard.wait_for(|orders| orders.flow() == Flow::Flows).await.is_ok();
        if count == 0 || !passes {
            return Ok(());
        }
        to.write_all(&bytes[..count]).await?;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    /// A link to a server that says hello to each client, and the replica's end of a connection.
    async fn linked() -> (Link, TcpStream, TcpStream) {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let link = Link::open(move || Some(port)).unwrap();
        let replica = TcpStream::connect(("127.0.0.1", link.port())).await.unwrap();
        let (source, _) = server.accept().await.unwrap();
        (link, source, replica)
    }

    #[tokio::test]
    async fn what_stalls_arrives_once_it_flows_again() {
        let (link, mut source, mut replica) = linked().await;
        let mut heard = [0; 5];
        source.write_all(b"hello").await.unwrap();
        replica.read_exact(&mut heard).await.unwrap();
        link.order(Flow::Stalls);
        source.write_all(b"again").await.unwrap();
        assert!(tokio::time::timeout(SHORT, replica.read_exact(&mut heard)).await.is_err());
        link.order(Flow::Flows);
        replica.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"again");
    }

    #[tokio::test]
    async fn what_waits_is_lost_when_the_link_is_cut() {
        let (link, mut source, mut replica) = linked().await;
        link.order(Flow::Stalls);
        source.write_all(b"lost").await.unwrap();
        tokio::time::sleep(SHORT).await;
        link.sever(true);
        // Nothing arrives before the end.
        let mut heard = [0; 5];
        assert!(matches!(replica.read(&mut heard).await, Ok(0) | Err(_)));
        let mut again = TcpStream::connect(("127.0.0.1", link.port())).await.unwrap();
        assert!(matches!(again.read(&mut heard).await, Ok(0) | Err(_)));
        link.sever(false);
        assert_eq!(link.flow(), Flow::Stalls);
    }
}
