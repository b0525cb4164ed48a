//! The rules for sharing a DB snapshot with other accounts.

use super::{quotas, refusal::Refusal, snapshots::Snapshot};

/// The value of the `restore` attribute that means every account.
pub const EVERYBODY: &str = "all";

/// Adds accounts to the snapshot's `restore` attribute, and removes others; nothing changes if that is refused.
pub fn share(snapshot: &mut Snapshot, added: Vec<String>, removed: &[String]) -> Result<(), Refusal> {
    snapshot.must_be_available("Snapshot")?;
    if snapshot.database.is_encrypted() && !added.is_empty() {
        // AWS documents neither the wire code of the first refusal, nor that it concerns AWS owned keys too.
        let key = snapshot.database.kms_key_id.as_deref();
        if key.is_none_or(|key| key == snapshot.place.managed_key_arn("aws/rds")) {
            let message =
                "A snapshot encrypted with the default key aws/rds or a key of AWS cannot be shared.";
            return Err(Refusal::InvalidParameterValue(message.to_owned()));
        }
        if added.iter().any(|value| value == EVERYBODY) {
            let message = "An encrypted snapshot cannot be public.";
            return Err(Refusal::InvalidParameterValue(message.to_owned()));
        }
    }
    let mut shared_with = snapshot.shared_with.clone();
    shared_with.extend(added);
    shared_with.retain(|value| !removed.contains(value));
    quotas::shared_accounts(shared_with.iter().filter(|value| *value != EVERYBODY).count())?;
    snapshot.shared_with = shared_with;
    Ok(())
}
