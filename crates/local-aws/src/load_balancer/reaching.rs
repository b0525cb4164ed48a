//! Connections of a load balancer to targets. They come from the load balancer's own address, and reach a DB instance
//! only if its security groups let the load balancer in.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::net::{TcpSocket, TcpStream};

use super::model::{described::Balancer, health::Outcome};
use crate::{
    lock,
    ministack::Client,
    network::rules::Origin,
    rds::operations::{network, rds::Rds},
};

/// Health checks come often, so the security groups are not read for each of them.
const REMEMBERED: Duration = Duration::from_secs(1);
/// On a busy machine a connection to one of its own addresses may take this long.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Opens connections to targets.
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

    /// A connection to a target; an outcome that is not a pass if there is none.
    pub async fn connect(
        &self,
        balancer: &Balancer,
        from: Ipv4Addr,
        target: SocketAddrV4,
        timeout: Duration,
    ) -> Result<TcpStream, Outcome> {
        if !self.leads(balancer, target).await {
            tokio::time::sleep(timeout).await;
            return Err(Outcome::TimedOut);
        }
        let connecting = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind((from, 0).into())?;
            socket.connect(target.into()).await
        };
        match tokio::time::timeout(timeout.max(SHORTEST_TIMEOUT), connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(_)) => Err(Outcome::Failed),
            Err(_) => Err(Outcome::TimedOut),
        }
    }

    async fn leads(&self, balancer: &Balancer, target: SocketAddrV4) -> bool {
        let key = (balancer.arn.clone(), target);
        if let Some((at, leads)) = lock(&self.known).get(&key)
            && at.elapsed() < REMEMBERED
        {
            return *leads;
        }
        let origin = Origin::Vpc {
            security_group_ids: balancer.security_group_ids.clone(),
            cidrs: balancer.cidrs.clone(),
        };
        let leads = network::leads_from(&self.rds, &self.ministack, &origin, target).await;
        let leads = leads.unwrap_or_else(|error| {
            tracing::error!("cannot tell whether {} reaches {target}: {error:#}", balancer.arn);
            false
        });
        lock(&self.known).insert(key, (Instant::now(), leads));
        leads
    }
}
