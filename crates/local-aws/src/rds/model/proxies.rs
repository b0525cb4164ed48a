//! RDS Proxy: a proxy, its one target, and the target's health.

use std::{net::Ipv4Addr, sync::Arc};

use jiff::Timestamp;

use super::{
    engine::Engine,
    instances::{Instance, InstanceStatus},
    refusal::Refusal,
    tags::Tags,
};
use crate::place::Place;

/// How many proxies an account may have in a Region. Source: RDS User Guide, "Quotas and limitations for RDS Proxy".
pub const MOST: usize = 20;
/// The one target group of every proxy.
pub const GROUP: &str = "default";

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// PostgreSQL.
    PostgreSql,
    /// MySQL and MariaDB.
    MySql,
}

impl Family {
    /// The family of this name, as a request gives it.
    pub fn named(name: &str) -> Option<Self> {
        [Self::PostgreSql, Self::MySql].into_iter().find(|it| it.name() == name)
    }

    /// As RDS's API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PostgreSql => "POSTGRESQL",
            Self::MySql => "MYSQL",
        }
    }

    /// The port of every proxy of the family. Source: RDS User Guide, "Connecting to a database through RDS Proxy".
    pub fn port(self) -> u16 {
        match self {
            Self::PostgreSql => 5432,
            Self::MySql => 3306,
        }
    }

    /// How clients prove their password.
    pub fn client_password(self) -> &'static str {
        match self {
            Self::PostgreSql => "POSTGRES_SCRAM_SHA_256",
            Self::MySql => "MYSQL_NATIVE_PASSWORD",
        }
    }

    fn serves(self, engine: Engine) -> bool {
        match self {
            Self::PostgreSql => engine == Engine::Postgres,
            Self::MySql => engine == Engine::MariaDb,
        }
    }
}

/// A proxy.
pub struct Proxy {
    /// Where it is.
    pub place: Place,
    /// Its VPC.
    pub vpc_id: String,
    /// Its id, `prx-…`, which its ARN has.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What its maker asked for.
    pub settings: Arc<Settings>,
    /// Is it ready?
    pub is_available: bool,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
    /// Its address; none until it is ready.
    pub address: Option<Ipv4Addr>,
    /// The address ranges of its subnets.
    pub cidrs: Vec<String>,
    /// Its target.
    pub target: Option<Target>,
}

/// What a proxy's maker asked for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it speaks.
    pub family: Family,
    /// The secrets with its logins.
    pub secret_arns: Vec<String>,
    /// The role by which it reads them.
    pub role_arn: String,
    /// Its subnets.
    pub subnet_ids: Vec<String>,
    /// Its security groups.
    pub security_group_ids: Vec<String>,
    /// Does it refuse clients without TLS?
    pub requires_tls: bool,
    /// Seconds after which it closes the connection of a silent client.
    pub idle_client_timeout: i64,
}

/// A DB instance behind a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The DB instance's identifier.
    pub identifier: String,
    /// Its resource id, which nobody else gets.
    pub resource_id: String,
    /// Its health.
    pub health: Health,
}

/// The health of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Nobody has logged in yet.
    Registering,
    /// A login worked.
    Available,
    /// No login works: the reason's code, and a description.
    Unavailable(&'static str, String),
}

impl Health {
    /// The state, and the reason with its description.
    pub fn shown(&self) -> (&'static str, Option<(&'static str, &str)>) {
        match self {
            Self::Registering => {
                ("REGISTERING", Some(("PENDING_PROXY_CAPACITY", "DBProxy Target is being registered")))
            }
            Self::Available => ("AVAILABLE", None),
            Self::Unavailable(reason, description) => ("UNAVAILABLE", Some((reason, description))),
        }
    }
}

impl Proxy {
    /// Its ARN.
    pub fn arn(&self) -> String {
        self.place.arn("db-proxy", &self.id)
    }

    /// The ARN of its target group.
    pub fn group_arn(&self) -> String {
        self.place.arn("target-group", &self.group_id())
    }

    /// The id of its target group.
    pub fn group_id(&self) -> String {
        self.id.replacen("prx-", "prx-tg-", 1)
    }

    /// Its DNS name. Source: RDS User Guide, "Connecting to a database through RDS Proxy".
    pub fn endpoint(&self) -> String {
        let suffix = if self.place.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        // The same fixed part for all proxies of an account and Region, as DB instances have theirs.
        let fixed = &self.place.invented("proxy")[6..18];
        format!("{}.proxy-{fixed}.{}.rds.{suffix}", self.name, self.place.region)
    }

    /// Refuses unless it is ready.
    pub fn must_be_available(&self) -> Result<(), Refusal> {
        match self.is_available {
            true => Ok(()),
            false => Err(Refusal::InvalidDbProxyState(format!(
                "DBProxy {} is not in the available state.",
                self.name
            ))),
        }
    }

    /// Registers a DB instance, if that is possible.
    pub fn register(&mut self, instance: &Instance) -> Result<(), Refusal> {
        self.must_be_available()?;
        // Seen on AWS: hashicorp/terraform-provider-aws#19096. A DB instance in storage-initialization remains available
        // for operations.
        let is_ready = instance.is_at_rest()
            || matches!(instance.status, InstanceStatus::Modifying | InstanceStatus::BackingUp);
        if !is_ready {
            return Err(Refusal::InvalidDbInstanceState(format!(
                "DBInstance {} is in an invalid state - {} - needs to be in [AVAILABLE, MODIFYING, BACKING_UP]",
                instance.identifier,
                instance.status.as_str().to_uppercase()
            )));
        }
        if !self.settings.family.serves(instance.database.engine) {
            let message = format!("DBInstance {} is not of the proxy's engine family.", instance.identifier);
            return Err(Refusal::InvalidParameterValue(message));
        }
        if let Some(target) = &self.target {
            return Err(Refusal::DbProxyTargetAlreadyRegistered(format!(
                "DBProxy {} already has the target {}.",
                self.name, target.identifier
            )));
        }
        self.target = Some(Target {
            identifier: instance.identifier.clone(),
            resource_id: instance.database.resource_id.clone(),
            health: Health::Registering,
        });
        Ok(())
    }

    /// Deregisters the DB instances with these identifiers.
    pub fn deregister(&mut self, identifiers: &[String]) -> Result<(), Refusal> {
        self.must_be_available()?;
        for identifier in identifiers {
            if self.target.as_ref().is_none_or(|it| it.identifier != *identifier) {
                let message = format!("DBProxy {} has no target {identifier}.", self.name);
                return Err(Refusal::DbProxyTargetNotFound(message));
            }
            self.target = None;
        }
        Ok(())
    }
}
