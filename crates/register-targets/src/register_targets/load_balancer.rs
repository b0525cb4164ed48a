//! Lanes of a Network Load Balancer.

use super::plan::{Act, CopySeen, LaneSeen, Seen, Wanted, after, plan};
use super::{Around, Clients, Taken};
use crate::names::addresses;
use crate::plan::can_be_lane;
use crate::{Error, GroupSeen, group, subnets};
use database::Endpoint;
use replication::{HeldIn, HeldLane, NetworkLoadBalancer, ReachPath};

/// Looks at the target groups, and does what the plan says.
pub(super) async fn look(
    clients: &Clients,
    reach: &NetworkLoadBalancer,
    around: &Around<'_>,
) -> Result<Taken, Error> {
    let Clients { elb, ec2, .. } = clients;
    let Around { run, database, endpoint, request, .. } = *around;
    let (waiting, deadline) = (&request.waiting, request.stage_deadline_seconds);
    let mut groups = Vec::new();
    let mut lanes = Vec::new();
    for lane in &reach.lanes {
        let found = group::look_at(elb, &lane.target_group_arn).await?;
        can_be_lane(lane, found.as_ref(), database.vpc_id.as_deref())?;
        let targets = target_group::targets(elb, &lane.target_group_arn).await?;
        let target_group_arn = lane.target_group_arn.clone();
        lanes.push(LaneSeen { target_group_arn, port: lane.port(), targets });
        groups.push(found.unwrap_or_default());
    }
    let mut copies = Vec::new();
    for (run, seen, within_grace) in around.copies() {
        let Some(endpoint) = &seen.endpoint else { continue };
        let addresses = addresses(endpoint).await;
        copies.push(CopySeen { run, addresses, port: endpoint.port, within_grace });
    }
    let ranges = subnets::ranges(ec2, &database.subnet_ids).await?;
    let said = around.said();
    let seen = Seen {
        lanes: &lanes,
        copies: &copies,
        live: around.live(|_| None),
        live_port: said.and_then(|it| u16::try_from(it.endpoint()?.1?).ok()),
        pinned: around.pinned,
        ranges: &ranges,
    };
    let from = match &reach.load_balancer_security_group_id {
        Some(id) => format!("the load balancer's security group {id}"),
        None => "the load balancer's security group".to_owned(),
    };
    let wanted = Wanted { pin: request.pin, from: &from, deadline };
    let own = copies.iter().find(|it| it.run == *run);
    let own = own.ok_or_else(|| Error::DbInstanceNotFound(run.identifier()))?;

    let act = plan(own, &seen, &wanted, waiting)?;
    let status = after(&act);
    let (look, held) = match act {
        Act::Wait(look) => (look, None),
        Act::Done { look, lane } => (look, lane),
        Act::Register { lane, targets } => {
            let reason = format!("registering DB instance {} at port {}", run.identifier(), lanes[lane].port);
            target_group::register(elb, &lanes[lane].target_group_arn, targets).await?;
            (waiting.wait(status, None, deadline, reason)?, None)
        }
        Act::Deregister { lane, targets } => {
            let reason = format!("deregistering what no longer needs port {}", lanes[lane].port);
            target_group::deregister(elb, &lanes[lane].target_group_arn, targets).await?;
            (waiting.wait(status, None, deadline, reason)?, None)
        }
    };
    let live = seen.live.as_ref().is_some_and(|it| it.contains(&run.id));
    let lane = held.map(|lane| held_lane(reach, &groups[lane], &lanes[lane], own, endpoint));
    // `VerifyPath` takes the direct way by itself.
    let path = lane.as_ref().map(|lane| ReachPath {
        address: lane.address.clone(),
        port: lane.port,
        tls_name: None,
        tls: reach.tls,
        login: None,
    });
    Ok(Taken { look, lane, path, live })
}

fn held_lane(
    reach: &NetworkLoadBalancer,
    group: &GroupSeen,
    lane: &LaneSeen,
    own: &CopySeen,
    endpoint: &Endpoint,
) -> HeldLane {
    HeldLane {
        address: group.dns_name.clone(),
        host: reach.host.of_copy(&endpoint.address).to_owned(),
        port: lane.port,
        held_in: HeldIn::TargetGroup {
            target_group_arn: lane.target_group_arn.clone(),
            target_ids: own.addresses.clone(),
        },
    }
}
