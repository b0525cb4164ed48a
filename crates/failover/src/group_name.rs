//! The names of a group and of its resources, and of the group's SSM parameters.

use crate::epoch::EpochId;
use replication::names::{SHORT_NAME, is_short_name};
use serde::{Deserialize, Serialize};
use std::fmt;
use step::InvalidIdentifier;

macro_rules! short_name {
    ($(#[doc = $doc:literal])+ $name:ident, $what:literal) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidIdentifier;

            fn try_from(text: String) -> Result<Self, InvalidIdentifier> {
                if is_short_name(&text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidIdentifier::new(&text, $what, SHORT_NAME))
                }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

short_name! {
    /// The name of a group of databases that fail over together. It keeps the rule of a replication's name.
    GroupName, "the name of a group"
}

short_name! {
    /// The name of a resource within its group. It keeps the same rule.
    ResourceName, "the name of a resource"
}

impl GroupName {
    /// The SSM parameter with the manifest.
    pub fn manifest_parameter(&self) -> String {
        format!("/snapferry/groups/{self}/manifest")
    }

    /// Below it lie the layers of the frozen plan.
    pub fn plan_path(&self) -> String {
        format!("/snapferry/groups/{self}/plan")
    }

    /// The SSM parameter with one layer of the frozen plan.
    pub fn plan_parameter(&self, layer: u32) -> String {
        format!("{}/{layer}", self.plan_path())
    }

    /// Below it lie all epochs, and how they ended.
    pub fn epochs_path(&self) -> String {
        format!("/snapferry/groups/{self}/epochs")
    }

    /// The SSM parameter that claims an epoch.
    pub fn epoch_parameter(&self, epoch: &EpochId) -> String {
        format!("{}/{epoch}", self.epochs_path())
    }

    /// The SSM parameter that says how an epoch ended.
    pub fn ended_parameter(&self, epoch: &EpochId) -> String {
        format!("{}/ended", self.epoch_parameter(epoch))
    }

    /// The SSM parameter with the token of the approval that an epoch waits for.
    pub fn approval_parameter(&self, epoch: &EpochId) -> String {
        format!("{}/approval", self.epoch_parameter(epoch))
    }

    /// The SSM parameter with the last sample of a resource.
    pub fn sample_parameter(&self, resource: &ResourceName) -> String {
        format!("/snapferry/groups/{self}/samples/{resource}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_of_a_group_lies_below_its_name() {
        let group = GroupName::try_from("shop".to_owned()).unwrap();
        let epoch = EpochId::try_from("7-eu-west-1".to_owned()).unwrap();
        let resource = ResourceName::try_from("billing".to_owned()).unwrap();
        for (parameter, rest) in [
            (group.manifest_parameter(), "manifest"),
            (group.plan_path(), "plan"),
            (group.plan_parameter(2), "plan/2"),
            (group.epochs_path(), "epochs"),
            (group.epoch_parameter(&epoch), "epochs/7-eu-west-1"),
            (group.ended_parameter(&epoch), "epochs/7-eu-west-1/ended"),
            (group.approval_parameter(&epoch), "epochs/7-eu-west-1/approval"),
            (group.sample_parameter(&resource), "samples/billing"),
        ] {
            assert_eq!(parameter, format!("/snapferry/groups/shop/{rest}"));
        }
    }

    #[test]
    fn names_keep_the_rule_of_a_replications_name() {
        let group = |text: &str| GroupName::try_from(text.to_owned());
        assert_eq!(group("shop-2").unwrap().as_str(), "shop-2");
        assert!(group("Shop").unwrap_err().to_string().contains("the name of a group"));
        let resource = ResourceName::try_from(String::new()).unwrap_err();
        assert!(resource.to_string().contains("the name of a resource"));
        let name = ResourceName::try_from("app".to_owned()).unwrap();
        assert_eq!([name.as_str(), &name.to_string(), &String::from(name.clone())], ["app"; 3]);
    }
}
