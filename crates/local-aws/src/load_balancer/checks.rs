//! Health checks: connections that open and close, which a database takes for interrupted handshakes.

use std::{net::SocketAddrV4, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{load_balancers::LoadBalancers, model::health::Outcome, state::Placed};
use crate::rds::operations::reaching::Unreached;

/// However fast time runs, the machine has other work too.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(20);

/// Checks the targets of a group as long as there is the group.
pub async fn of_group(all: Arc<LoadBalancers>, group_arn: String) {
    while let Some(interval) = round(&all, &group_arn).await {
        tokio::time::sleep(interval.max(SHORTEST_INTERVAL)).await;
    }
}

/// One check of each target; the time until the next round, or nothing if the group is gone.
async fn round(all: &Arc<LoadBalancers>, group_arn: &str) -> Option<Duration> {
    let due = all.due(group_arn)?;
    let mut checks = JoinSet::new();
    if let Some((placed, targets)) = due.targets {
        for target in targets {
            let (all, placed, group_arn) = (Arc::clone(all), Arc::clone(&placed), group_arn.to_owned());
            let at = SocketAddrV4::new(*target.ip(), due.checks.port.unwrap_or(target.port()));
            checks.spawn(async move {
                let wanted = all.misbehaviours().outcome(target);
                let found = check(&all, &placed, at, due.checks.timeout).await;
                all.checked(&group_arn, target, wanted.unwrap_or(found));
            });
        }
    }
    checks.join_all().await;
    Some(due.checks.interval)
}

async fn check(all: &LoadBalancers, from: &Placed, at: SocketAddrV4, timeout: Duration) -> Outcome {
    match all.connect(from, at, timeout).await {
        Ok(stream) => {
            // It leaves nothing behind: an orderly end would keep the port busy for a minute.
            let _ = stream.set_zero_linger();
            Outcome::Passed
        }
        Err(Unreached::Refused) => Outcome::Failed,
        Err(Unreached::Silent) => Outcome::TimedOut,
    }
}
