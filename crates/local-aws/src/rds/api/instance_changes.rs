//! ModifyDBInstance, RebootDBInstance, StartDBInstance, StopDBInstance and DeleteDBInstance.

use std::sync::Arc;

use super::{
    access::keys::{self, Need},
    instances,
    protocol::{answer::Outcome, request::Request},
    settings, snapshots,
};
use crate::{
    kms::keys::Keys,
    rds::{
        model::refusal::Refusal,
        operations::{
            failover,
            instance_changes::{self, Deletion, Modification},
            rds::Rds,
        },
    },
};

/// ModifyDBInstance.
pub fn modify(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let given = parameters.instance("DBInstanceIdentifier")?;
    let immediately = parameters.flag("ApplyImmediately")?;
    let password = parameters.get("MasterUserPassword").map(str::to_owned);
    let new_name = "NewDBInstanceIdentifier";
    let identifier = parameters.get(new_name).map(|_| parameters.instance(new_name)).transpose()?;
    if parameters.flag("ManageMasterUserPassword")? || parameters.get("EngineVersion").is_some() {
        let message = "Managed master passwords and upgrades do not exist in the local AWS.";
        return Err(Refusal::InvalidParameterCombination(message.to_owned()));
    }
    let (changes, lists) = (settings::given(parameters)?, settings::lists(parameters));
    let subnet_group = parameters.get("DBSubnetGroupName").map(str::to_owned);
    let modification =
        Modification { immediately, password, identifier, given: changes, lists, subnet_group };
    let mut state = rds.state();
    let resource_id = instance_changes::modify(rds, &mut state, place, &given, modification)?;
    Ok(instances::shown(&state, &resource_id))
}

/// RebootDBInstance.
pub fn reboot(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let given = request.parameters.required("DBInstanceIdentifier")?;
    let fails_over = request.parameters.flag("ForceFailover")?;
    let mut state = rds.state();
    let resource_id = match fails_over {
        true => failover::begin(rds, &mut state, request.place, given)?,
        false => instance_changes::reboot(rds, &mut state, request.place, given)?,
    };
    Ok(instances::shown(&state, &resource_id))
}

/// StopDBInstance.
pub fn stop(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let given = parameters.instance("DBInstanceIdentifier")?;
    let snapshot = snapshots::wanted(parameters, "DBSnapshotIdentifier")?;
    let mut state = rds.state();
    let resource_id = instance_changes::stop(rds, &mut state, place, &given, snapshot)?;
    Ok(instances::shown(&state, &resource_id))
}

/// StartDBInstance. RDS takes the key of the storage into use again.
pub async fn start(rds: &Arc<Rds>, keys: &Keys, request: &Request<'_>) -> Outcome {
    let given = request.parameters.instance("DBInstanceIdentifier")?;
    let key = rds.state().instance(request.place, &given)?.database.kms_key_id.clone();
    if let Some(key) = key {
        keys::usable(keys, request, &key, Need::Start).await?;
    }
    let mut state = rds.state();
    let resource_id = instance_changes::start(rds, &mut state, request.place, &given)?;
    Ok(instances::shown(&state, &resource_id))
}

/// DeleteDBInstance.
pub fn delete(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let given = parameters.instance("DBInstanceIdentifier")?;
    let deletion = Deletion {
        skip_final_snapshot: parameters.flag("SkipFinalSnapshot")?,
        final_snapshot: snapshots::wanted(parameters, "FinalDBSnapshotIdentifier")?,
        keeps_automated_backups: parameters.get("DeleteAutomatedBackups").is_some()
            && !parameters.flag("DeleteAutomatedBackups")?,
    };
    let mut state = rds.state();
    let resource_id = instance_changes::delete(rds, &mut state, place, &given, deletion)?;
    Ok(instances::shown(&state, &resource_id))
}
