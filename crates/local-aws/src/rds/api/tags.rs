//! AddTagsToResource, RemoveTagsFromResource and ListTagsForResource.

use std::sync::Arc;

use super::protocol::{answer::Outcome, request::Request, xml::Element};
use crate::rds::{
    model::{refusal::Refusal, tags::Tags},
    operations::rds::Rds,
};

/// AddTagsToResource.
pub fn add(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let name = parameters.required("ResourceName")?;
    let added = parameters.tags()?.ok_or_else(|| Refusal::MissingParameter("Tags".to_owned()))?;
    let mut state = rds.state();
    let tags = state.tags_in(place, name)?;
    *tags = tags.clone().with(added)?;
    Ok(vec![])
}

/// RemoveTagsFromResource.
pub fn remove(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let name = parameters.required("ResourceName")?;
    let keys = parameters
        .list("TagKeys", "member")
        .ok_or_else(|| Refusal::MissingParameter("TagKeys".to_owned()))?;
    rds.state().tags_in(place, name)?.remove(&keys);
    Ok(vec![])
}

/// ListTagsForResource.
pub fn list(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let name = parameters.required("ResourceName")?;
    let mut state = rds.state();
    let tags = state.tags_in(place, name)?;
    Ok(vec![elements(tags).fold(Element::new("TagList"), Element::child)])
}

/// The members of a TagList.
pub fn elements(tags: &Tags) -> impl Iterator<Item = Element> {
    tags.pairs().map(|(key, value)| Element::new("Tag").text("Key", key).text("Value", value))
}
