//! Function `Guard`: each minute, in each Region. A primary of this Region that a failover to the other Region has replaced
//! gets the quarantine's security group, and its sessions end.

mod error;
pub mod plan;

pub use error::Error;

use aws_sdk_rds::Client as Rds;
use database::{Changes, Database, add_tags, busy_or_failed, remove_tag};
use failover::{Region, tag};
use lambda_support::Config;
use plan::{Act, plan};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::parse;

/// What the schedule says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The other Region of the groups.
    pub other_region: Region,
    /// The security group of this Region that lets no application in.
    pub quarantine_security_group_id: String,
}

/// What the guard did.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// In words, one for each DB instance that was replaced and is not at rest.
    pub did: Vec<String>,
}

/// Looks at the DB instances of both Regions. A new primary carries the tag of the primary that it replaces, which is put
/// there before it is promoted. So nothing else must be readable: no manifest, and no epoch.
///
/// A replaced primary first gets the quarantine's security group, then a reboot: a connection that is open survives a
/// change of security groups. Safe to repeat. It does nothing while the other Region does not answer.
///
/// Errors: `Snapferry.ClusterNotServed`, `InvalidRequest`, `RdsRefused` (fatal), `RdsUnavailable` (retry).
/// Source: RDS API `DescribeDBInstances`, `AddTagsToResource`, `ModifyDBInstance`, `RebootDBInstance`,
/// `RemoveTagsFromResource`.
pub async fn handle(config: &Config, payload: Value) -> Result<Response, Error> {
    let Request { other_region, quarantine_security_group_id: quarantine } = parse(payload)?;
    let (here, there) = (Rds::new(config), Rds::new(&config.in_region(other_region.as_str())));
    let others = match Database::list(&there).await {
        Ok(others) => others,
        Err(failed) if failed.name.retryable() => {
            tracing::warn!(%failed, "the other Region does not answer");
            return Ok(Response::default());
        }
        Err(failed) => return Err(failed.into()),
    };
    let mut did = Vec::new();
    for (database, act) in plan(&Database::list(&here).await?, &others, &quarantine) {
        let done = match act {
            Act::Wait(reason) => reason,
            Act::Swap { arn, tags } => {
                add_tags(&here, &arn, tags).await?;
                let groups = Some(vec![quarantine.clone()]);
                let changes = Changes { vpc_security_group_ids: groups, ..Changes::default() };
                match database.modify(&here, changes).await {
                    Ok(()) => format!("{database} was replaced, and gets the quarantine's security group"),
                    Err(failed) => busy_or_failed(&database, failed)?,
                }
            }
            Act::Reboot { arn } => match database.reboot(&here).await {
                Ok(()) => {
                    remove_tag(&here, &arn, tag::GUARDED).await?;
                    format!("{database} was replaced, and reboots so that its sessions end")
                }
                Err(failed) => busy_or_failed(&database, failed)?,
            },
        };
        tracing::warn!(%database, done, "guarded");
        did.push(done);
    }
    Ok(Response { did })
}
