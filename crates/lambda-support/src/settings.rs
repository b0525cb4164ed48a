//! The target account's settings of a replication, as an SSM parameter holds them.

use crate::{CallFailed, InvalidRequest, Service, found, parse};
use aws_sdk_ssm::Client;
use replication::{ReplicationName, TargetSettings};

/// Why there are no settings to go by: `Snapferry.InvalidSettings`.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum UnusableSettings {
    #[error("there are no settings for replication {replication}: put them in SSM parameter {parameter}")]
    Missing { replication: ReplicationName, parameter: String },
    #[error("the settings in SSM parameter {parameter} cannot be read")]
    Invalid {
        parameter: String,
        #[source]
        source: InvalidRequest,
    },
}

/// Reads the settings of a replication, with every default filled in. The error is the step's own.
///
/// Source: SSM API `GetParameter`.
pub async fn find_settings<E>(ssm: &Client, replication: &ReplicationName) -> Result<TargetSettings, E>
where
    E: From<CallFailed> + From<UnusableSettings>,
{
    let parameter = replication.settings_parameter();
    let answer = ssm.get_parameter().name(&parameter).send().await;
    let answer = found(Service::Ssm, "GetParameter", answer, |e| e.is_parameter_not_found())?;
    let Some(text) = answer.and_then(|it| it.parameter?.value) else {
        return Err(UnusableSettings::Missing { replication: replication.clone(), parameter }.into());
    };
    Ok(parse_settings(&text).map_err(|source| UnusableSettings::Invalid { parameter, source })?)
}

/// Parses the settings of one replication, as the parameter holds them.
pub fn parse_settings(text: &str) -> Result<TargetSettings, InvalidRequest> {
    let not_json = |error: serde_json::Error| InvalidRequest {
        path: "(not JSON)".to_owned(),
        message: error.to_string(),
    };
    let settings: TargetSettings = parse(serde_json::from_str(text).map_err(not_json)?)?;
    match settings.contradiction() {
        None => Ok(settings),
        Some((path, problem)) => Err(InvalidRequest { path: path.to_owned(), message: problem.to_owned() }),
    }
}
