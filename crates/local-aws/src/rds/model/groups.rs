//! Parameter groups and option groups, by name: the defaults of each engine version, and those that were made.
//! Their parameters and options have no effect here.

use std::collections::BTreeMap;

use super::{
    catalogue::{self, ENGINE, major},
    identifiers,
    refusal::Refusal,
    settings::Changes,
    tags::Tags,
};
use crate::place::Place;

/// A parameter group or an option group.
#[derive(Debug, Clone)]
pub struct Group {
    /// `postgres16`, or `16` for an option group.
    pub version: String,
    /// What its maker says about it.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
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

/// The parameter group of a DB instance that names none.
pub fn default_parameter_group(major: &str) -> String {
    format!("default.postgres{major}")
}

/// The option group of a DB instance that names none.
pub fn default_option_group(major: &str) -> String {
    format!("default:postgres-{major}")
}

/// The groups that a request names must exist and be for this engine version.
/// Source: RDS API, RestoreDBInstanceFromDBSnapshot, errors; the text on families is AWS's.
pub fn check(groups: &Groups, place: &Place, given: &Changes, engine_version: &str) -> Result<(), Refusal> {
    for kind in [GroupKind::Parameters, GroupKind::Options] {
        if let Some(name) = given.get(kind.parameter()) {
            kind.check(groups, place, name, engine_version)?;
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

    /// The default group of a major version: its name, and what it is.
    pub fn default_of(self, major: &str) -> (String, Group) {
        let (name, version, words) = match self {
            Self::Parameters => {
                (default_parameter_group(major), format!("{ENGINE}{major}"), "parameter group")
            }
            Self::Options => (default_option_group(major), major.to_owned(), "option group"),
        };
        let description = format!("Default {words} for {ENGINE}{major}");
        (name, Group { version, description, tags: Tags::default() })
    }

    /// Refuses a family, or a major version, that RDS does not have.
    /// Seen on AWS: github.com/terraform-aws-modules/terraform-aws-rds#173, github.com/hashicorp/terraform-provider-aws#21449.
    pub fn check_version(self, version: &str) -> Result<(), Refusal> {
        match self {
            Self::Parameters if version.strip_prefix(ENGINE).is_some_and(catalogue::is_major) => Ok(()),
            Self::Parameters => Err(Refusal::InvalidParameterValue(format!(
                "ParameterGroupFamily {version} is not a valid parameter group family"
            ))),
            Self::Options if catalogue::is_major(version) => Ok(()),
            Self::Options => Err(Refusal::InvalidParameterCombination(format!(
                "Cannot find major version {version} for {ENGINE}"
            ))),
        }
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

    fn check(self, groups: &Groups, place: &Place, name: &str, engine_version: &str) -> Result<(), Refusal> {
        identifiers::group(self.parameter(), name)?;
        let (default, Group { version, .. }) = self.default_of(major(engine_version));
        if name == default {
            return Ok(());
        }
        let group = groups.get(&(place.clone(), self, name.to_owned()));
        let group = group.ok_or_else(|| self.not_found(name))?;
        if group.version == version {
            return Ok(());
        }
        let (word, parameter, other) = (self.word(), self.version_parameter(), &group.version);
        Err(Refusal::InvalidParameterCombination(format!(
            "The {word} {name} with {parameter} {other} can't be used for this instance. Please use one with {version}."
        )))
    }
}
