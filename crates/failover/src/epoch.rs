//! The identifier of an epoch.

use crate::region::Region;
use serde::{Deserialize, Serialize};
use std::fmt;
use step::InvalidIdentifier;

/// The identifier of an epoch: its number, and the Region that becomes active, such as `7-eu-west-1`.
///
/// Every failover begins an epoch. The newest epoch is the one whose Region may write.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EpochId {
    /// It counts from one, and each failover takes the next one.
    pub number: u32,
    /// The Region that becomes active.
    pub to: Region,
}

impl TryFrom<String> for EpochId {
    type Error = InvalidIdentifier;

    fn try_from(text: String) -> Result<Self, InvalidIdentifier> {
        let read = || {
            let (number, region) = text.split_once('-')?;
            let epoch = Self { number: number.parse().ok()?, to: Region::try_from(region.to_owned()).ok()? };
            (epoch.number > 0 && epoch.to_string() == text).then_some(epoch)
        };
        let rule = "a number and the Region that becomes active, such as 7-eu-central-1";
        read().ok_or_else(|| InvalidIdentifier::new(&text, "an epoch", rule))
    }
}

impl From<EpochId> for String {
    fn from(epoch: EpochId) -> String {
        epoch.to_string()
    }
}

impl fmt::Display for EpochId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.number, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_a_number_and_a_region() {
        let epoch = EpochId::try_from("7-eu-west-1".to_owned()).unwrap();
        assert_eq!((epoch.number, epoch.to.as_str()), (7, "eu-west-1"));
        assert_eq!([epoch.to_string(), String::from(epoch)], ["7-eu-west-1"; 2]);
        for bad in
            ["", "7", "eu-west-1", "0-eu-west-1", "07-eu-west-1", "+7-eu-west-1", "7-eu", "7-eu-west-1/ended"]
        {
            assert!(EpochId::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_number_decides_which_epoch_is_newer() {
        let epoch = |text: &str| EpochId::try_from(text.to_owned()).unwrap();
        assert!(epoch("10-eu-central-1") > epoch("9-eu-west-1"));
    }
}
