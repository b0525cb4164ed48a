//! `Claim` on the real clients: of two failovers only one gets through.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use claim::claim::{Response, handle};
use claim::{Clients, Error};
use serde_json::{Value, json};
use support::{HERE, OURS, THERE, failover};
use test_support::{assert_fails, parameters::Parameters};

fn request() -> Value {
    json!({"failover": failover(), "reason": "a drill", "giveUp": null})
}

async fn claim(world: &Parameters, request: Value) -> Result<Response, Error> {
    handle(&Clients::new(&world.config(HERE)), request).await
}

#[tokio::test]
async fn an_epoch_is_claimed_in_both_regions_in_alphabetical_order_and_never_overwritten() {
    let world = Parameters::default();
    assert_eq!(claim(&world, request()).await.unwrap().epoch.to_string(), "7-eu-west-1");
    for region in [THERE, HERE] {
        let record = world.get(region, OURS).unwrap();
        assert_eq!(record["reason"], "a drill");
        assert_eq!([&record["mode"], &record["from"], &record["to"]], ["planned", THERE, HERE]);
        assert_eq!(
            [&record["executionArn"], &record["startedAt"]],
            ["arn:execution", "2026-11-28T20:00:00Z"]
        );
    }
    assert!(world.changes().iter().all(|it| it["Overwrite"] == false && it["Name"] == OURS));

    // The first Region in the alphabet is the first one to be asked.
    let silent = Parameters::default();
    silent.silence(THERE);
    assert_fails(claim(&silent, request()).await, "Snapferry.SsmUnavailable", "");
    assert_eq!(silent.get(HERE, OURS), None);
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let world = Parameters::default();
    claim(&world, request()).await.unwrap();
    let before = world.get(THERE, OURS);
    let mut resumed = request();
    resumed["failover"]["executionArn"] = json!("arn:resumed");
    for request in [request(), resumed] {
        claim(&world, request).await.unwrap();
    }
    assert_eq!(world.get(THERE, OURS), before);
}

// F7: nothing holds off a second run, or one in the other direction.
#[tokio::test]
async fn of_two_failovers_at_once_the_one_that_sees_the_other_ends_its_epoch_and_stops() {
    for at in [THERE, HERE] {
        let world = Parameters::default();
        world.put(at, "/snapferry/groups/shop/epochs/7-eu-central-1", "{}");
        let answer = claim(&world, request()).await;
        assert_fails(answer, "Snapferry.EpochNotEnded", "epoch 7-eu-central-1 of group shop has not ended");
        for region in [THERE, HERE] {
            assert_eq!(world.get(region, &format!("{OURS}/ended")).unwrap()["outcome"], "undone");
        }
    }
}

#[tokio::test]
async fn an_epoch_of_another_direction_under_the_same_name_is_told() {
    let world = Parameters::default();
    world.put(THERE, OURS, r#"{"from": "eu-west-2", "to": "eu-west-1"}"#);
    assert_fails(claim(&world, request()).await, "Snapferry.EpochDiffers", OURS);
    assert_eq!(world.get(HERE, OURS), None);
}

#[tokio::test]
async fn what_a_person_gives_up_is_ended_where_it_began() {
    let world = Parameters::default();
    let given_up = "/snapferry/groups/shop/epochs/6-eu-central-1";
    world.put(THERE, given_up, "{}");
    let mut request = request();
    request["giveUp"] = json!("6-eu-central-1");
    claim(&world, request).await.unwrap();
    let ended = format!("{given_up}/ended");
    assert_eq!(world.get(THERE, &ended).unwrap()["outcome"], "givenUp");
    assert_eq!(world.get(HERE, &ended), None);
}

#[tokio::test]
async fn an_unplanned_failover_needs_nothing_of_the_other_region() {
    let world = Parameters::default();
    world.silence(THERE);
    let mut request = request();
    request["failover"]["mode"] = json!("unplanned");
    claim(&world, request).await.unwrap();
    assert_eq!(world.get(HERE, OURS).unwrap()["mode"], "unplanned");
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let mut unknown = request();
    unknown["failover"]["unknown"] = json!(1);
    for bad in [json!({}), unknown] {
        assert_fails(claim(&Parameters::default(), bad).await, "Snapferry.InvalidRequest", "");
    }
}
