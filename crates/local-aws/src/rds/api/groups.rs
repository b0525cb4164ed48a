//! The operations on parameter groups and on option groups, which differ in their words only.

use std::sync::Arc;

use super::protocol::{answer::Outcome, filters::Filters, pages, request::Request, xml::Element};
use crate::{
    place::Place,
    rds::{
        model::{
            groups::{Group, GroupKind},
            refusal::Refusal,
        },
        operations::rds::Rds,
    },
};

/// CreateDBParameterGroup and CreateOptionGroup.
pub fn create(kind: GroupKind, rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let name = parameters.required(kind.parameter())?.to_lowercase();
    let group = Group {
        version: parameters.required(kind.version_parameter())?.to_owned(),
        description: parameters.required(description(kind))?.to_owned(),
        tags: parameters.tags()?.unwrap_or_default(),
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

/// DescribeDBParameterGroups and DescribeOptionGroups: those that were made.
pub fn describe(kind: GroupKind, rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    Filters::of(parameters, &[])?;
    let wanted = parameters.name(kind.parameter());
    let state = rds.state();
    let all = state.groups.iter().filter(|((owner, of, name), _)| {
        owner == place && *of == kind && wanted.as_ref().is_none_or(|wanted| wanted == name)
    });
    let all: Vec<_> =
        all.map(|((_, _, name), group)| (name.clone(), to_element(kind, place, name, group))).collect();
    if let (Some(name), true) = (wanted, all.is_empty()) {
        return Err(kind.not_found(&name));
    }
    let list = match kind {
        GroupKind::Parameters => "DBParameterGroups",
        GroupKind::Options => "OptionGroupsList",
    };
    pages::listed(list, all, parameters)
}

/// DeleteDBParameterGroup and DeleteOptionGroup. One that is in use stays.
pub fn delete(kind: GroupKind, rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let name = parameters.required(kind.parameter())?.to_lowercase();
    let mut state = rds.state();
    let mut instances = state.instances.values().filter(|it| it.place == *place);
    let uses = |given: Option<&str>| given.is_some_and(|it| it.eq_ignore_ascii_case(&name));
    if instances.any(|it| uses(it.database.settings.get(kind.parameter()))) {
        let text = format!("One or more database instances are still members of {name}.");
        return Err(match kind {
            GroupKind::Parameters => Refusal::InvalidDbParameterGroupState(text),
            GroupKind::Options => Refusal::InvalidOptionGroupState(text),
        });
    }
    let removed = state.groups.remove(&(place.clone(), kind, name.clone()));
    removed.map(|_| vec![]).ok_or_else(|| kind.not_found(&name))
}

/// The parameter, and the element, of a group's description.
fn description(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Parameters => "Description",
        GroupKind::Options => "OptionGroupDescription",
    }
}

fn to_element(kind: GroupKind, place: &Place, name: &str, group: &Group) -> Element {
    Element::new(kind.word())
        .text(kind.parameter(), name)
        .text(kind.version_parameter(), &group.version)
        .text(description(kind), &group.description)
        .text(format!("{}Arn", kind.word()), place.arn(kind.arn_word(), name))
}
