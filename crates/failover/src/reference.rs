//! A value of the manifest that is written down, exported by a CloudFormation stack, or kept in an SSM parameter.

use crate::region::Region;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use step::InvalidIdentifier;

/// A value, or where it stands: `!Import NAME`, `!Import NAME@REGION` or `!Ssm /path`.
///
/// Without a Region of its own it is read in the Region that the value is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Reference {
    /// The value itself.
    Value(String),
    /// The name of an export of CloudFormation, and the Region that exports it.
    Import(String, Option<Region>),
    /// The name of an SSM parameter.
    Ssm(String),
}

/// What was found for each reference, by the Region that the value is for.
pub type Values = BTreeMap<(Region, Reference), String>;

impl Reference {
    /// The value that is written down, or that was found for a Region.
    pub fn value(&self, region: &Region, values: &Values) -> Option<String> {
        match self {
            Self::Value(text) => Some(text.clone()),
            _ => values.get(&(region.clone(), self.clone())).cloned(),
        }
    }

    /// The Region that it is read in, when the value is for this one.
    pub fn read_in<'a>(&'a self, region: &'a Region) -> &'a Region {
        match self {
            Self::Import(_, Some(own)) => own,
            _ => region,
        }
    }
}

impl TryFrom<String> for Reference {
    type Error = InvalidIdentifier;

    fn try_from(text: String) -> Result<Self, InvalidIdentifier> {
        let bad = |rule| Err(InvalidIdentifier::new(&text, "a value or a reference", rule));
        if text.is_empty() || text.trim() != text || text.chars().any(char::is_control) {
            return bad("a text that is not empty and has no spaces around it");
        }
        let Some(reference) = text.strip_prefix('!') else { return Ok(Self::Value(text)) };
        match reference.split_once(' ') {
            Some(("Import", export)) => {
                let (name, region) = match export.split_once('@') {
                    None => (export, None),
                    Some((name, region)) => (name, Some(Region::try_from(region.to_owned())?)),
                };
                // Source: CloudFormation API, Export, `Name`; User Guide, "Outputs".
                let named = !name.is_empty()
                    && name.bytes().all(|it| it.is_ascii_alphanumeric() || b":-".contains(&it));
                match named {
                    true => Ok(Self::Import(name.to_owned(), region)),
                    false => bad("`!Import NAME` or `!Import NAME@REGION`"),
                }
            }
            Some(("Ssm", path)) if is_parameter(path) => Ok(Self::Ssm(path.to_owned())),
            _ => bad("a reference is `!Import NAME`, `!Import NAME@REGION` or `!Ssm /path`"),
        }
    }
}

/// Source: SSM API, PutParameter, `Name`.
fn is_parameter(path: &str) -> bool {
    path.starts_with('/')
        && path.len() > 1
        && path.bytes().all(|it| it.is_ascii_alphanumeric() || b"/_.-".contains(&it))
}

impl From<Reference> for String {
    fn from(reference: Reference) -> String {
        reference.to_string()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(text) => f.write_str(text),
            Self::Import(name, None) => write!(f, "!Import {name}"),
            Self::Import(name, Some(region)) => write!(f, "!Import {name}@{region}"),
            Self::Ssm(path) => write!(f, "!Ssm {path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn region(name: &str) -> Region {
        Region::try_from(name.to_owned()).unwrap()
    }

    #[test]
    fn a_value_is_written_down_exported_or_a_parameter() {
        let check = |text: &str, expected: Reference| {
            let read: Reference = serde_json::from_value(json!(text)).unwrap();
            assert_eq!(read, expected);
            assert_eq!(json!(read), text);
        };
        check("billing", Reference::Value("billing".to_owned()));
        check("!Import shop:id", Reference::Import("shop:id".to_owned(), None));
        let west = Some(region("eu-west-1"));
        check("!Import shop-id@eu-west-1", Reference::Import("shop-id".to_owned(), west));
        check("!Ssm /shop/id", Reference::Ssm("/shop/id".to_owned()));
    }

    // F13: a missing export becomes null, and a number or boolean raises an error of Python.
    #[test]
    fn only_texts_are_values_and_only_two_kinds_of_reference_are_known() {
        for bad in [
            "",
            " x",
            "x ",
            "a\nb",
            "!Import",
            "!Import ",
            "!Import a b",
            "!Import a@Frankfurt",
            "!Ssm shop",
            "!Ssm /",
            "!Ssm /a b",
            "!Ref shop",
            "!GetAtt x",
            "!",
        ] {
            assert!(Reference::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        for bad in [Value::Null, json!(1), json!(true), json!(["x"]), json!({})] {
            assert!(serde_json::from_value::<Reference>(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reference_is_read_in_the_region_that_the_value_is_for_unless_it_names_another() {
        let (central, west) = (region("eu-central-1"), region("eu-west-1"));
        let import = |text: &str| Reference::try_from(text.to_owned()).unwrap();
        assert_eq!(import("!Import a").read_in(&central), &central);
        assert_eq!(import("!Ssm /a").read_in(&central), &central);
        assert_eq!(import("!Import a@eu-west-1").read_in(&central), &west);

        let values = Values::from([((west.clone(), import("!Import a")), "found".to_owned())]);
        assert_eq!(import("!Import a").value(&west, &values).as_deref(), Some("found"));
        assert_eq!(import("!Import a").value(&central, &values), None);
        assert_eq!(import("a").value(&central, &values).as_deref(), Some("a"));
    }
}
