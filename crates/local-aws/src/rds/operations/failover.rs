//! A failover to the standby of a Multi-AZ DB instance: connections end, the server answers at another address, and the
//! name follows later.

use std::{sync::Arc, time::Duration};

use super::{
    endpoints::{move_server, restart},
    rds::Rds,
};
use crate::{
    place::Place,
    rds::model::{
        clock,
        events::Happening,
        instances::{InstanceStatus, ParameterApplyStatus},
        refusal::Refusal,
        state::State,
    },
    servers::server::{Door, Endpoint},
};

/// Begins to reboot the DB instance that is `given` with a failover; answers its resource id.
/// Source: RDS User Guide, USER_RebootInstance; RDS API, RebootDBInstance, `ForceFailover`.
pub fn begin(rds: &Arc<Rds>, state: &mut State, place: &Place, given: &str) -> Result<String, Refusal> {
    let instance = state.instance(place, given)?;
    if !instance.is_multi_az() {
        let message = "You can't specify ForceFailover if the instance isn't configured for Multi-AZ.";
        return Err(Refusal::InvalidParameterCombination(message.to_owned()));
    }
    rds.must_take_changes(instance)?;
    instance.status = InstanceStatus::Rebooting;
    let resource_id = instance.database.resource_id.clone();
    tokio::spawn(carry_out(Arc::clone(rds), resource_id.clone()));
    Ok(resource_id)
}

async fn carry_out(rds: Arc<Rds>, resource_id: String) {
    rds.tell(&resource_id, Happening::FAILOVER_BEGUN);
    let seen = rds.state().instances.get(&resource_id).map(|it| {
        let late = rds.misbehaviours().name_follows_late(&it.identifier);
        (it.endpoint.clone(), it.standby, late)
    });
    let Some((before, standby, late)) = seen else { return };
    let after = move_server(&rds, &resource_id, |door| Door { address: standby, ..door }).await;
    if let (Some(before), Some(after)) = (before, after) {
        rds.change(&resource_id, |it| {
            it.standby = Some(*before.address.ip());
            it.has_failed_over = !it.has_failed_over;
        });
        let (follows, silent) = match late {
            Some((seconds, silent)) => (Duration::from_secs(seconds.into()), silent),
            None => (clock::UNTIL_NAME_FOLLOWS, false),
        };
        if silent {
            rds.forget(&before);
        }
        tokio::spawn(lead_later(Arc::clone(&rds), resource_id.clone(), after, clock::FAILOVER + follows));
    }
    tokio::join!(restart(&rds, &resource_id), rds.clock.pass(clock::FAILOVER));
    rds.change(&resource_id, |it| it.parameters = ParameterApplyStatus::InSync);
    rds.tell(&resource_id, Happening::RESTARTED);
    rds.tell(&resource_id, Happening::FAILOVER_LED);
    rds.end_operation(&resource_id);
    rds.tell(&resource_id, Happening::FAILOVER_ENDED);
}

/// Leads the name to the new address after this time, unless the DB instance is elsewhere by then.
async fn lead_later(rds: Arc<Rds>, resource_id: String, after: Endpoint, follows: Duration) {
    rds.clock.pass(follows).await;
    let state = rds.state();
    let is_there = state.instances.get(&resource_id).is_some_and(|it| it.endpoint.as_ref() == Some(&after));
    if is_there {
        rds.lead(&after);
    }
}
