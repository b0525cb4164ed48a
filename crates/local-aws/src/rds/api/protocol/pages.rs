//! Pages of a Describe answer: MaxRecords and Marker.

use super::{answer::Outcome, parameters::Parameters, xml::Element};
use crate::rds::model::refusal::Refusal;

/// The answer of a Describe: one page of `all` in an element called `list`, and the next page's marker.
pub fn listed(list: &str, all: Vec<(String, Element)>, parameters: &Parameters) -> Outcome {
    listed_up_to(100, list, all, parameters)
}

/// The same, with pages of up to `most` records.
pub fn listed_up_to(most: i64, list: &str, all: Vec<(String, Element)>, parameters: &Parameters) -> Outcome {
    let (page, marker) = page(all, parameters, most)?;
    let list = page.fold(Element::new(list), Element::child);
    Ok(marker.map(|marker| Element::of_text("Marker", marker)).into_iter().chain([list]).collect())
}

/// Sorts by the key, and cuts out the page that the parameters ask for; with it comes the next page's marker.
///
/// The marker is the last key shown, in hexadecimal so that clients do not read it. So a resource that is made or
/// deleted between two pages neither hides nor repeats another one.
fn page<T>(
    mut all: Vec<(String, T)>,
    parameters: &Parameters,
    most: i64,
) -> Result<(impl Iterator<Item = T> + use<T>, Option<String>), Refusal> {
    let size = parameters.integer("MaxRecords")?.unwrap_or(100);
    if !(20..=most).contains(&size) {
        let message = format!("Invalid value {size} for MaxRecords. Must be between 20 and {most}");
        return Err(Refusal::InvalidParameterValue(message));
    }
    let marker = parameters.get("Marker").map(str::to_owned);
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let mut rest: Vec<(String, T)> = all
        .into_iter()
        .filter(|(key, _)| marker.as_ref().is_none_or(|marker| &encode(key) > marker))
        .collect();
    let size = size.unsigned_abs() as usize;
    let next = if rest.len() > size { rest.get(size - 1).map(|(key, _)| encode(key)) } else { None };
    rest.truncate(size);
    Ok((rest.into_iter().map(|(_, item)| item), next))
}

/// Hexadecimal keeps the order of the bytes.
fn encode(key: &str) -> String {
    crate::hex(key.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_without_loss() {
        let all: Vec<_> = (0..45).rev().map(|n| (format!("s-{n:02}"), n)).collect();
        let mut marker = String::new();
        let mut seen = Vec::new();
        for expected in [20, 20, 5] {
            let query = format!("MaxRecords=20{marker}");
            let (items, next) = page(all.clone(), &Parameters::parse(None, query.as_bytes()), 100).unwrap();
            let items: Vec<_> = items.collect();
            assert_eq!(items.len(), expected);
            seen.extend(items);
            marker = next.map(|next| format!("&Marker={next}")).unwrap_or_default();
        }
        assert_eq!(seen, (0..45).collect::<Vec<_>>());
        assert_eq!(marker, "");
        assert!(page(all, &Parameters::parse(None, b"MaxRecords=19"), 100).is_err());
    }
}
