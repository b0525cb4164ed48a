//! `End` on the real clients: an epoch ends once.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use claim::end::{Response, handle};
use claim::{Clients, Error};
use serde_json::{Value, json};
use support::{HERE, OURS, THERE, failover};
use test_support::{assert_fails, parameters::Parameters};

fn world() -> Parameters {
    let world = Parameters::default();
    for region in [THERE, HERE] {
        world.put(region, OURS, "{}");
    }
    world
}

async fn end(world: &Parameters, outcome: &str) -> Result<Response, Error> {
    let request = json!({"failover": failover(), "outcome": outcome});
    handle(&Clients::new(&world.config(HERE)), request).await
}

#[tokio::test]
async fn an_epoch_ends_in_both_regions() {
    let world = world();
    end(&world, "done").await.unwrap();
    for region in [THERE, HERE] {
        let ended = world.get(region, &format!("{OURS}/ended")).unwrap();
        assert_eq!([&ended["outcome"], &ended["executionArn"]], ["done", "arn:execution"]);
    }
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let world = world();
    end(&world, "undone").await.unwrap();
    end(&world, "undone").await.unwrap();
    assert_eq!(world.get(THERE, &format!("{OURS}/ended")).unwrap()["outcome"], "undone");
    assert_fails(end(&world, "done").await, "Snapferry.EpochDiffers", "undone");
    assert!(world.changes().iter().all(|it| it["Overwrite"] == false));
}

#[tokio::test]
async fn what_was_not_begun_does_not_end() {
    let world = Parameters::default();
    world.put(THERE, OURS, "{}");
    end(&world, "undone").await.unwrap();
    assert!(world.get(THERE, &format!("{OURS}/ended")).is_some());
    assert_eq!(world.get(HERE, &format!("{OURS}/ended")), None);
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    for bad in [Value::Null, json!({"failover": failover(), "outcome": "well"})] {
        let answer = handle(&Clients::new(&world().config(HERE)), bad).await;
        assert_fails(answer, "Snapferry.InvalidRequest", "");
    }
}
