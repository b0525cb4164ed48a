//! State `End`: says how an epoch ended.

use crate::plan::{Failover, Outcome, ended_so};
use crate::{Clients, Error};
use failover::EpochId;
use lambda_support::{create_parameter, find_parameter};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::parse;

/// The failover, and how its epoch ended.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The failover.
    pub failover: Failover,
    /// How it ended.
    pub outcome: Outcome,
}

/// What ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The epoch.
    pub epoch: EpochId,
    /// How it ended.
    pub outcome: Outcome,
}

/// Creates the parameter that says how the epoch ended, in each Region that takes part. It is never overwritten. Where the
/// epoch was not begun, nothing is written. Safe to repeat.
///
/// Errors: `Snapferry.EpochDiffers`, `InvalidRequest`, `SsmRefused` (fatal), `SsmUnavailable` (retry).
/// Source: SSM API `PutParameter`, `GetParameter`.
pub async fn handle(clients: &Clients, payload: Value) -> Result<Response, Error> {
    let Request { failover, outcome } = parse(payload)?;
    for region in failover.regions() {
        let (ssm, parameter) = (clients.ssm(region), failover.group.ended_parameter(&failover.epoch));
        if find_parameter(&ssm, &failover.group.epoch_parameter(&failover.epoch)).await?.is_none()
            || create_parameter(&ssm, &parameter, &failover.ends(outcome)).await?
        {
            continue;
        }
        let found = find_parameter(&ssm, &parameter).await?;
        if !ended_so(outcome, found.as_deref()) {
            let (region, found) = (region.to_string(), found.unwrap_or_default());
            return Err(Error::EpochDiffers { parameter, region, found });
        }
    }
    tracing::info!(group = %failover.group, epoch = %failover.epoch, ?outcome, "ended");
    Ok(Response { epoch: failover.epoch, outcome })
}
