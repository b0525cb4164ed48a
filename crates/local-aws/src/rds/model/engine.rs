//! The engines of DB instances, and what differs between them: names, versions, licences, logs, limits.

use super::refusal::Refusal;

/// An engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// MariaDB. It does not stand in for MySQL, whose system tables, logins and versions are others.
    MariaDb,
}

impl Engine {
    /// Every engine.
    pub const ALL: [Self; 2] = [Self::MariaDb, Self::Postgres];

    /// The engine of this name, as a request gives it.
    pub fn named(name: &str) -> Result<Self, Refusal> {
        let found = Self::ALL.into_iter().find(|it| it.name() == name);
        found.ok_or_else(|| Refusal::InvalidParameterValue(format!("Invalid DB engine: {name}")))
    }

    /// As RDS's API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MariaDb => "mariadb",
        }
    }

    /// As RDS describes it.
    pub fn description(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MariaDb => "MariaDB Community Edition",
        }
    }

    /// The product, as RDS writes it before a version.
    pub fn product(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MariaDb => "MariaDB",
        }
    }

    /// The licence model of every DB instance.
    pub fn license(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql-license",
            Self::MariaDb => "general-public-license",
        }
    }

    /// The port of a DB instance that is asked for without one. Source: RDS API, CreateDBInstance, `Port`.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::MariaDb => 3306,
        }
    }

    /// The logs that it can send to CloudWatch.
    /// Source: RDS User Guide, USER_LogAccess.Concepts.PostgreSQL and USER_LogAccess.MariaDB.PublishtoCloudWatchLogs.
    pub fn logs(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgresql", "upgrade", "iam-db-auth-error"],
            Self::MariaDb => &["audit", "error", "general", "slowquery", "iam-db-auth-error"],
        }
    }

    /// Names that the master user cannot have.
    pub fn reserved_usernames(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["admin", "rdsadmin", "rds_superuser", "rdsrepladmin"],
            Self::MariaDb => &["root", "rdsadmin", "rdsrepladmin"],
        }
    }

    /// The greatest lengths of a master user's name, of a master password, and of the first database's name.
    /// Source: RDS API, CreateDBInstance.
    pub fn limits(self) -> Limits {
        match self {
            Self::Postgres => Limits { username: 63, password: 128, database: 63 },
            Self::MariaDb => Limits { username: 16, password: 41, database: 64 },
        }
    }

    /// The major versions for which there are groups. DB instances have the version of the server that we have.
    fn majors(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["11", "12", "13", "14", "15", "16", "17", "18"],
            Self::MariaDb => &["10.4", "10.5", "10.6", "10.11", "11.4", "11.8"],
        }
    }

    /// The major version: `16` of PostgreSQL 16.14, `10.11` of MariaDB 10.11.19.
    pub fn major(self, version: &str) -> &str {
        let end = match self {
            Self::Postgres => version.find('.'),
            Self::MariaDb => version.rfind('.').filter(|at| version.find('.') != Some(*at)),
        };
        end.map_or(version, |at| &version[..at])
    }

    /// Is it a major version that RDS has groups for?
    pub fn is_major(self, version: &str) -> bool {
        self.majors().contains(&version)
    }

    /// The family of parameter groups of a major version.
    pub fn family(self, major: &str) -> String {
        format!("{}{major}", self.name())
    }

    /// Is it a family of parameter groups of this engine?
    pub fn is_family(self, family: &str) -> bool {
        family.strip_prefix(self.name()).is_some_and(|major| self.is_major(major))
    }

    /// The versions that the server that we have can pass for: its own and those before it of its major version.
    pub fn versions(self, ours: &str) -> impl Iterator<Item = String> {
        let major = self.major(ours);
        let minor = ours.strip_prefix(major).and_then(|it| it.strip_prefix('.'));
        let minor: u32 = minor.and_then(|it| it.parse().ok()).unwrap_or_default();
        (1..=minor).map(move |minor| format!("{major}.{minor}"))
    }

    /// The version asked for, if the server that we have can pass for it.
    pub fn version(self, ours: &str, given: Option<&str>) -> Result<String, Refusal> {
        match given {
            None => Ok(ours.to_owned()),
            Some(given) if given == self.major(ours) => Ok(ours.to_owned()),
            Some(given) => self.versions(ours).find(|it| it == given).ok_or_else(|| {
                let message = format!("Cannot find version {given} for {}", self.name());
                Refusal::InvalidParameterCombination(message)
            }),
        }
    }
}

/// Greatest lengths.
pub struct Limits {
    /// Of the master user's name.
    pub username: usize,
    /// Of a master password.
    pub password: usize,
    /// Of the first database's name.
    pub database: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_shown_as_asked_within_the_major_version() {
        let check = |engine: Engine, ours: &str, given: Option<&str>, expected: Option<&str>| {
            assert_eq!(engine.version(ours, given).ok().as_deref(), expected, "{given:?}");
        };
        check(Engine::Postgres, "16.14", None, Some("16.14"));
        check(Engine::Postgres, "16.14", Some("16"), Some("16.14"));
        check(Engine::Postgres, "16.14", Some("16.4"), Some("16.4"));
        for wrong in ["17.2", "16.15", "16.0", "15", "16.4.1"] {
            check(Engine::Postgres, "16.14", Some(wrong), None);
        }
        check(Engine::MariaDb, "10.11.19", None, Some("10.11.19"));
        check(Engine::MariaDb, "10.11.19", Some("10.11"), Some("10.11.19"));
        check(Engine::MariaDb, "10.11.19", Some("10.11.6"), Some("10.11.6"));
        for wrong in ["10", "10.11.20", "10.11.0", "10.6.18", "11.4.2"] {
            check(Engine::MariaDb, "10.11.19", Some(wrong), None);
        }
    }

    #[test]
    fn a_family_is_of_one_engine_and_a_major_version_of_it() {
        assert!(Engine::MariaDb.is_family("mariadb10.11") && Engine::Postgres.is_family("postgres16"));
        for wrong in ["mariadb10", "mariadb16", "mysql8.0", "postgres10.11", "mariadb"] {
            assert!(!Engine::ALL.into_iter().any(|it| it.is_family(wrong)), "{wrong}");
        }
    }
}
