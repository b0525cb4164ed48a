//! The log groups of exported logs. RDS makes them, and leaves them behind when it deletes the DB instance.

use serde_json::json;

use crate::{ministack::Client, place::Place, rds::operations::rds::Rds};

/// Makes a log group for each log that the DB instance of this identifier exports.
pub async fn make(ministack: &Client, rds: &Rds, place: &Place, identifier: &str) {
    let names: Vec<String> = {
        let state = rds.state();
        let of_it = state.instances.values().filter(|it| it.place == *place && it.identifier == identifier);
        let exports = of_it.flat_map(|it| &it.database.settings.log_exports);
        exports.map(|log| format!("/aws/rds/instance/{identifier}/{log}")).collect()
    };
    for name in names {
        let (target, body) = ("Logs_20140328.CreateLogGroup", json!({ "logGroupName": name }));
        // One that is there already stays.
        if let Err(error) = ministack.json(&place.account_id, &place.region, "logs", target, &body).await {
            tracing::debug!("{name} is not made: {error:#}");
        }
    }
}
