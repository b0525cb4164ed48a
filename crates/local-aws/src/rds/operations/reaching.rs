//! Connections of load balancers and proxies to what they stand before. They come from an address of their own, and
//! reach a DB instance only if its security groups let them in.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::net::{TcpSocket, TcpStream};

use super::{network, rds::Rds};
use crate::{lock, ministack::Client, network::rules};

/// Health checks come often, so the security groups are not read for each of them.
const REMEMBERED: Duration = Duration::from_secs(1);
/// On a busy machine a connection to one of its own addresses may take this long.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Where connections come from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The ARN of who opens them.
    pub who: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its security groups.
    pub security_group_ids: Vec<String>,
    /// The address ranges of its subnets.
    pub cidrs: Vec<String>,
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreached {
    /// Somebody refused it.
    Refused,
    /// Nobody answered in time.
    Silent,
}

/// Opens connections.
pub struct Reaching {
    ministack: Client,
    rds: Arc<Rds>,
    known: Mutex<BTreeMap<(String, SocketAddrV4), (Instant, bool)>>,
}

impl Reaching {
    /// To the DB instances of this RDS, and to whatever else listens.
    pub fn new(ministack: Client, rds: Arc<Rds>) -> Self {
        Self { ministack, rds, known: Mutex::default() }
    }

    /// A connection from there to a target.
    pub async fn connect(
        &self,
        from: &Origin,
        target: SocketAddrV4,
        timeout: Duration,
    ) -> Result<TcpStream, Unreached> {
        if !self.leads(from, target).await {
            tokio::time::sleep(timeout).await;
            return Err(Unreached::Silent);
        }
        let connecting = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind((from.address, 0).into())?;
            socket.connect(target.into()).await
        };
        match tokio::time::timeout(timeout.max(SHORTEST_TIMEOUT), connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(_)) => Err(Unreached::Refused),
            Err(_) => Err(Unreached::Silent),
        }
    }

    async fn leads(&self, from: &Origin, target: SocketAddrV4) -> bool {
        let key = (from.who.clone(), target);
        if let Some((at, leads)) = lock(&self.known).get(&key)
            && at.elapsed() < REMEMBERED
        {
            return *leads;
        }
        let origin = rules::Origin::Vpc {
            security_group_ids: from.security_group_ids.clone(),
            cidrs: from.cidrs.clone(),
        };
        let leads = network::leads_from(&self.rds, &self.ministack, &origin, &from.who, target).await;
        let leads = leads.unwrap_or_else(|error| {
            tracing::error!("cannot tell whether {} reaches {target}: {error:#}", from.who);
            false
        });
        lock(&self.known).insert(key, (Instant::now(), leads));
        leads
    }
}
