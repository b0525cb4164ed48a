//! `Resolve` on the real clients: what it reads, and what it answers.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use resolve::{Clients, Error, Response, handle};
use serde_json::{Value, json};
use test_support::{actions, assert_fails, parameters::Parameters};

const HERE: &str = "eu-west-1";
const THERE: &str = "eu-central-1";

fn manifest() -> Value {
    let rebuild = json!({"dbSubnetGroupName": "private", "vpcSecurityGroupIds": ["sg-1"]});
    json!({
        "version": 1, "group": "shop", "regions": [THERE, HERE], "limits": {"unplannedLossSeconds": 30},
        "quarantineSecurityGroupIds": {THERE: "!Import quarantine", HERE: "!Import quarantine"},
        "layers": [{"layer": 1, "resources": [{
            "kind": "rdsReadReplica", "name": "billing", "masterSecretId": "shop/billing",
            "dbInstance": {THERE: "billing", HERE: "!Ssm /shop/billing"}, "rebuild": {THERE: rebuild, HERE: rebuild},
        }]}],
    })
}

/// The manifest in both Regions, and all that it refers to.
fn world() -> Parameters {
    let world = Parameters::default();
    for (region, quarantine) in [(THERE, "sg-c"), (HERE, "sg-e")] {
        world.put(region, "/snapferry/groups/shop/manifest", &manifest().to_string());
        world.at(region, |it| {
            it.exports = [("another", "x"), ("quarantine", quarantine), ("third", "y")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        });
    }
    world.put(HERE, "/shop/billing", "billing-standby");
    world
}

fn request(name: &str) -> Value {
    let input = json!({"group": "shop", "to": HERE, "mode": "planned", "reason": "a drill"});
    json!({"input": input, "executionName": name})
}

async fn resolve(world: &Parameters, request: Value) -> Result<Response, Error> {
    handle(&Clients::new(&world.config(HERE)), request).await
}

#[tokio::test]
async fn everything_that_the_manifest_refers_to_is_read_in_its_region() {
    let world = world();
    let answer = resolve(&world, request("shop-1-eu-west-1")).await.unwrap();
    let answer = serde_json::to_value(answer).unwrap();
    let billing = &answer["layers"][0]["resources"][0];
    assert_eq!(billing["from"]["quarantineSecurityGroupId"], "sg-c");
    assert_eq!(billing["to"], json!({"region": HERE, "dbInstanceIdentifier": "billing-standby"}));
    for (key, value) in [
        ("group", json!("shop")),
        ("epoch", json!("1-eu-west-1")),
        ("isResumed", json!(false)),
        ("mode", json!("planned")),
        ("from", json!(THERE)),
        ("to", json!(HERE)),
        ("reason", json!("a drill")),
        ("drainSeconds", json!(900)),
    ] {
        assert_eq!(answer[key], value, "{key}");
    }
    let sent = world.calls.sent();
    let pages = actions(&sent).into_iter().filter(|it| *it == "ListExports").count();
    assert_eq!(pages, 6, "every page of each Region, once");
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let world = world();
    let first = resolve(&world, request("shop-1-eu-west-1")).await.unwrap();
    assert_eq!(resolve(&world, request("shop-1-eu-west-1")).await.unwrap(), first);
    assert_eq!(world.changes(), [json!(null); 0]);
}

// F7: nothing holds off a second run, or one in the other direction.
#[tokio::test]
async fn the_epochs_of_both_regions_say_which_name_is_right() {
    let world = world();
    world.put(THERE, "/snapferry/groups/shop/epochs/6-eu-central-1", "{}");
    let open = resolve(&world, request("shop-7-eu-west-1")).await;
    assert_fails(open, "Snapferry.EpochNotEnded", "shop-6-eu-central-1-r2");
    world.put(HERE, "/snapferry/groups/shop/epochs/6-eu-central-1/ended", "{}");
    assert_eq!(resolve(&world, request("shop-7-eu-west-1")).await.unwrap().epoch.to_string(), "7-eu-west-1");
    assert_fails(
        resolve(&world, request("shop-6-eu-west-1")).await,
        "Snapferry.WrongEpoch",
        "shop-7-eu-west-1",
    );
    world.put(HERE, "/snapferry/groups/shop/epochs/7-eu-west-1", "{}");
    assert!(resolve(&world, request("shop-7-eu-west-1-r2")).await.unwrap().is_resumed);
}

#[tokio::test]
async fn a_failover_runs_in_the_region_that_becomes_active_and_in_one_of_the_groups() {
    let mut other = request("shop-1-eu-central-1");
    other["input"]["to"] = json!(THERE);
    assert_fails(resolve(&world(), other).await, "Snapferry.WrongRegion", "start it in eu-central-1");
    let world = world();
    let text = manifest().to_string().replace(HERE, "eu-west-2");
    world.put(HERE, "/snapferry/groups/shop/manifest", &text);
    let answer = resolve(&world, request("shop-1-eu-west-1")).await;
    assert_fails(answer, "Snapferry.WrongRegion", "eu-central-1 and eu-west-2");
}

#[tokio::test]
async fn what_is_missing_is_told_by_name() {
    let missing = world();
    missing.at(THERE, |it| it.exports.clear());
    missing.at(HERE, |it| it.parameters.remove("/shop/billing"));
    let says = "!Import quarantine in eu-central-1, !Ssm /shop/billing in eu-west-1";
    assert_fails(resolve(&missing, request("shop-1-eu-west-1")).await, "Snapferry.ImportNotFound", says);

    let none = Parameters::default();
    let says = "put it in SSM parameter /snapferry/groups/shop/manifest";
    assert_fails(resolve(&none, request("shop-1-eu-west-1")).await, "Snapferry.InvalidManifest", says);
}

// A planned failover never turns into an unplanned one by itself.
#[tokio::test]
async fn a_planned_failover_fails_while_the_other_region_is_silent() {
    let world = world();
    world.silence(THERE);
    assert_fails(resolve(&world, request("shop-1-eu-west-1")).await, "Snapferry.SsmUnavailable", "");
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    for (field, value) in
        [("mode", json!("sudden")), ("to", json!("Ireland")), ("reason", Value::Null), ("unknown", json!(1))]
    {
        let mut request = request("shop-1-eu-west-1");
        request["input"][field] = value;
        assert_fails(resolve(&world(), request).await, "Snapferry.InvalidRequest", "");
    }
}

// An approval is not built yet, and without one nobody may lose data.
#[tokio::test]
async fn what_needs_an_approval_is_refused() {
    let mut unplanned = request("shop-1-eu-west-1");
    unplanned["input"]["mode"] = json!("unplanned");
    assert_fails(resolve(&world(), unplanned).await, "Snapferry.ApprovalNotServed", "planned");
    let (world, mut manifest) = (world(), manifest());
    manifest["approval"] = json!("always");
    world.put(HERE, "/snapferry/groups/shop/manifest", &manifest.to_string());
    let answer = resolve(&world, request("shop-1-eu-west-1")).await;
    assert_fails(answer, "Snapferry.ApprovalNotServed", "an approval");
}
