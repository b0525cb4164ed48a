//! The operations on parameter groups and on option groups, which differ in their words only.

use std::sync::Arc;

use super::protocol::{
    answer::Outcome, filters::Filters, pages, parameters::Parameters, request::Request, xml::Element,
};
use crate::{
    place::Place,
    rds::{
        model::{
            catalogue::{self, major},
            groups::{Group, GroupKind},
            identifiers,
            refusal::Refusal,
        },
        operations::rds::Rds,
    },
};

/// CreateDBParameterGroup and CreateOptionGroup.
pub fn create(kind: GroupKind, rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let name = name(kind, parameters)?;
    if kind == GroupKind::Options {
        catalogue::check_engine(parameters.required("EngineName")?)?;
    }
    let group = Group {
        version: parameters.required(kind.version_parameter())?.to_owned(),
        description: parameters.required(description(kind))?.to_owned(),
        tags: parameters.tags()?.unwrap_or_default(),
    };
    kind.check_version(&group.version)?;
    let mut state = rds.state();
    let key = (place.clone(), kind, name.clone());
    if name.starts_with("default") || state.groups.contains_key(&key) {
        let text = format!("{} {name} already exists", kind.word());
        return Err(match kind {
            GroupKind::Parameters => Refusal::DbParameterGroupAlreadyExists(text),
            GroupKind::Options => Refusal::OptionGroupAlreadyExists(text),
        });
    }
    let element = to_element(kind, place, &name, &group);
    state.groups.insert(key, group);
    Ok(vec![element])
}

/// DescribeDBParameterGroups and DescribeOptionGroups: those that were made, and the default ones of our version.
pub fn describe(kind: GroupKind, rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    Filters::of(parameters, &[])?;
    let wanted = parameters.get(kind.parameter()).map(|_| name(kind, parameters)).transpose()?;
    let version = if kind == GroupKind::Options { wanted_version(parameters)? } else { None };
    let state = rds.state();
    let made = state.groups.iter().filter(|((owner, of, _), _)| owner == place && *of == kind);
    let made = made.map(|((_, _, name), group)| (name.clone(), group.clone()));
    let all = made.chain([kind.default_of(major(rds.postgres_version()))]).filter(|(name, group)| {
        wanted.as_ref().is_none_or(|wanted| wanted == name) && version.is_none_or(|it| it == group.version)
    });
    let all: Vec<_> =
        all.map(|(name, group)| (name.clone(), to_element(kind, place, &name, &group))).collect();
    if let (Some(name), true) = (wanted, all.is_empty()) {
        return Err(kind.not_found(&name));
    }
    let list = match kind {
        GroupKind::Parameters => "DBParameterGroups",
        GroupKind::Options => "OptionGroupsList",
    };
    pages::listed(list, all, parameters)
}

/// The major version whose option groups are wanted.
/// Source: RDS API, DescribeOptionGroups: a name alone, a version only with an engine.
fn wanted_version(parameters: &Parameters) -> Result<Option<&str>, Refusal> {
    let (name, engine) = (parameters.get("OptionGroupName"), parameters.get("EngineName"));
    let version = parameters.get("MajorEngineVersion");
    let combination = |message: &str| Err(Refusal::InvalidParameterCombination(message.to_owned()));
    if name.is_some() && (engine.is_some() || version.is_some()) {
        return combination("OptionGroupName cannot be used together with EngineName or MajorEngineVersion.");
    }
    if engine.is_none() && version.is_some() {
        return combination("MajorEngineVersion can only be used together with EngineName.");
    }
    engine.map_or(Ok(()), catalogue::check_engine)?;
    Ok(version)
}

/// DeleteDBParameterGroup and DeleteOptionGroup. One that is in use stays, and a default one.
pub fn delete(kind: GroupKind, rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let name = name(kind, parameters)?;
    if name.starts_with("default") {
        return Err(kind.invalid_state(format!("Default {} cannot be deleted: {name}", kind.word())));
    }
    let mut state = rds.state();
    let mut instances = state.instances.values().filter(|it| it.place == *place);
    let uses = |given: Option<&str>| given.is_some_and(|it| it.eq_ignore_ascii_case(&name));
    if instances.any(|it| uses(it.database.settings.get(kind.parameter()))) {
        let text = format!("One or more database instances are still members of {name}.");
        return Err(kind.invalid_state(text));
    }
    let removed = state.groups.remove(&(place.clone(), kind, name.clone()));
    removed.map(|_| vec![]).ok_or_else(|| kind.not_found(&name))
}

fn name(kind: GroupKind, parameters: &Parameters) -> Result<String, Refusal> {
    identifiers::group(kind.parameter(), parameters.required(kind.parameter())?)
}

/// The parameter, and the element, of a group's description.
fn description(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Parameters => "Description",
        GroupKind::Options => "OptionGroupDescription",
    }
}

fn to_element(kind: GroupKind, place: &Place, name: &str, group: &Group) -> Element {
    let element = Element::new(kind.word())
        .text(kind.parameter(), name)
        .text(kind.version_parameter(), &group.version)
        .text(description(kind), &group.description)
        .text(format!("{}Arn", kind.word()), place.arn(kind.arn_word(), name));
    match kind {
        GroupKind::Parameters => element,
        GroupKind::Options => element
            .text("EngineName", catalogue::ENGINE)
            .list("Options", [])
            .text("AllowsVpcAndNonVpcInstanceMemberships", true),
    }
}
