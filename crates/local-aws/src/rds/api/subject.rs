//! The operation and the resource of a request, for the record of calls.

use super::protocol::parameters::Parameters;

/// The operation and the resource of a request that has not been answered yet.
pub fn of(query: Option<&str>, body: &[u8]) -> (String, Option<String>) {
    let parameters = Parameters::parse(query, body);
    (parameters.action().to_owned(), resource(parameters.action(), &parameters))
}

/// The resource that a request makes or changes, else the one that it looks at.
fn resource(action: &str, parameters: &Parameters) -> Option<String> {
    let names = match action {
        "CopyDBSnapshot" => ["TargetDBSnapshotIdentifier", "SourceDBSnapshotIdentifier"],
        "RestoreDBInstanceFromDBSnapshot" => ["DBInstanceIdentifier", "DBSnapshotIdentifier"],
        it if it.contains("DBProx") => ["DBProxyName", "DBProxyName"],
        it if it.contains("Tags") => ["ResourceName", "ResourceName"],
        it if it.contains("ParameterGroup") => ["DBParameterGroupName", "DBParameterGroupName"],
        it if it.contains("OptionGroup") => ["OptionGroupName", "OptionGroupName"],
        it if it.contains("SubnetGroup") => ["DBSubnetGroupName", "DBSubnetGroupName"],
        it if it.contains("Snapshot") => ["DBSnapshotIdentifier", "DBInstanceIdentifier"],
        _ => ["DBInstanceIdentifier", "DBClusterIdentifier"],
    };
    names.iter().find_map(|name| parameters.get(name)).map(str::to_owned)
}
