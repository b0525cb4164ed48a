//! Tags, and the three operations on them.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Outcome, Rds,
    fault::Fault,
    parameters::Parameters,
    place::{Arn, Place},
    state::State,
    xml::Element,
};

const MOST: usize = 50;

/// The tags of one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// Checks what a caller gives.
    pub fn checked(pairs: Vec<(String, String)>) -> Result<Self, Fault> {
        let allowed =
            |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c));
        let invalid = |text: String| Err(Fault::InvalidParameterValue(text));
        for (key, value) in &pairs {
            let lower = key.to_lowercase();
            if lower.starts_with("aws:") || lower.starts_with("rds:") {
                return invalid("Tag keys cannot start with the reserved prefix aws: or rds:".to_owned());
            }
            if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
                return invalid(format!("Tag {key} is too long or has no key"));
            }
            if !allowed(key) || !allowed(value) {
                return invalid(format!("Tag {key} contains invalid characters"));
            }
        }
        Self::default().with(Self(pairs.into_iter().collect()))
    }

    /// These tags with `others` over them.
    pub fn with(mut self, others: Self) -> Result<Self, Fault> {
        self.0.extend(others.0);
        if self.0.len() > MOST {
            return Err(Fault::InvalidParameterValue(format!(
                "A resource cannot have more than {MOST} tags"
            )));
        }
        Ok(self)
    }

    /// A value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Removes a value.
    pub fn take(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    /// Keys and values.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The members of a TagList.
    pub fn elements(&self) -> impl Iterator<Item = Element> {
        self.0.iter().map(|(key, value)| Element::new("Tag").text("Key", key).text("Value", value))
    }
}

/// AddTagsToResource.
pub fn add(rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let name = parameters.required("ResourceName")?;
    let added = parameters.tags()?.ok_or_else(|| Fault::MissingParameter("Tags".to_owned()))?;
    let mut state = rds.state();
    let tags = find(&mut state, place, name)?;
    *tags = tags.clone().with(added)?;
    Ok(vec![])
}

/// RemoveTagsFromResource.
pub fn remove(rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let name = parameters.required("ResourceName")?;
    let keys =
        parameters.list("TagKeys", "member").ok_or_else(|| Fault::MissingParameter("TagKeys".to_owned()))?;
    find(&mut rds.state(), place, name)?.0.retain(|key, _| !keys.contains(key));
    Ok(vec![])
}

/// ListTagsForResource.
pub fn list(rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let name = parameters.required("ResourceName")?;
    let mut state = rds.state();
    let tags = find(&mut state, place, name)?;
    Ok(vec![tags.elements().fold(Element::new("TagList"), Element::child)])
}

fn find<'a>(state: &'a mut State, place: &Place, name: &str) -> Result<&'a mut Tags, Fault> {
    let arn = Arn::parse(name)?;
    match arn.kind.as_str() {
        "db" => Ok(&mut state.instance(place, name)?.tags),
        "snapshot" => Ok(&mut state.own_snapshot(place, name)?.1.tags),
        "subgrp" if arn.place == *place => {
            match state.subnet_groups.get_mut(&(arn.place, arn.name.clone())) {
                Some(group) => Ok(&mut group.tags),
                None => Err(Fault::DbSubnetGroupNotFound(arn.name)),
            }
        }
        "pg" | "og" if arn.place == *place => {
            let kind = if arn.kind == "pg" { "pg" } else { "og" };
            let group = state.groups.get_mut(&(arn.place, kind, arn.name));
            group.map(|group| &mut group.tags).ok_or_else(|| {
                Fault::InvalidParameterValue(format!("There is no group with the resource name: {name}"))
            })
        }
        _ => Err(Fault::InvalidParameterValue(format!("Invalid resource name: {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_the_rules() {
        let one = |key: &str, value: &str| Tags::checked(vec![(key.to_owned(), value.to_owned())]);
        assert!(one("snapferry:run", "2026 a+b=c/@").is_ok());
        let long = "k".repeat(129);
        for (key, value) in [("AWS:x", ""), ("rds:x", ""), ("", ""), (long.as_str(), ""), ("k", "a*b")] {
            assert!(one(key, value).is_err(), "{key}={value}");
        }
        let many = |n: usize| Tags::checked((0..n).map(|n| (format!("k{n}"), String::new())).collect());
        assert!(many(50).is_ok() && many(51).is_err());
    }
}
