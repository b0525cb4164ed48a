//! Proxies at work: each has its address, its front, and a look at the health of its target.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddrV4,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use super::{
    rds::Rds,
    reaching::{Origin, Reaching},
};
use crate::{
    iam::roles::Roles,
    lock,
    ministack::Client,
    names::Names,
    network::{
        addresses::{Addresses, candidates},
        asked,
        destination::Destination,
    },
    place::Place,
    process::Connection,
    rds::model::{
        clock,
        proxies::{Family, Health, Proxy, Settings},
        refusal::Refusal,
    },
    tls_front::Authority,
};

/// From one look at a target to the next. AWS names no time.
const HEALTH_INTERVAL: Duration = Duration::from_secs(10);
/// However fast time runs, the machine has other work too.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// How long a client waits for its target. Source: RDS API, ConnectionPoolConfiguration, ConnectionBorrowTimeout.
const BORROW_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a connection to a target may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What all proxies work with.
pub struct Proxies {
    pub(super) rds: Arc<Rds>,
    pub(super) ministack: Client,
    pub(super) roles: Arc<Roles>,
    names: Arc<Names>,
    addresses: Arc<Addresses>,
    authority: Authority,
    pub(super) reaching: Reaching,
    fronts: Mutex<BTreeMap<String, Front>>,
}

/// A proxy that listens. Dropping it closes its port and ends its connections.
struct Front {
    tasks: [JoinHandle<()>; 2],
    /// Connections to the target live as long as this sender.
    sessions: watch::Sender<()>,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// A proxy, as its front sees it at one moment.
pub(super) struct Seen {
    pub(super) place: Place,
    pub(super) settings: Arc<Settings>,
    pub(super) from: Origin,
    /// Where the target listens, if the proxy has one; and its resource id.
    target: Option<(Option<SocketAddrV4>, String)>,
    is_healthy: bool,
}

impl Proxies {
    /// None yet.
    pub fn new(
        rds: Arc<Rds>,
        ministack: Client,
        roles: Arc<Roles>,
        names: Arc<Names>,
        addresses: Arc<Addresses>,
        authority: Authority,
    ) -> Arc<Self> {
        let reaching = Reaching::new(ministack.clone(), Arc::clone(&rds));
        Arc::new(Self {
            rds,
            ministack,
            roles,
            names,
            addresses,
            authority,
            reaching,
            fronts: Mutex::default(),
        })
    }

    /// Begins to make a proxy.
    pub fn begin(self: &Arc<Self>, proxy: Proxy) {
        let id = proxy.id.clone();
        self.rds.state().proxies.insert(id.clone(), proxy);
        let all = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = all.bring_up(&id).await {
                tracing::error!("{id} stays in creation: {error:#}");
            }
        });
    }

    async fn bring_up(self: &Arc<Self>, id: &str) -> anyhow::Result<()> {
        self.rds.clock.pass(clock::PROXY).await;
        let (place, endpoint, settings) = {
            let state = self.rds.state();
            let proxy = state.proxies.get(id).context("it was deleted")?;
            (proxy.place.clone(), proxy.endpoint(), Arc::clone(&proxy.settings))
        };
        let cidrs = asked::cidrs(&self.ministack, &place, &settings.subnet_ids).await.unwrap_or_default();
        let acceptor = TlsAcceptor::from(self.authority.server_of(&endpoint)?);
        let mut candidates = candidates(&endpoint, &cidrs).filter(|address| self.addresses.take(*address));
        let (address, listener) = loop {
            let address = candidates.next().context("every address that it may have is taken")?;
            match TcpListener::bind((address, settings.family.port())).await {
                Ok(listener) => break (address, listener),
                Err(_) => self.addresses.give_back(address),
            }
        };
        let tasks = [
            tokio::spawn(serve(Arc::clone(self), id.to_owned(), listener, acceptor)),
            tokio::spawn(look_after(Arc::clone(self), id.to_owned())),
        ];
        lock(&self.fronts).insert(id.to_owned(), Front { tasks, sessions: watch::channel(()).0 });
        self.names.set(&endpoint, address);
        tracing::info!("{endpoint} listens on {address}");
        let mut state = self.rds.state();
        let proxy = state.proxies.get_mut(id).context("it was deleted")?;
        (proxy.address, proxy.cidrs, proxy.is_available) = (Some(address), cidrs, true);
        Ok(())
    }

    /// Deletes a proxy.
    pub fn delete(&self, id: &str) {
        let Some(proxy) = self.rds.state().proxies.remove(id) else { return };
        lock(&self.fronts).remove(id);
        self.names.remove(&proxy.endpoint());
        proxy.address.into_iter().for_each(|address| self.addresses.give_back(address));
    }

    /// Deregisters targets, and ends the connections to them. What AWS does to idle clients is not documented.
    pub fn deregister(&self, id: &str, identifiers: &[String]) -> Result<(), Refusal> {
        if let Some(proxy) = self.rds.state().proxies.get_mut(id) {
            proxy.deregister(identifiers)?;
        }
        self.end_sessions(id);
        Ok(())
    }

    fn end_sessions(&self, id: &str) {
        if let Some(front) = lock(&self.fronts).get_mut(id) {
            front.sessions = watch::channel(()).0;
        }
    }

    fn seen(&self, id: &str) -> Option<Seen> {
        let state = self.rds.state();
        let proxy = state.proxies.get(id)?;
        let target = proxy.target.as_ref().map(|target| {
            let instance = state.instances.get(&target.resource_id);
            (instance.and_then(super::network::endpoint), target.resource_id.clone())
        });
        Some(Seen {
            place: proxy.place.clone(),
            settings: Arc::clone(&proxy.settings),
            from: Origin {
                who: proxy.arn(),
                address: proxy.address?,
                security_group_ids: proxy.settings.security_group_ids.clone(),
                cidrs: proxy.cidrs.clone(),
            },
            target,
            is_healthy: proxy.target.as_ref().is_some_and(|it| it.health == Health::Available),
        })
    }

    /// A connection to the target, once it is healthy.
    pub(super) async fn borrow(&self, id: &str) -> Option<TcpStream> {
        let patience = self.rds.clock.lasts(BORROW_TIMEOUT).max(Duration::from_secs(2));
        let started = Instant::now();
        while started.elapsed() < patience {
            let seen = self.seen(id)?;
            if seen.is_healthy
                && let Some((Some(target), _)) = seen.target
                && let Ok(server) = self.reaching.connect(&seen.from, target, PATIENCE).await
                && server.set_nodelay(true).is_ok()
            {
                return Some(server);
            }
            tokio::time::sleep(SHORTEST_INTERVAL).await;
        }
        None
    }

    async fn carry(&self, id: &str, client: TcpStream, acceptor: TlsAcceptor) -> io::Result<()> {
        let connection = Connection::of(&client)?;
        let Some(seen) = self.seen(id) else { return Ok(()) };
        let destination = Destination {
            arn: seen.from.who.clone(),
            place: seen.place.clone(),
            publicly_accessible: false,
            port: seen.settings.family.port(),
            security_group_ids: seen.settings.security_group_ids.clone(),
        };
        if !destination.lets_in(&self.ministack, connection).await {
            return ignore(client).await;
        }
        client.set_nodelay(true)?;
        match seen.settings.family {
            Family::PostgreSql => self.carry_postgres(id, &seen, client, acceptor).await,
            Family::MySql => self.carry_mysql(id, &seen, client, acceptor).await,
        }
    }

    /// What ends with the target of a proxy.
    pub(super) fn session(&self, id: &str) -> Option<watch::Receiver<()>> {
        lock(&self.fronts).get(id).map(|it| it.sessions.subscribe())
    }
}

async fn serve(all: Arc<Proxies>, id: String, listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((client, _)) = listener.accept().await {
        let (all, id, acceptor) = (Arc::clone(&all), id.clone(), acceptor.clone());
        tokio::spawn(async move {
            if let Err(error) = all.carry(&id, client, acceptor).await {
                tracing::debug!("a connection to {id} ended: {error}");
            }
        });
    }
}

/// Looks at the health of a proxy's target for ever.
async fn look_after(all: Arc<Proxies>, id: String) {
    loop {
        let interval = all.rds.clock.lasts(HEALTH_INTERVAL).max(SHORTEST_INTERVAL);
        tokio::time::sleep(interval).await;
        let Some(seen) = all.seen(&id) else { continue };
        let Some((endpoint, resource_id)) = &seen.target else { continue };
        let health = all.health(&seen, *endpoint).await;
        let mut state = all.rds.state();
        let is_gone = !state.instances.contains_key(resource_id);
        let Some(proxy) = state.proxies.get_mut(&id) else { return };
        let Some(target) = proxy.target.as_mut().filter(|it| it.resource_id == *resource_id) else {
            continue;
        };
        // RDS removes a target with its DB instance.
        if is_gone {
            proxy.target = None;
        } else if target.health != health {
            tracing::info!("{} behind {}: {health:?}", target.identifier, proxy.name);
            target.health = health;
        }
    }
}

/// Answers nothing, however long the client waits.
async fn ignore(mut client: TcpStream) -> io::Result<()> {
    let mut heard = [0; 1024];
    while client.read(&mut heard).await? > 0 {}
    Ok(())
}
