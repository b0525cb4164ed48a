//! Which database it is.

use lambda_support::{CallFailed, Service};
use std::fmt;
use step::ErrorName;

/// A database, by its kind and identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Database {
    /// A DB instance that is in no cluster.
    Instance(String),
    /// A DB cluster.
    Cluster(String),
}

/// `DB instance orders-prod`, as error messages name it.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(identifier) => write!(f, "DB instance {identifier}"),
            Self::Cluster(identifier) => write!(f, "DB cluster {identifier}"),
        }
    }
}

impl Database {
    /// Its identifier.
    pub fn identifier(&self) -> &str {
        match self {
            Self::Instance(identifier) | Self::Cluster(identifier) => identifier,
        }
    }

    /// The identifier of a database that is served. The one place that says `Snapferry.ClusterNotServed`.
    pub fn served(&self) -> Result<&str, CallFailed> {
        match self {
            Self::Instance(identifier) => Ok(identifier),
            Self::Cluster(identifier) => Err(CallFailed {
                service: Service::Rds,
                operation: "DescribeDBClusters",
                code: "NotCalled".to_owned(),
                message: format!(
                    "DB cluster {identifier} cannot be replicated: only DB instances are served"
                ),
                name: ErrorName::ClusterNotServed,
            }),
        }
    }
}
