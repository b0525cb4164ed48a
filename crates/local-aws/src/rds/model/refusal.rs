//! Refusals: the errors that RDS answers with, and their words.

/// Why RDS refuses a request. The wire code often differs from the shape's name: most lose `Fault`.
/// Source: botocore's service model of RDS, shapes with `error`; the last block is not modelled.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // Each variant is its wire code.
pub enum Refusal {
    CertificateNotFound(String),
    DbParameterGroupAlreadyExists(String),
    DbParameterGroupNotFound(String),
    InvalidDbParameterGroupState(String),
    InvalidOptionGroupState(String),
    OptionGroupAlreadyExists(String),
    OptionGroupNotFound(String),
    StorageTypeNotSupported(String),
    DbInstanceAlreadyExists,
    DbInstanceNotFound(String),
    DbProxyAlreadyExists(String),
    DbProxyNotFound(String),
    DbProxyQuotaExceeded(String),
    DbProxyTargetAlreadyRegistered(String),
    DbProxyTargetGroupNotFound(String),
    DbProxyTargetNotFound(String),
    DbSnapshotAlreadyExists(String),
    DbSnapshotNotFound(String),
    DbSubnetGroupAlreadyExists(String),
    DbSubnetGroupDoesNotCoverEnoughAZs(String),
    DbSubnetGroupNotFound(String),
    InstanceQuotaExceeded(String),
    InvalidDbInstanceState(String),
    InvalidDbProxyState(String),
    InvalidDbSnapshotState(String),
    InvalidDbSubnetGroupState(String),
    InvalidSubnet(String),
    InvalidVpcNetworkState(String),
    KmsKeyNotAccessible(String),
    SharedSnapshotQuotaExceeded(String),
    SnapshotQuotaExceeded(String),

    AccessDenied(String),
    InternalFailure(String),
    InvalidAction(String),
    InvalidClientTokenId,
    InvalidParameterCombination(String),
    InvalidParameterValue(String),
    MissingParameter(String),
}

impl Refusal {
    /// The wire code and the HTTP status.
    pub fn code(&self) -> (&'static str, u16) {
        match self {
            Self::CertificateNotFound(_) => ("CertificateNotFound", 404),
            Self::DbParameterGroupAlreadyExists(_) => ("DBParameterGroupAlreadyExists", 400),
            Self::DbParameterGroupNotFound(_) => ("DBParameterGroupNotFound", 404),
            Self::InvalidDbParameterGroupState(_) => ("InvalidDBParameterGroupState", 400),
            Self::InvalidOptionGroupState(_) => ("InvalidOptionGroupStateFault", 400),
            Self::OptionGroupAlreadyExists(_) => ("OptionGroupAlreadyExistsFault", 400),
            Self::OptionGroupNotFound(_) => ("OptionGroupNotFoundFault", 404),
            Self::StorageTypeNotSupported(_) => ("StorageTypeNotSupported", 400),
            Self::DbInstanceAlreadyExists => ("DBInstanceAlreadyExists", 400),
            Self::DbInstanceNotFound(_) => ("DBInstanceNotFound", 404),
            Self::DbProxyAlreadyExists(_) => ("DBProxyAlreadyExistsFault", 400),
            Self::DbProxyNotFound(_) => ("DBProxyNotFoundFault", 404),
            Self::DbProxyQuotaExceeded(_) => ("DBProxyQuotaExceededFault", 400),
            Self::DbProxyTargetAlreadyRegistered(_) => ("DBProxyTargetAlreadyRegisteredFault", 400),
            Self::DbProxyTargetGroupNotFound(_) => ("DBProxyTargetGroupNotFoundFault", 404),
            Self::DbProxyTargetNotFound(_) => ("DBProxyTargetNotFoundFault", 404),
            Self::DbSnapshotAlreadyExists(_) => ("DBSnapshotAlreadyExists", 400),
            Self::DbSnapshotNotFound(_) => ("DBSnapshotNotFound", 404),
            Self::DbSubnetGroupAlreadyExists(_) => ("DBSubnetGroupAlreadyExists", 400),
            Self::DbSubnetGroupDoesNotCoverEnoughAZs(_) => ("DBSubnetGroupDoesNotCoverEnoughAZs", 400),
            Self::DbSubnetGroupNotFound(_) => ("DBSubnetGroupNotFoundFault", 404),
            Self::InstanceQuotaExceeded(_) => ("InstanceQuotaExceeded", 400),
            Self::InvalidDbInstanceState(_) => ("InvalidDBInstanceState", 400),
            Self::InvalidDbProxyState(_) => ("InvalidDBProxyStateFault", 400),
            Self::InvalidDbSnapshotState(_) => ("InvalidDBSnapshotState", 400),
            Self::InvalidDbSubnetGroupState(_) => ("InvalidDBSubnetGroupStateFault", 400),
            Self::InvalidSubnet(_) => ("InvalidSubnet", 400),
            Self::InvalidVpcNetworkState(_) => ("InvalidVPCNetworkStateFault", 400),
            Self::KmsKeyNotAccessible(_) => ("KMSKeyNotAccessibleFault", 400),
            Self::SharedSnapshotQuotaExceeded(_) => ("SharedSnapshotQuotaExceeded", 400),
            Self::SnapshotQuotaExceeded(_) => ("SnapshotQuotaExceeded", 400),
            Self::AccessDenied(_) => ("AccessDenied", 403),
            Self::InternalFailure(_) => ("InternalFailure", 500),
            Self::InvalidAction(_) => ("InvalidAction", 400),
            Self::InvalidClientTokenId => ("InvalidClientTokenId", 403),
            Self::InvalidParameterCombination(_) => ("InvalidParameterCombination", 400),
            Self::InvalidParameterValue(_) => ("InvalidParameterValue", 400),
            Self::MissingParameter(_) => ("MissingParameter", 400),
        }
    }

    /// The message, in AWS's words where they are known.
    pub fn message(&self) -> String {
        match self {
            Self::DbInstanceAlreadyExists => "DB instance already exists".to_owned(),
            Self::DbInstanceNotFound(name) => format!("DBInstance {name} not found."),
            Self::DbSnapshotAlreadyExists(name) => {
                format!(
                    "Cannot create the snapshot because a snapshot with the identifier {name} already exists."
                )
            }
            Self::DbProxyAlreadyExists(name) => format!("DB proxy {name} already exists."),
            Self::DbProxyNotFound(name) => format!("DBProxy {name} not found."),
            Self::DbProxyTargetGroupNotFound(name) => format!("DBProxy target group {name} not found."),
            Self::DbSnapshotNotFound(name) => format!("DBSnapshot {name} not found."),
            Self::DbSubnetGroupAlreadyExists(name) => format!("The DB subnet group '{name}' already exists."),
            Self::DbSubnetGroupNotFound(name) => format!("DB subnet group '{name}' does not exist."),
            Self::InvalidAction(name) => format!("Could not find operation {name} for version 2014-10-31"),
            Self::InvalidClientTokenId => "The security token included in the request is invalid".to_owned(),
            Self::MissingParameter(name) => format!("The request must contain the parameter {name}."),
            Self::CertificateNotFound(text)
            | Self::DbParameterGroupAlreadyExists(text)
            | Self::DbParameterGroupNotFound(text)
            | Self::InvalidDbParameterGroupState(text)
            | Self::InvalidOptionGroupState(text)
            | Self::OptionGroupAlreadyExists(text)
            | Self::OptionGroupNotFound(text)
            | Self::StorageTypeNotSupported(text)
            | Self::DbSubnetGroupDoesNotCoverEnoughAZs(text)
            | Self::DbProxyQuotaExceeded(text)
            | Self::DbProxyTargetAlreadyRegistered(text)
            | Self::DbProxyTargetNotFound(text)
            | Self::InvalidDbProxyState(text)
            | Self::InstanceQuotaExceeded(text)
            | Self::InvalidDbInstanceState(text)
            | Self::InvalidDbSnapshotState(text)
            | Self::InvalidDbSubnetGroupState(text)
            | Self::InvalidSubnet(text)
            | Self::InvalidVpcNetworkState(text)
            | Self::KmsKeyNotAccessible(text)
            | Self::SharedSnapshotQuotaExceeded(text)
            | Self::SnapshotQuotaExceeded(text)
            | Self::AccessDenied(text)
            | Self::InternalFailure(text)
            | Self::InvalidParameterCombination(text)
            | Self::InvalidParameterValue(text) => text.clone(),
        }
    }
}
