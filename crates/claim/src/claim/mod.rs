//! State `Claim`: creates the epoch before anything is changed.

use crate::plan::{Failover, Outcome, is_ours};
use crate::{Clients, Error};
use failover::{EpochId, EpochRefused, Epochs, Region, Run};
use lambda_support::{CallFailed, create_parameter, find_parameter, parameters_below};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::parse;

/// The failover that claims an epoch.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The failover.
    pub failover: Failover,
    /// Why, in words.
    pub reason: String,
    /// An epoch that a person gives up.
    pub give_up: Option<EpochId>,
}

/// The claim.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The epoch.
    pub epoch: EpochId,
}

/// Creates the epoch's parameter in each Region that takes part, without ever overwriting one. Then it looks again: when
/// another failover claimed an epoch meanwhile, it ends its own and stops. Safe to repeat.
///
/// Errors: `Snapferry.EpochDiffers`, `EpochNotEnded`, `InvalidRequest`, `SsmRefused` (fatal),
/// `SsmUnavailable` (retry).
/// Source: SSM API `PutParameter`, `GetParameter`, `DescribeParameters`.
pub async fn handle(clients: &Clients, payload: Value) -> Result<Response, Error> {
    let Request { failover, reason, give_up } = parse(payload)?;
    let record = failover.begins(&reason);
    for region in failover.regions() {
        if let Some(given_up) = &give_up {
            give_it_up(clients, &failover, region, given_up).await?;
        }
        create(clients, &failover, region, &record).await?;
    }
    if let Some(open) = open_beside(clients, &failover).await? {
        for region in failover.regions() {
            let ended = failover.group.ended_parameter(&failover.epoch);
            create_parameter(&clients.ssm(region), &ended, &failover.ends(Outcome::Undone)).await?;
        }
        let (group, resumed) = (failover.group.clone(), Run::execution_name(&failover.group, &open));
        return Err(EpochRefused::EpochNotEnded { group, open, resumed: format!("{resumed}-r2") }.into());
    }
    tracing::info!(group = %failover.group, epoch = %failover.epoch, "claimed");
    Ok(Response { epoch: failover.epoch })
}

/// Creates the epoch in a Region, unless this failover did before.
async fn create(clients: &Clients, failover: &Failover, region: &Region, record: &str) -> Result<(), Error> {
    let (ssm, parameter) = (clients.ssm(region), failover.group.epoch_parameter(&failover.epoch));
    if create_parameter(&ssm, &parameter, record).await? {
        return Ok(());
    }
    let found = find_parameter(&ssm, &parameter).await?;
    if is_ours(failover, found.as_deref()) {
        return Ok(());
    }
    let (region, found) = (region.to_string(), found.unwrap_or_default());
    Err(Error::EpochDiffers { parameter, region, found })
}

/// Another epoch of the group that has not ended.
async fn open_beside(clients: &Clients, failover: &Failover) -> Result<Option<EpochId>, CallFailed> {
    let mut epochs = Epochs::default();
    for region in failover.regions() {
        let below = parameters_below(&clients.ssm(region), &failover.group.epochs_path()).await?;
        epochs = epochs.and(Epochs::of(&failover.group, below.iter().map(String::as_str)));
    }
    Ok(epochs.open_beside(&failover.epoch).next().cloned())
}

/// Ends an epoch that a person gives up, where it was begun.
async fn give_it_up(
    clients: &Clients,
    failover: &Failover,
    region: &Region,
    given_up: &EpochId,
) -> Result<(), CallFailed> {
    let ssm = clients.ssm(region);
    if find_parameter(&ssm, &failover.group.epoch_parameter(given_up)).await?.is_some() {
        let ended = failover.group.ended_parameter(given_up);
        create_parameter(&ssm, &ended, &failover.ends(Outcome::GivenUp)).await?;
    }
    Ok(())
}
