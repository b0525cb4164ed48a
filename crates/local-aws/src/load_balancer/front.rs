//! A listener: it takes connections at the load balancer's address, and carries each one to a target.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use super::{
    load_balancers::{LoadBalancers, Route},
    model::described::Listener,
};
use crate::{lock, process::Connection, rds::operations::reaching::Unreached};

/// A connection to a target waits this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// A listener at work. Dropping it closes its port and ends its connections.
pub struct Front {
    /// What it does.
    pub listener: Listener,
    /// The port on which it really listens.
    pub bound_port: u16,
    task: JoinHandle<()>,
    _life: watch::Sender<()>,
}

impl Front {
    /// Listens on this address at the listener's port, or at another one if that is not possible.
    pub fn open(all: &Arc<LoadBalancers>, listener: Listener, address: Ipv4Addr) -> io::Result<Self> {
        let wanted = SocketAddr::from((address, listener.port));
        let socket = std::net::TcpListener::bind(wanted).or_else(|error| {
            let socket = std::net::TcpListener::bind((address, 0))?;
            tracing::warn!(
                "{} listens on {} and not on {wanted}: {error}",
                listener.arn,
                socket.local_addr()?
            );
            Ok::<_, io::Error>(socket)
        })?;
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        let bound_port = socket.local_addr()?.port();
        let (life, lives) = watch::channel(());
        let task = tokio::spawn(serve(Arc::clone(all), listener.arn.clone(), socket, lives));
        Ok(Self { listener, bound_port, task, _life: life })
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// May something listen here at this port?
pub fn is_free(address: Ipv4Addr, port: u16) -> bool {
    match std::net::TcpListener::bind((address, port)) {
        Ok(_) => true,
        // No address helps where the port itself is not allowed.
        Err(error) => error.kind() != io::ErrorKind::AddrInUse,
    }
}

async fn serve(all: Arc<LoadBalancers>, arn: String, listener: TcpListener, lives: watch::Receiver<()>) {
    while let Ok((client, _)) = listener.accept().await {
        let (all, arn, lives) = (Arc::clone(&all), arn.clone(), lives.clone());
        tokio::spawn(async move { carry(&all, &arn, client, lives).await });
    }
}

async fn carry(
    all: &LoadBalancers,
    listener_arn: &str,
    mut client: TcpStream,
    mut lives: watch::Receiver<()>,
) {
    // A client that is gone already has no end any more.
    let Ok(connection) = Connection::of(&client) else { return };
    let Some(placed) = all.behind(listener_arn) else { return };
    if !all.lets_in(&placed, listener_arn, connection).await {
        return ignore(client).await;
    }
    let Some(Route { target, mut session, idle_timeout }) = all.route(listener_arn) else {
        return reset(&client);
    };
    let server = all.connect(&placed, target, PATIENCE).await;
    let mut server = match server {
        Ok(server) => server,
        Err(Unreached::Silent) => return ignore(client).await,
        Err(Unreached::Refused) => return reset(&client),
    };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let ended = async {
        tokio::select! {
            _ = session.changed() => {}
            _ = lives.changed() => {}
        }
    };
    flow(&mut client, &mut server, idle_timeout, ended).await;
}

/// Carries bytes both ways until both ends have closed. If one breaks, both are reset. So are they if something comes
/// after a silence that was too long, or once `ended` completes.
async fn flow(
    client: &mut TcpStream,
    server: &mut TcpStream,
    idle_timeout: Duration,
    ended: impl Future<Output = ()>,
) {
    let last = Mutex::new(Instant::now());
    let (client_reads, client_writes) = client.split();
    let (server_reads, server_writes) = server.split();
    let whole = tokio::select! {
        ended = async {
            tokio::try_join!(
                one_way(client_reads, server_writes, &last, idle_timeout),
                one_way(server_reads, client_writes, &last, idle_timeout),
            )
        } => ended.is_ok(),
        () = ended => false,
    };
    if !whole {
        reset(client);
        reset(server);
    }
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    last: &Mutex<Instant>,
    idle_timeout: Duration,
) -> io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut bytes).await?;
        let silence = std::mem::replace(&mut *lock(last), Instant::now()).elapsed();
        // A load balancer forgets a silent connection and tells nobody: who speaks next is reset.
        if silence > idle_timeout {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&bytes[..length]).await?;
    }
}

/// The connection ends with a reset as soon as it is dropped.
fn reset(stream: &TcpStream) {
    // A stream that is broken already needs none.
    let _ = stream.set_zero_linger();
}

/// Answers nothing, however long the client waits.
async fn ignore(mut client: TcpStream) {
    let mut heard = [0; 1024];
    while client.read(&mut heard).await.is_ok_and(|length| length > 0) {}
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    async fn is_reset(stream: &mut TcpStream) -> bool {
        let error = stream.read(&mut [0]).await.err();
        error.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
    }

    // Rule of AWS: a load balancer carries bytes both ways, and a closed side closes the other one.
    #[tokio::test]
    async fn bytes_flow_both_ways_and_an_end_is_passed_on() {
        let ((mut user, mut client), (mut server, mut database)) = (pair().await, pair().await);
        let flow = flow(&mut client, &mut server, Duration::from_secs(60), pending());
        let talk = async {
            user.write_all(b"query").await.unwrap();
            user.shutdown().await.unwrap();
            let mut heard = String::new();
            database.read_to_string(&mut heard).await.unwrap();
            assert_eq!(heard, "query");
            database.write_all(b"answer").await.unwrap();
            drop(database);
            let mut heard = String::new();
            user.read_to_string(&mut heard).await.unwrap();
            assert_eq!(heard, "answer");
        };
        tokio::join!(flow, talk);
    }

    // Rule of AWS: a connection that was silent for too long is reset when somebody speaks.
    #[tokio::test]
    async fn a_connection_that_was_silent_for_too_long_is_reset() {
        let ((mut user, mut client), (mut server, mut database)) = (pair().await, pair().await);
        let carry = async {
            flow(&mut client, &mut server, Duration::ZERO, pending()).await;
            drop((client, server));
        };
        let talk = async {
            user.write_all(b"still there?").await.unwrap();
            assert!(is_reset(&mut user).await && is_reset(&mut database).await);
        };
        tokio::join!(carry, talk);
    }

    #[tokio::test]
    async fn connections_that_are_ended_are_reset_on_both_sides() {
        let ((mut user, mut client), (mut server, mut database)) = (pair().await, pair().await);
        let carry = async {
            flow(&mut client, &mut server, Duration::from_secs(60), std::future::ready(())).await;
            drop((client, server));
        };
        carry.await;
        assert!(is_reset(&mut user).await && is_reset(&mut database).await);
    }
}
