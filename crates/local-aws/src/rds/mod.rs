//! RDS over real PostgreSQL: this file takes a request apart, finds the operation, and wraps its answer.

pub mod authorization;
pub mod bring_up;
pub mod clock;
pub mod fault;
pub mod identifiers;
pub mod instance_changes;
pub mod instances;
pub mod kms;
pub mod misbehaviour;
pub mod pages;
pub mod parameters;
pub mod place;
pub mod quotas;
pub mod settings;
pub mod snapshot_copies;
pub mod snapshot_sharing;
pub mod snapshots;
pub mod state;
pub mod subnet_groups;
pub mod tags;
pub mod xml;

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::task::JoinSet;

use self::{
    clock::Clock, fault::Fault, kms::Kms, misbehaviour::Misbehaviours, parameters::Parameters, place::Place,
    state::State, xml::Element,
};
use crate::{caller::Caller, lock, ministack, postgres::Postgres, random_hex};

/// The result of an operation: the children of its `…Result` element, none where the operation has no result.
pub type Outcome = Result<Vec<Element>, Fault>;

/// All accounts' RDS.
pub struct Rds {
    postgres: Postgres,
    kms: Kms,
    clock: Clock,
    misbehaviours: Misbehaviours,
    state: Mutex<State>,
}

/// An answer for the wire, and what the record keeps of it.
pub struct Answer {
    /// The operation.
    pub action: String,
    /// What it was about.
    pub resource: Option<String>,
    /// The HTTP status.
    pub status: u16,
    /// The wire code of an error.
    pub error: Option<&'static str>,
    /// The XML.
    pub body: String,
    /// The request's identifier.
    pub request_id: String,
}

impl Rds {
    /// An RDS without any resources.
    pub fn new(postgres: Postgres, ministack: ministack::Client, clock: Clock) -> Self {
        Self {
            postgres,
            kms: Kms::new(ministack),
            clock,
            misbehaviours: Misbehaviours::default(),
            state: Mutex::default(),
        }
    }

    /// What it shall do wrong.
    pub fn misbehaviours(&self) -> &Misbehaviours {
        &self.misbehaviours
    }

    /// Answers one request.
    pub async fn answer(
        self: &Arc<Self>,
        caller: &Caller,
        region: &str,
        query: Option<&str>,
        body: &[u8],
    ) -> Answer {
        let parameters = Parameters::parse(query, body);
        let action = parameters.action().to_owned();
        let place = Place { account_id: caller.account_id.clone(), region: region.to_owned() };
        let request_id = request_id();

        let outcome = self.perform(caller, &place, &action, &parameters).await;
        let (status, error, element) = match outcome {
            Ok(children) => {
                let mut response = Element::new(format!("{action}Response"));
                if !children.is_empty() {
                    let result =
                        children.into_iter().fold(Element::new(format!("{action}Result")), Element::child);
                    response = response.child(result);
                }
                (200, None, response.child(Element::new("ResponseMetadata").text("RequestId", &request_id)))
            }
            Err(fault) => {
                let (code, status) = fault.code();
                tracing::info!("{} {action}: {code}: {}", caller.who(), fault.message());
                (status, Some(code), fault.to_element(&request_id))
            }
        };
        let body = element.render().unwrap_or_default();
        Answer { resource: resource(&action, &parameters), action, status, error, body, request_id }
    }

    async fn perform(
        self: &Arc<Self>,
        caller: &Caller,
        place: &Place,
        action: &str,
        parameters: &Parameters,
    ) -> Outcome {
        authorization::check(caller, place, action, parameters)?;
        if let Some(fault) = self.misbehaviours.before(place, action) {
            return Err(fault);
        }
        match action {
            "CreateDBInstance" => bring_up::create(self, place, parameters).await,
            "RestoreDBInstanceFromDBSnapshot" => bring_up::restore(self, place, parameters).await,
            "DescribeDBInstances" => instances::describe(self, place, parameters),
            "ModifyDBInstance" => instance_changes::modify(self, place, parameters),
            "StartDBInstance" => instance_changes::start(self, place, parameters),
            "StopDBInstance" => instance_changes::stop(self, place, parameters),
            "DeleteDBInstance" => instance_changes::delete(self, place, parameters),
            "CreateDBSnapshot" => snapshots::create(self, place, parameters),
            "DescribeDBSnapshots" => snapshots::describe(self, place, parameters),
            "DeleteDBSnapshot" => snapshots::delete(self, place, parameters),
            "CopyDBSnapshot" => snapshot_copies::copy(self, place, parameters).await,
            "ModifyDBSnapshotAttribute" => snapshot_sharing::modify(self, place, parameters),
            "DescribeDBSnapshotAttributes" => snapshot_sharing::describe(self, place, parameters),
            "AddTagsToResource" => tags::add(self, place, parameters),
            "RemoveTagsFromResource" => tags::remove(self, place, parameters),
            "ListTagsForResource" => tags::list(self, place, parameters),
            "CreateDBSubnetGroup" => subnet_groups::create(self, place, parameters),
            "DescribeDBSubnetGroups" => subnet_groups::describe(self, place, parameters),
            "ModifyDBSubnetGroup" => subnet_groups::modify(self, place, parameters),
            "DeleteDBSubnetGroup" => subnet_groups::delete(self, place, parameters),
            "" => Err(Fault::MissingParameter("Action".to_owned())),
            other => Err(Fault::InvalidAction(other.to_owned())),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Ends every server.
    pub async fn shut_down(&self) {
        let servers: Vec<_> = self.state().instances.values_mut().filter_map(|it| it.server.take()).collect();
        servers.into_iter().map(crate::postgres::Server::abandon).collect::<JoinSet<_>>().join_all().await;
    }
}

/// What the record calls the resource: what is made or changed, else what is looked at.
fn resource(action: &str, parameters: &Parameters) -> Option<String> {
    let names = match action {
        "CopyDBSnapshot" => ["TargetDBSnapshotIdentifier", "SourceDBSnapshotIdentifier"],
        "RestoreDBInstanceFromDBSnapshot" => ["DBInstanceIdentifier", "DBSnapshotIdentifier"],
        it if it.contains("Tags") => ["ResourceName", "ResourceName"],
        it if it.contains("SubnetGroup") => ["DBSubnetGroupName", "DBSubnetGroupName"],
        it if it.contains("Snapshot") => ["DBSnapshotIdentifier", "DBInstanceIdentifier"],
        _ => ["DBInstanceIdentifier", "DBClusterIdentifier"],
    };
    names.iter().find_map(|name| parameters.get(name)).map(str::to_owned)
}

fn request_id() -> String {
    let hex = random_hex(16).unwrap_or_else(|_| "0".repeat(32));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
