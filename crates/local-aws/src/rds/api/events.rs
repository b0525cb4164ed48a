//! DescribeEvents.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{
    protocol::{
        answer::Outcome, filters::Filters, pages, parameters::Parameters, request::Request, xml::Element,
    },
    snapshots::timestamp,
};
use crate::rds::{
    model::{
        events::{Event, SOURCES},
        refusal::Refusal,
    },
    operations::rds::Rds,
};

/// DescribeEvents: of the last hour, unless other times are given.
pub fn describe(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    Filters::of(parameters, &[])?;
    let source = parameters.get("SourceType");
    if let Some(other) = source.filter(|it| !SOURCES.contains(it)) {
        return Err(Refusal::InvalidParameterValue(format!("Invalid source type: {other}")));
    }
    let identifier = parameters.name("SourceIdentifier");
    if identifier.is_some() && source.is_none() {
        let message = "SourceType must be provided when SourceIdentifier is provided.";
        return Err(Refusal::InvalidParameterCombination(message.to_owned()));
    }
    let (from, to) = times(parameters)?;
    let categories = parameters.list("EventCategories", "EventCategory").unwrap_or_default();
    let state = rds.state();
    let wanted = |it: &Event| {
        it.place == *place
            && source.is_none_or(|source| source == it.source)
            && identifier.as_ref().is_none_or(|identifier| *identifier == it.identifier)
            && (from..=to).contains(&it.at)
            && (categories.is_empty() || categories.iter().any(|category| category == it.what.category))
    };
    let found = state.events.iter().enumerate().filter(|(_, it)| wanted(it));
    let all = found.map(|(n, it)| (format!("{n:06}"), to_element(it))).collect();
    pages::listed("Events", all, parameters)
}

/// From `StartTime` to `EndTime`; each that is not given follows from the other one and from `Duration` in minutes.
fn times(parameters: &Parameters) -> Result<(Timestamp, Timestamp), Refusal> {
    let minutes = parameters.integer("Duration")?.unwrap_or(60);
    let duration = SignedDuration::from_mins(minutes);
    let time = |name: &str| {
        let parse = |text: &str| {
            let invalid = |_| Refusal::InvalidParameterValue(format!("Invalid value for {name}: {text}"));
            text.parse::<Timestamp>().map_err(invalid)
        };
        parameters.get(name).map(parse).transpose()
    };
    match (time("StartTime")?, time("EndTime")?) {
        (Some(from), Some(to)) if from > to => {
            let message = "StartTime must be before EndTime.";
            Err(Refusal::InvalidParameterCombination(message.to_owned()))
        }
        (Some(from), Some(to)) => Ok((from, to)),
        (Some(from), None) => Ok((from, from.max(Timestamp::now()))),
        (None, to) => {
            let to = to.unwrap_or_else(Timestamp::now);
            Ok((to.checked_sub(duration).unwrap_or(Timestamp::MIN), to))
        }
    }
}

fn to_element(event: &Event) -> Element {
    Element::new("Event")
        .text("SourceIdentifier", &event.identifier)
        .text("SourceType", event.source)
        .text("Message", &event.what.message)
        .list("EventCategories", [Element::of_text("EventCategory", event.what.category)])
        .text("Date", timestamp(event.at))
        .text("SourceArn", &event.arn)
}
