//! Parameter groups and option groups, by name: the defaults of each engine version, and those that were made.
//! Of their parameters and options only `max_connect_errors` of MariaDB has an effect here.

use std::collections::BTreeMap;

use super::{
    database::Database, engine::Engine, identifiers, refusal::Refusal, settings::Changes, tags::Tags,
};
use crate::place::Place;

/// A parameter group or an option group.
#[derive(Debug, Clone)]
pub struct Group {
    /// The engine that it is for.
    pub engine: Engine,
    /// `postgres16`, or `16` for an option group.
    pub version: String,
    /// What its maker says about it.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
    /// The parameters that were given other values.
    pub values: BTreeMap<String, String>,
}

impl Group {
    /// Gives a parameter another value, which a server takes over when it starts.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        if (self.engine, name) != (Engine::MariaDb, "max_connect_errors") {
            let message = format!("The local AWS gives {name} of {} no other value.", self.version);
            return Err(Refusal::InvalidParameterValue(message));
        }
        if value.parse::<u64>().ok().is_none_or(|it| it == 0) {
            let message = format!(
                "Invalid parameter value: {value} for: {name} allowed values are: 1-18446744073709547520"
            );
            return Err(Refusal::InvalidParameterValue(message));
        }
        self.values.insert(name.to_owned(), value.to_owned());
        Ok(())
    }
}

/// Both kinds of groups have the same operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKind {
    /// DB parameter groups.
    Parameters,
    /// Option groups.
    Options,
}

/// The groups that were made, by place, kind and name.
pub type Groups = BTreeMap<(Place, GroupKind, String), Group>;

/// The groups that a request names must exist and be for this engine version.
/// Source: RDS API, RestoreDBInstanceFromDBSnapshot, errors; the text on families is AWS's.
pub fn check(groups: &Groups, place: &Place, given: &Changes, database: &Database) -> Result<(), Refusal> {
    for kind in [GroupKind::Parameters, GroupKind::Options] {
        if let Some(name) = given.get(kind.parameter()) {
            kind.check(groups, place, name, database)?;
        }
    }
    Ok(())
}

impl GroupKind {
    /// The kind that an ARN calls so.
    pub fn in_arn(word: &str) -> Option<Self> {
        [Self::Parameters, Self::Options].into_iter().find(|kind| kind.arn_word() == word)
    }

    /// The kind's word in an ARN.
    pub fn arn_word(self) -> &'static str {
        match self {
            Self::Parameters => "pg",
            Self::Options => "og",
        }
    }

    /// The parameter that names a group of this kind.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Parameters => "DBParameterGroupName",
            Self::Options => "OptionGroupName",
        }
    }

    /// The parameter that says for which engine version a group is.
    pub fn version_parameter(self) -> &'static str {
        match self {
            Self::Parameters => "DBParameterGroupFamily",
            Self::Options => "MajorEngineVersion",
        }
    }

    /// A group's name in RDS's messages and answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Parameters => "DBParameterGroup",
            Self::Options => "OptionGroup",
        }
    }

    /// The name of the group of a DB instance or a DB snapshot that names none.
    pub fn default_for(self, database: &Database) -> String {
        self.default_of(database.engine, database.major()).0
    }

    /// The default group of a major version: its name, and what it is.
    pub fn default_of(self, engine: Engine, major: &str) -> (String, Group) {
        let family = engine.family(major);
        let (name, version, words) = match self {
            Self::Parameters => (format!("default.{family}"), family.clone(), "parameter group"),
            Self::Options => {
                let name = format!("default:{}-{}", engine.name(), major.replace('.', "-"));
                (name, major.to_owned(), "option group")
            }
        };
        let description = format!("Default {words} for {family}");
        (name, Group { engine, version, description, tags: Tags::default(), values: BTreeMap::new() })
    }

    /// The engine of a family; refuses a family that RDS does not have.
    /// Seen on AWS: github.com/terraform-aws-modules/terraform-aws-rds#173.
    pub fn engine_of_family(family: &str) -> Result<Engine, Refusal> {
        Engine::ALL.into_iter().find(|it| it.is_family(family)).ok_or_else(|| {
            let message = format!("ParameterGroupFamily {family} is not a valid parameter group family");
            Refusal::InvalidParameterValue(message)
        })
    }

    /// Refuses a major version that RDS does not have.
    /// Seen on AWS: github.com/hashicorp/terraform-provider-aws#21449.
    pub fn check_major(engine: Engine, version: &str) -> Result<(), Refusal> {
        if engine.is_major(version) {
            return Ok(());
        }
        let message = format!("Cannot find major version {version} for {}", engine.name());
        Err(Refusal::InvalidParameterCombination(message))
    }

    /// The refusal of a change that the state of a group does not allow.
    pub fn invalid_state(self, text: String) -> Refusal {
        match self {
            Self::Parameters => Refusal::InvalidDbParameterGroupState(text),
            Self::Options => Refusal::InvalidOptionGroupState(text),
        }
    }

    /// The refusal of a name that no group has.
    pub fn not_found(self, name: &str) -> Refusal {
        match self {
            Self::Parameters => {
                Refusal::DbParameterGroupNotFound(format!("DBParameterGroup not found: {name}"))
            }
            Self::Options => {
                Refusal::OptionGroupNotFound(format!("Specified OptionGroupName: {name} not found."))
            }
        }
    }

    fn check(self, groups: &Groups, place: &Place, name: &str, database: &Database) -> Result<(), Refusal> {
        identifiers::group(self.parameter(), name)?;
        let (default, Group { engine, version, .. }) = self.default_of(database.engine, database.major());
        if name == default {
            return Ok(());
        }
        let group = groups.get(&(place.clone(), self, name.to_owned()));
        let group = group.ok_or_else(|| self.not_found(name))?;
        if (group.engine, &group.version) == (engine, &version) {
            return Ok(());
        }
        let (word, parameter, other) = (self.word(), self.version_parameter(), &group.version);
        Err(Refusal::InvalidParameterCombination(format!(
            "The {word} {name} with {parameter} {other} can't be used for this instance. Please use one with {version}."
        )))
    }
}
