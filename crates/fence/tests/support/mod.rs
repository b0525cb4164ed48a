//! What the tests of `Fence` and `Unfence` share.

use serde_json::{Value, json};
use test_support::regions::Regions;

/// The request of the failover of `billing` from Frankfurt to Ireland.
pub fn request(mode: &str) -> Value {
    json!({
        "group": "shop", "epoch": "7-eu-west-1", "mode": mode, "stageDeadlineSeconds": 900, "stage": {},
        "resource": {
            "kind": "rdsReadReplica", "name": "billing", "masterSecretId": "shop/billing-master", "assertions": [],
            "from": {"region": "eu-central-1", "dbInstanceIdentifier": "billing", "quarantineSecurityGroupId": "sg-9"},
            "to": {"region": "eu-west-1", "dbInstanceIdentifier": "billing"},
            "rebuild": {"dbSubnetGroupName": "private", "vpcSecurityGroupIds": ["sg-1"]},
        },
    })
}

/// The Regions, where so many sessions are open in the old primary until they are ended.
pub fn regions(mut sessions: i64, writers: &'static [&str]) -> Regions {
    Regions::new().with(move |regions, region, call| {
        if !call["Action"].as_str().unwrap().starts_with("/2015-03-31/functions/snapferry-end-sessions/") {
            return None;
        }
        assert_eq!(region, "eu-central-1");
        let expected = json!({"engine": "postgres", "address": "billing.eu-central-1.example", "port": 5432});
        assert_eq!(call["body"]["endpoint"], expected);
        assert_eq!(call["body"]["masterSecretId"], "shop/billing-master");
        if regions[region].is_silent {
            return None;
        }
        let ended = if call["body"]["act"] == "end" { std::mem::take(&mut sessions) } else { 0 };
        Some(json!({
            "isPrimary": true, "ended": ended, "left": sessions, "writers": writers, "walLsn": "0/3000148",
        }))
    })
}
