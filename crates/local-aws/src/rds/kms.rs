//! Keys: what is given becomes a key ARN, and the place where key policies and grants decide.

use super::{fault::Fault, place::Place};
use crate::ministack::Client;

/// Asks MiniStack's KMS, as root of the account that owns the key.
pub struct Kms {
    ministack: Client,
}

impl Kms {
    /// Over this MiniStack.
    pub fn new(ministack: Client) -> Self {
        Self { ministack }
    }

    /// The key to encrypt with: an id, an alias, an alias's ARN or a key's ARN becomes a key ARN.
    /// `role` is AWS's word for the key in the fault: `target`, `specified`.
    pub async fn target_key(&self, place: &Place, given: &str, role: &str) -> Result<String, Fault> {
        let fault = || not_accessible(&format!("The {role} KMS key [{given}]"));
        if given.rsplit(':').next() == Some("alias/aws/rds") || given == place.managed_key_arn() {
            return Ok(place.managed_key_arn());
        }
        let owner = owner_of(given).unwrap_or_else(|| place.clone());
        // A key works only in its own Region, and AWS looks nowhere else.
        if owner.region != place.region {
            return Err(fault());
        }
        self.enabled_key(&owner, given).await?.ok_or_else(fault)
    }

    /// The key that the source is encrypted under must still be usable.
    pub async fn check_source_key(&self, arn: &str) -> Result<(), Fault> {
        let usable = match owner_of(arn) {
            Some(owner) if owner.managed_key_arn() == arn => true,
            Some(owner) => self.enabled_key(&owner, arn).await?.is_some(),
            None => false,
        };
        if usable { Ok(()) } else { Err(not_accessible(&format!("The source snapshot KMS key [{arn}]"))) }
    }

    async fn enabled_key(&self, owner: &Place, key_id: &str) -> Result<Option<String>, Fault> {
        let key = self.ministack.describe_key(&owner.account_id, &owner.region, key_id).await;
        let key = key.map_err(|error| Fault::InternalFailure(format!("{error:#}")))?;
        Ok(key.filter(|key| key.key_state == "Enabled").map(|key| key.arn))
    }
}

fn not_accessible(which: &str) -> Fault {
    let text = format!("{which} does not exist, is not enabled or you do not have permissions to access it.");
    Fault::KmsKeyNotAccessible(text)
}

/// The account and Region in a KMS ARN.
fn owner_of(arn: &str) -> Option<Place> {
    let mut words = arn.strip_prefix("arn:")?.split(':').skip(1);
    if words.next()? != "kms" {
        return None;
    }
    Some(Place { region: words.next()?.to_owned(), account_id: words.next()?.to_owned() })
}
