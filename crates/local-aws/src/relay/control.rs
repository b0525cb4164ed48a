//! The local AWS's own routes, by which tests and the rehearsal look at it and make it go wrong.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{calls::Relay, faults::CallFault, record::Call};
use crate::{
    load_balancer::{load_balancers::Shown, model::misbehaviour::TargetMisbehaviour},
    outages::Outage,
    place::Place,
    process::kill_one_that_runs,
    rds::{
        model::misbehaviour::Misbehaviour,
        operations::{automated_backups, outages, replicas},
    },
    servers::link::Flow,
};

/// What a function of our own runtime runs.
const FUNCTION_PROGRAM: &str = "bootstrap";

/// The routes below `/_local-aws`.
///
/// - `GET calls?since=N`: the record.
/// - `POST faults`: a `CallFault`, for a call of any service. `GET` shows those still to come, `DELETE` forgets them.
/// - `POST misbehaviours`: a `Misbehaviour` of a resource of RDS. `GET` shows those still to come.
/// - `POST target-misbehaviours`: a `TargetMisbehaviour`. `GET` shows those in force, `DELETE` forgets them.
/// - `GET load-balancers`: each one's names, address and ports.
/// - `POST automated-snapshot`: has RDS back a DB instance up now.
/// - `POST crash`: kills the server of a DB instance, which RDS then starts again.
/// - `POST outages`: an `Outage` of a Region. `GET` shows those of now, `DELETE outages?region=R` ends one.
/// - `POST replication`: lets the changes of the source reach a read replica from now on, or not: a `Flow`.
/// - `GET names/address?name=N&vpcId=V`: where a name leads, in a VPC or outside every VPC.
/// - `GET names/file?vpcId=V`: the file of hosts with all names that lead somewhere there.
/// - `GET authority`: the certificate of the authority that issues the servers' certificates.
/// - `GET administrator`: the superuser of every server, whom no row is hidden from.
/// - `POST kill-function?nth=N`: kills one of the processes of functions, counting round.
pub fn routes() -> Router<Arc<Relay>> {
    Router::new()
        .route("/calls", get(calls))
        .route("/faults", get(faults).post(add_fault).delete(forget_faults))
        .route("/misbehaviours", get(misbehaviours).post(add_misbehaviour))
        .route(
            "/target-misbehaviours",
            get(target_misbehaviours).post(add_target_misbehaviour).delete(forget_target_misbehaviours),
        )
        .route("/load-balancers", get(load_balancers))
        .route("/automated-snapshot", post(automated_snapshot))
        .route("/crash", post(crash))
        .route("/outages", get(outages_of_now).post(begin_outage).delete(end_outage))
        .route("/replication", post(replication))
        .route("/names/address", get(address))
        .route("/names/file", get(names_file))
        .route("/authority", get(authority))
        .route("/administrator", get(administrator))
        .route("/kill-function", post(kill_function))
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since: usize,
}

async fn calls(State(relay): State<Arc<Relay>>, Query(Since { since }): Query<Since>) -> Json<Vec<Call>> {
    Json(relay.record.since(since))
}

/// The answer to what was to be planned.
fn planned(added: serde_json::Result<()>) -> Response {
    match added {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

async fn add_fault(State(relay): State<Arc<Relay>>, Json(wanted): Json<Value>) -> Response {
    planned(CallFault::deserialize(&wanted).map(|fault| relay.faults.add(fault)))
}

async fn faults(State(relay): State<Arc<Relay>>) -> Json<Vec<CallFault>> {
    Json(relay.faults.pending())
}

async fn forget_faults(State(relay): State<Arc<Relay>>) -> StatusCode {
    relay.faults.forget();
    StatusCode::NO_CONTENT
}

async fn add_misbehaviour(State(relay): State<Arc<Relay>>, Json(wanted): Json<Value>) -> Response {
    let misbehaviours = relay.rds.misbehaviours();
    planned(Misbehaviour::deserialize(&wanted).map(|wanted| misbehaviours.add(wanted)))
}

async fn misbehaviours(State(relay): State<Arc<Relay>>) -> Json<Vec<Misbehaviour>> {
    Json(relay.rds.misbehaviours().pending())
}

async fn add_target_misbehaviour(State(relay): State<Arc<Relay>>, Json(wanted): Json<Value>) -> Response {
    let misbehaviours = relay.load_balancers.misbehaviours();
    planned(TargetMisbehaviour::deserialize(&wanted).map(|wanted| misbehaviours.add(wanted)))
}

async fn target_misbehaviours(State(relay): State<Arc<Relay>>) -> Json<Vec<TargetMisbehaviour>> {
    Json(relay.load_balancers.misbehaviours().pending())
}

async fn forget_target_misbehaviours(State(relay): State<Arc<Relay>>) -> StatusCode {
    relay.load_balancers.misbehaviours().forget();
    StatusCode::NO_CONTENT
}

async fn load_balancers(State(relay): State<Arc<Relay>>) -> Json<Vec<Shown>> {
    Json(relay.load_balancers.shown())
}

/// A DB instance of an account and Region.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Whose {
    account_id: String,
    region: String,
    db_instance_identifier: String,
}

/// Has RDS make an automated snapshot now; the answer is its identifier.
async fn automated_snapshot(State(relay): State<Arc<Relay>>, Json(whose): Json<Whose>) -> Response {
    let place = Place { account_id: whose.account_id, region: whose.region };
    match automated_backups::begin(&relay.rds, &place, &whose.db_instance_identifier) {
        Ok(identifier) => Json(json!({ "dbSnapshotIdentifier": identifier })).into_response(),
        Err(refusal) => (StatusCode::BAD_REQUEST, refusal.message()).into_response(),
    }
}

/// A name, as those who are in the VPC or outside every VPC know it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Named {
    name: String,
    vpc_id: Option<String>,
}

async fn address(State(relay): State<Arc<Relay>>, Query(Named { name, vpc_id }): Query<Named>) -> Response {
    match relay.names.resolve(vpc_id.as_deref(), &name) {
        Some(address) => Json(json!({ "address": address })).into_response(),
        None => (StatusCode::NOT_FOUND, format!("{name} leads nowhere")).into_response(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Viewer {
    vpc_id: Option<String>,
}

async fn names_file(State(relay): State<Arc<Relay>>, Query(Viewer { vpc_id }): Query<Viewer>) -> Response {
    match relay.names.file(vpc_id.as_deref()) {
        Ok(file) => Json(json!({ "file": file })).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

async fn authority(State(relay): State<Arc<Relay>>) -> String {
    relay.rds.authority_pem().to_owned()
}

async fn administrator(State(relay): State<Arc<Relay>>) -> Json<Value> {
    let (username, password) = relay.rds.administrator();
    Json(json!({ "username": username, "password": password }))
}

/// Kills the server of a DB instance, as if its engine had crashed.
async fn crash(State(relay): State<Arc<Relay>>, Json(whose): Json<Whose>) -> Response {
    let place = Place { account_id: whose.account_id, region: whose.region };
    match relay.rds.crash(&place, &whose.db_instance_identifier) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => (StatusCode::BAD_REQUEST, refusal.message()).into_response(),
    }
}

/// The answer comes once all that is away is away.
async fn begin_outage(State(relay): State<Arc<Relay>>, Json(wanted): Json<Value>) -> Response {
    let outage = Outage::deserialize(&wanted);
    if let Ok(outage) = &outage {
        outages::begin(&relay.rds, outage.clone()).await;
    }
    planned(outage.map(drop))
}

async fn outages_of_now(State(relay): State<Arc<Relay>>) -> Json<Vec<Outage>> {
    Json(relay.rds.outages().all())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Returning {
    region: String,
}

/// The answer comes once the servers of the Region run.
async fn end_outage(
    State(relay): State<Arc<Relay>>,
    Query(Returning { region }): Query<Returning>,
) -> Response {
    match outages::end(&relay.rds, &region).await {
        true => StatusCode::NO_CONTENT.into_response(),
        false => (StatusCode::NOT_FOUND, format!("{region} is not away")).into_response(),
    }
}

/// What becomes of the changes that are on their way to a read replica.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Replication {
    account_id: String,
    region: String,
    db_instance_identifier: String,
    flow: Flow,
}

async fn replication(State(relay): State<Arc<Relay>>, Json(wanted): Json<Replication>) -> Response {
    let Replication { account_id, region, db_instance_identifier, flow } = wanted;
    match replicas::order(&relay.rds, &Place { account_id, region }, &db_instance_identifier, flow) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => (StatusCode::BAD_REQUEST, refusal.message()).into_response(),
    }
}

#[derive(Deserialize)]
struct Nth {
    nth: usize,
}

/// The answer says whether there was one to kill.
async fn kill_function(Query(Nth { nth }): Query<Nth>) -> Response {
    match kill_one_that_runs(FUNCTION_PROGRAM, nth) {
        Ok(killed) => Json(json!({ "killed": killed })).into_response(),
        Err(problem) => (StatusCode::INTERNAL_SERVER_ERROR, problem).into_response(),
    }
}
