//! Parameter groups and option groups, by name: the defaults of each engine version, and those that were made.
//! What is in them has no effect here.

use std::sync::Arc;

use super::{
    Outcome, Rds, bring_up, fault::Fault, pages, parameters::Parameters, place::Place, state::State,
    tags::Tags, xml::Element,
};

/// A parameter group or an option group.
#[derive(Debug, Clone)]
pub struct Group {
    /// `postgres16`, or `16` for an option group.
    version: String,
    description: String,
    /// Its tags.
    pub tags: Tags,
}

/// What the two kinds of groups have apart.
pub struct Kind {
    arn: &'static str,
    parameter: &'static str,
    version: &'static str,
    description: &'static str,
    element: &'static str,
    list: &'static str,
}

/// Parameter groups.
pub const PARAMETERS: Kind = Kind {
    arn: "pg",
    parameter: "DBParameterGroupName",
    version: "DBParameterGroupFamily",
    description: "Description",
    element: "DBParameterGroup",
    list: "DBParameterGroups",
};

/// Option groups.
pub const OPTIONS: Kind = Kind {
    arn: "og",
    parameter: "OptionGroupName",
    version: "MajorEngineVersion",
    description: "OptionGroupDescription",
    element: "OptionGroup",
    list: "OptionGroupsList",
};

/// The parameter group of a DB instance that names none.
pub fn default_parameter_group(major: &str) -> String {
    format!("default.postgres{major}")
}

/// The option group of a DB instance that names none.
pub fn default_option_group(major: &str) -> String {
    format!("default:postgres-{major}")
}

/// CreateDBParameterGroup and CreateOptionGroup.
pub fn create(kind: &Kind, rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let name = parameters.required(kind.parameter)?.to_lowercase();
    let group = Group {
        version: parameters.required(kind.version)?.to_owned(),
        description: parameters.required(kind.description)?.to_owned(),
        tags: parameters.tags()?.unwrap_or_default(),
    };
    let mut state = rds.state();
    let key = (place.clone(), kind.arn, name.clone());
    if name.starts_with("default") || state.groups.contains_key(&key) {
        let text = format!("{} {name} already exists", kind.element);
        return Err(match kind.arn {
            "pg" => Fault::DbParameterGroupAlreadyExists(text),
            _ => Fault::OptionGroupAlreadyExists(text),
        });
    }
    let element = kind.to_element(place, &name, &group);
    state.groups.insert(key, group);
    Ok(vec![element])
}

/// DescribeDBParameterGroups and DescribeOptionGroups: those that were made.
pub fn describe(kind: &Kind, rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let wanted = parameters.get(kind.parameter).map(str::to_lowercase);
    let state = rds.state();
    let all = state.groups.iter().filter(|((owner, arn, name), _)| {
        owner == place && *arn == kind.arn && wanted.as_ref().is_none_or(|wanted| wanted == name)
    });
    let all: Vec<_> =
        all.map(|((_, _, name), group)| (name.clone(), kind.to_element(place, name, group))).collect();
    if let (Some(name), true) = (wanted, all.is_empty()) {
        return Err(kind.not_found(&name));
    }
    let (groups, marker) = pages::page(all, parameters)?;
    let list = groups.fold(Element::new(kind.list), Element::child);
    Ok(marker.map(|marker| Element::of_text("Marker", marker)).into_iter().chain([list]).collect())
}

/// DeleteDBParameterGroup and DeleteOptionGroup. One that is in use stays.
pub fn delete(kind: &Kind, rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let name = parameters.required(kind.parameter)?.to_lowercase();
    let mut state = rds.state();
    let mut instances = state.instances.values().filter(|it| it.place == *place);
    let uses = |given: Option<&str>| given.is_some_and(|it| it.eq_ignore_ascii_case(&name));
    if instances.any(|it| uses(it.database.settings.get(kind.parameter))) {
        let text = format!("One or more database instances are still members of {name}.");
        return Err(match kind.arn {
            "pg" => Fault::InvalidDbParameterGroupState(text),
            _ => Fault::InvalidOptionGroupState(text),
        });
    }
    let removed = state.groups.remove(&(place.clone(), kind.arn, name.clone()));
    removed.map(|_| vec![]).ok_or_else(|| kind.not_found(&name))
}

/// The groups that the parameters name must exist and be for this engine version.
/// Source: RDS API, RestoreDBInstanceFromDBSnapshot, errors; the text on families is AWS's.
pub fn check(
    state: &State,
    place: &Place,
    parameters: &Parameters,
    engine_version: &str,
) -> Result<(), Fault> {
    let major = bring_up::major(engine_version);
    for kind in [PARAMETERS, OPTIONS] {
        let Some(name) = parameters.get(kind.parameter).map(str::to_lowercase) else { continue };
        let (default, version) = match kind.arn {
            "pg" => (default_parameter_group(major), format!("postgres{major}")),
            _ => (default_option_group(major), major.to_owned()),
        };
        if name == default {
            continue;
        }
        let group = state.groups.get(&(place.clone(), kind.arn, name.clone()));
        let group = group.ok_or_else(|| kind.not_found(&name))?;
        if group.version != version {
            return Err(Fault::InvalidParameterCombination(format!(
                "The {} {name} with {} {} can't be used for this instance. Please use one with {version}.",
                kind.element, kind.version, group.version
            )));
        }
    }
    Ok(())
}

impl Kind {
    fn not_found(&self, name: &str) -> Fault {
        match self.arn {
            "pg" => Fault::DbParameterGroupNotFound(format!("DBParameterGroup not found: {name}")),
            _ => Fault::OptionGroupNotFound(format!("Specified OptionGroupName: {name} not found.")),
        }
    }

    fn to_element(&self, place: &Place, name: &str, group: &Group) -> Element {
        Element::new(self.element)
            .text(self.parameter, name)
            .text(self.version, &group.version)
            .text(self.description, &group.description)
            .text(
                if self.arn == "pg" { "DBParameterGroupArn" } else { "OptionGroupArn" },
                place.arn(self.arn, name),
            )
    }
}
