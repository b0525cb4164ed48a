//! The cut-over under everybody who may move the application's secret at the same time: other runs, rollbacks, a
//! rotation, and people. The real steps on the real clients, in every order of their calls up to so many pauses.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod schedule;
mod world;

use replication::{Run, tag};
use rotate_secret::promote_secret::handle;
use schedule::{Actors, Gate, exhaust};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use world::{APPLICATION, Account, Clients, Secret, State};

const OLD: &str = "orders-20261118t160812z-1111";
const LIVE: &str = "orders-20261119t160812z-2222";
const NEW: &str = "orders-20261120t160812z-3333";
const NEWER: &str = "orders-20261121t160812z-4444";

/// Who moves the application's secret.
#[derive(Debug, Clone, Copy)]
enum Actor {
    /// `PromoteSecret` of a run.
    RunId(&'static str),
    /// `PromoteSecret` of a rollback.
    Rollback(&'static str),
    /// `PromoteSecret` of a rollback to the latest copy.
    Release(&'static str),
    /// A rotation, as AWS's template for a single user does it.
    Rotation,
    /// A person who adds a key, in an editor that overwrites.
    Edit,
}

#[derive(Debug, Clone)]
struct Play {
    state: Arc<Mutex<State>>,
    actors: &'static [Actor],
    clients: Vec<Clients>,
}

impl Actors for Play {
    async fn act(&self, number: usize, gate: Gate) {
        let account = Account { state: self.state.clone(), gate };
        let clients = &self.clients[number];
        clients.lead_to(&account);
        match self.actors[number] {
            Actor::RunId(identifier) => promote(clients, &account, identifier, "respect").await,
            Actor::Rollback(identifier) => promote(clients, &account, identifier, "set").await,
            Actor::Release(identifier) => promote(clients, &account, identifier, "release").await,
            Actor::Rotation => rotate(&account).await,
            Actor::Edit => edit(&account).await,
        }
    }
}

impl Play {
    fn begin(actors: &'static [Actor], clients: Vec<Clients>) -> Self {
        let mut state = State::default();
        for identifier in [OLD, LIVE, NEW, NEWER] {
            let run = Run::from_identifier(identifier).unwrap();
            let mut tags = run.tags();
            tags.insert(tag::PROVEN.to_owned(), "2026-11-20T18:00:00Z".to_owned());
            state.tags.insert(identifier.to_owned(), tags);
            state.passwords.insert(identifier.to_owned(), format!("password of {identifier}"));
            state
                .secrets
                .insert(run.secret_name(), Secret::of(&format!("own-{identifier}"), value(identifier)));
        }
        let mut application = value(LIVE);
        application["apiKey"] = json!("k");
        state.secrets.insert(APPLICATION.to_owned(), Secret::of("v-present", application));
        Self { state: Arc::new(Mutex::new(state)), actors, clients }
    }

    fn state(&self) -> State {
        self.state.lock().unwrap().clone()
    }

    fn live(&self) -> String {
        self.state().application().current()["dbInstanceIdentifier"].as_str().unwrap().to_owned()
    }

    fn pinned(&self) -> Option<String> {
        self.state().application().tags.get(tag::PINNED).cloned()
    }
}

fn value(identifier: &str) -> Value {
    json!({
        "engine": "postgres", "host": format!("{identifier}.example"), "port": 5432, "username": "u",
        "password": format!("password of {identifier}"), "dbInstanceIdentifier": identifier,
    })
}

/// The looks of one execution, as the state machine makes them.
async fn promote(clients: &Clients, account: &Account, identifier: &str, pin: &str) {
    let run = Run::from_identifier(identifier).unwrap();
    let mut request = json!({
        "replication": run.replication, "run": run.id, "vpcSecurityGroupIds": [], "stageDeadlineSeconds": 86_400,
        "loginChecked": true, "applicationSecretArn": APPLICATION, "pin": pin, "stage": {},
    });
    for _ in 0..20 {
        let answer = serde_json::to_value(handle(&clients.promote, request.clone()).await.unwrap()).unwrap();
        if answer["done"] == true {
            return;
        }
        account.gate.rest().await;
        request["stage"] = answer["stage"].clone();
    }
    panic!("{identifier} does not come to an end: {request}");
}

/// Source: Secrets Manager User Guide, "How rotation works": createSecret, setSecret, testSecret, finishSecret.
async fn rotate(account: &Account) {
    account.gate.pass().await;
    {
        let mut state = account.state.lock().unwrap();
        let application = state.application();
        let mut pending = application.current().clone();
        pending["password"] = json!("rotated");
        application.versions.insert("v-rotated".to_owned(), pending);
        application.label("AWSPENDING", "v-rotated");
    }
    account.gate.pass().await;
    {
        let mut state = account.state.lock().unwrap();
        let pending = state.application().versions["v-rotated"].clone();
        let identifier = pending["dbInstanceIdentifier"].as_str().unwrap().to_owned();
        state.passwords.insert(identifier, "rotated".to_owned());
    }
    account.gate.pass().await;
    account.state.lock().unwrap().application().label("AWSCURRENT", "v-rotated");
}

async fn edit(account: &Account) {
    account.gate.pass().await;
    let mut value = account.state.lock().unwrap().application().current().clone();
    value["addedByHand"] = json!(true);
    account.gate.pass().await;
    let mut state = account.state.lock().unwrap();
    state.application().versions.insert("v-edited".to_owned(), value);
    state.application().label("AWSCURRENT", "v-edited");
}

/// Every schedule of these actors; afterwards the application's secret opens what it leads to, and keeps others' keys.
///
/// One pause shows what a call that comes in between can do, in seconds; PAUSES=2 tries some hundred schedules
/// each, in a minute.
async fn check(actors: &'static [Actor], what: impl Fn(&Play)) {
    let pauses: usize = std::env::var("PAUSES").map_or(1, |it| it.parse().unwrap());
    // Three actors have many orders even if nobody ever pauses within a look.
    let pauses = if actors.len() > 2 { pauses - 1 } else { pauses };
    let check = |play: &Play, order: &[usize]| {
        let state = play.state();
        assert!(state.opens(), "{actors:?} in {order:?}: {state:#?}");
        assert_eq!(state.secrets[APPLICATION].current()["apiKey"], "k", "{actors:?} in {order:?}");
        what(play);
    };
    let clients: Vec<Clients> = actors.iter().map(|_| Clients::new()).collect();
    let begin = || Play::begin(actors, clients.clone());
    let schedules = exhaust(actors.len(), pauses, begin, check).await;
    println!("{actors:?}: {schedules} schedules with up to {pauses} pauses");
}

#[tokio::test]
async fn of_two_runs_the_newer_one_is_live_in_the_end() {
    check(&[Actor::RunId(NEW), Actor::RunId(NEWER)], |play| assert_eq!(play.live(), NEWER)).await;
}

#[tokio::test]
async fn a_run_does_not_undo_a_rollback_that_it_meets() {
    check(&[Actor::RunId(NEW), Actor::Rollback(OLD)], |play| {
        assert_eq!((play.live(), play.pinned()), (OLD.to_owned(), pin_of(OLD)));
    })
    .await;
}

#[tokio::test]
async fn of_two_rollbacks_one_is_live_and_pinned() {
    check(&[Actor::Rollback(NEW), Actor::Rollback(OLD)], |play| {
        assert_eq!(play.pinned(), pin_of(&play.live()));
    })
    .await;
}

#[tokio::test]
async fn a_rollback_and_a_release_end_as_if_one_came_after_the_other() {
    check(&[Actor::Release(NEW), Actor::Rollback(OLD)], |play| {
        let end = (play.live(), play.pinned());
        assert!([(OLD.to_owned(), pin_of(OLD)), (NEW.to_owned(), None)].contains(&end), "{end:?}");
    })
    .await;
}

#[tokio::test]
async fn a_rotation_is_neither_lost_nor_undoes_the_cut_over() {
    check(&[Actor::RunId(NEW), Actor::Rotation], |play| {
        assert_eq!(play.live(), NEW);
        // The way back works, with whatever password the rotation gave.
        let mut state = play.state();
        let saved = state.secrets[&Run::from_identifier(LIVE).unwrap().secret_name()].current().clone();
        *state.application() = Secret::of("v", saved);
        assert!(state.opens(), "{state:#?}");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_a_person_adds_meanwhile_stays() {
    check(&[Actor::RunId(NEW), Actor::Edit], |play| {
        assert_eq!(play.state().application().current()["addedByHand"], true);
    })
    .await;
}

#[tokio::test]
async fn two_runs_and_a_rollback_at_once_end_with_the_rollback() {
    check(&[Actor::RunId(NEW), Actor::Rollback(OLD), Actor::RunId(NEWER)], |play| {
        assert_eq!((play.live(), play.pinned()), (OLD.to_owned(), pin_of(OLD)));
    })
    .await;
}

fn pin_of(identifier: &str) -> Option<String> {
    Run::from_identifier(identifier).map(|it| it.id.to_string())
}
