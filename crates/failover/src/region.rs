//! The name of a Region.

use replication::names::is_region;
use serde::{Deserialize, Serialize};
use std::fmt;
use step::InvalidIdentifier;

/// The name of a Region, such as `eu-central-1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

impl Region {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Region {
    type Error = InvalidIdentifier;

    fn try_from(text: String) -> Result<Self, InvalidIdentifier> {
        // The number at the end keeps it apart from what follows it in the name of an execution.
        let number = text.rsplit('-').next().unwrap_or_default();
        let numbered = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
        if numbered && is_region(&text) && text.starts_with(|it: char| it.is_ascii_lowercase()) {
            Ok(Self(text))
        } else {
            Err(InvalidIdentifier::new(&text, "a Region", "a name such as eu-central-1"))
        }
    }
}

impl From<Region> for String {
    fn from(region: Region) -> String {
        region.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_ends_with_its_number() {
        for good in ["eu-central-1", "us-gov-west-1", "ap-southeast-12"] {
            let region = Region::try_from(good.to_owned()).unwrap();
            assert_eq!([region.as_str(), &region.to_string(), &String::from(region.clone())], [good; 3]);
        }
        for bad in
            ["", "eu", "Frankfurt", "eu-central", "eu-central-", "eu-west-1-r2", "-eu-1", "7-eu-1", "1"]
        {
            assert!(Region::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
