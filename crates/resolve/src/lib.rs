//! State `Resolve`, the first of a failover: reads the manifest and all that it refers to, and finds the epoch.

mod error;
mod look;
pub mod plan;

pub use error::Error;

use failover::{EpochId, GroupName, Manifest, Mode, Region, ResourceLayer};
use lambda_support::{Config, SignedClient, find_parameter};
use plan::{answer, other_region};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::{Deadline, parse};

/// The clients of this function in each Region.
#[derive(Debug, Clone)]
pub struct Clients {
    config: Config,
}

impl Clients {
    /// All of them, once per cold start.
    pub fn new(config: &Config) -> Self {
        Self { config: config.clone() }
    }

    /// Systems Manager of a Region.
    pub(crate) fn ssm(&self, region: &Region) -> SignedClient {
        SignedClient::ssm(&self.config.in_region(region.as_str()))
    }

    /// CloudFormation of a Region.
    pub(crate) fn cloudformation(&self, region: &Region) -> SignedClient {
        SignedClient::cloudformation(&self.config.in_region(region.as_str()))
    }
}

/// What starts a failover, and the execution.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The input of the execution.
    pub input: Input,
    /// The name of the execution.
    pub execution_name: String,
}

/// The input of a failover.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Input {
    /// The group.
    pub group: GroupName,
    /// The Region that becomes active.
    pub to: Region,
    /// Whether the old Region takes part.
    pub mode: Mode,
    /// Why, in words; it is kept with the epoch.
    pub reason: String,
    /// An epoch that has not ended and never will.
    #[serde(default)]
    pub give_up: Option<EpochId>,
}

/// The failover, with all that its steps need.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The group.
    pub group: GroupName,
    /// The epoch that it begins.
    pub epoch: EpochId,
    /// Whether an earlier execution began the epoch.
    pub is_resumed: bool,
    /// Whether the old Region takes part.
    pub mode: Mode,
    /// The Region that goes out of service.
    pub from: Region,
    /// The Region that becomes active.
    pub to: Region,
    /// Why, in words.
    pub reason: String,
    /// An epoch that is given up.
    pub give_up: Option<EpochId>,
    /// How long a replica may take until it has everything, in seconds.
    pub drain_seconds: Deadline,
    /// The resources, layer by layer.
    pub layers: Vec<ResourceLayer>,
}

/// Reads the manifest in this Region, and each export and parameter that it refers to in the Region that it names. It changes
/// nothing.
///
/// Errors: `Snapferry.InvalidManifest`, `ImportNotFound`, `WrongRegion`, `WrongEpoch`, `EpochNotEnded`,
/// `ApprovalNotServed`, `InvalidRequest`, `SsmRefused`, `CloudFormationRefused` (fatal), `SsmUnavailable`, `CloudFormationUnavailable` (retry).
/// Source: SSM API `GetParameter`, `DescribeParameters`; CloudFormation API `ListExports`.
pub async fn handle(clients: &Clients, payload: Value) -> Result<Response, Error> {
    let Request { input, execution_name } = parse(payload)?;
    let here = clients.config.sdk.region().map(ToString::to_string).unwrap_or_default();
    if here != input.to.as_str() {
        return Err(Error::OtherRegion { to: input.to.to_string(), here });
    }
    let parameter = find_parameter(&clients.ssm(&input.to), &input.group.manifest_parameter()).await?;
    let manifest = Manifest::read(&input.group, parameter.as_deref())?;
    let from = other_region(&manifest, &input.to)?;
    let epochs = look::epochs(clients, &input.group, [&input.to, &from]).await?;
    let values = look::values(clients, &manifest).await?;
    let answer = answer(input, from, &manifest, &values, &epochs, &execution_name)?;
    tracing::info!(group = %answer.group, epoch = %answer.epoch, resumed = answer.is_resumed, "resolved");
    Ok(answer)
}
