//! The operations on parameter groups and on option groups, which differ in their words only.

use std::{collections::BTreeMap, sync::Arc};

use super::protocol::{
    answer::Outcome, filters::Filters, pages, parameters::Parameters, request::Request, xml::Element,
};
use crate::{
    place::Place,
    rds::{
        model::{
            engine::Engine,
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
    let version = parameters.required(kind.version_parameter())?.to_owned();
    let engine = match kind {
        GroupKind::Parameters => GroupKind::engine_of_family(&version)?,
        GroupKind::Options => {
            let engine = Engine::named(parameters.required("EngineName")?)?;
            GroupKind::check_major(engine, &version)?;
            engine
        }
    };
    let group = Group {
        engine,
        version,
        description: parameters.required(description(kind))?.to_owned(),
        tags: parameters.tags()?.unwrap_or_default(),
        values: BTreeMap::new(),
    };
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

/// DescribeDBParameterGroups and DescribeOptionGroups: those that were made, and the default ones of our versions.
pub fn describe(kind: GroupKind, rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    Filters::of(parameters, &[])?;
    let wanted = parameters.get(kind.parameter()).map(|_| name(kind, parameters)).transpose()?;
    let (engine, version) =
        if kind == GroupKind::Options { wanted_engine(parameters)? } else { (None, None) };
    let state = rds.state();
    let made = state.groups.iter().filter(|((owner, of, _), _)| owner == place && *of == kind);
    let made = made.map(|((_, _, name), group)| (name.clone(), group.clone()));
    let defaults = rds.engines().map(|(engine, version)| kind.default_of(engine, engine.major(version)));
    let all = made.chain(defaults).filter(|(name, group)| {
        wanted.as_ref().is_none_or(|wanted| wanted == name)
            && engine.is_none_or(|it| it == group.engine)
            && version.is_none_or(|it| it == group.version)
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

/// The engine, and its major version, whose option groups are wanted.
/// Source: RDS API, DescribeOptionGroups: a name alone, a version only with an engine.
fn wanted_engine(parameters: &Parameters) -> Result<(Option<Engine>, Option<&str>), Refusal> {
    let (name, engine) = (parameters.get("OptionGroupName"), parameters.get("EngineName"));
    let version = parameters.get("MajorEngineVersion");
    let combination = |message: &str| Err(Refusal::InvalidParameterCombination(message.to_owned()));
    if name.is_some() && (engine.is_some() || version.is_some()) {
        return combination("OptionGroupName cannot be used together with EngineName or MajorEngineVersion.");
    }
    if engine.is_none() && version.is_some() {
        return combination("MajorEngineVersion can only be used together with EngineName.");
    }
    Ok((engine.map(Engine::named).transpose()?, version))
}

/// ModifyDBParameterGroup.
pub fn modify_parameters(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let kind = GroupKind::Parameters;
    let name = name(kind, parameters)?;
    let mut state = rds.state();
    let Some(group) = state.groups.get_mut(&(place.clone(), kind, name.clone())) else {
        return Err(match name.starts_with("default.") {
            true => kind.invalid_state(format!("Default {} cannot be modified: {name}", kind.word())),
            false => kind.not_found(&name),
        });
    };
    let get = |n: usize, of: &str| parameters.get(&format!("Parameters.Parameter.{n}.{of}"));
    let given = (1..).map_while(|n| Some((n, get(n, "ParameterName")?)));
    let mut changed = group.clone();
    for (n, parameter) in given {
        changed.set(parameter, get(n, "ParameterValue").unwrap_or_default())?;
    }
    *group = changed;
    Ok(vec![Element::of_text(kind.parameter(), name)])
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
            .text("EngineName", group.engine.name())
            .list("Options", [])
            .text("AllowsVpcAndNonVpcInstanceMemberships", true),
    }
}
