//! A look at a key before RDS is asked to use it: RDS's own refusal says neither which key nor whose permission.

use crate::Error;
use aws_sdk_kms::Client;
use aws_sdk_kms::types::{KeyManagerType, KeySpec, KeyState};
use lambda_support::{Service, call_failed};

/// What was seen of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySeen {
    /// KMS would use it.
    Usable {
        /// Whether a customer manages it: no other key can be shared with another account.
        customer_managed: bool,
    },
    /// It cannot be used.
    Unusable {
        /// What KMS says.
        problem: String,
        /// Whether a grant or a policy on its way may still mend it.
        may_pass: bool,
    },
    /// It is of another Region, so only RDS looks at it, when it copies.
    Elsewhere,
}

impl KeySeen {
    /// Whether another account could be allowed to use it.
    pub fn is_shareable(&self) -> bool {
        *self == Self::Usable { customer_managed: true }
    }
}

/// Looks at a key, of this account or another one.
pub(crate) async fn look(kms: &Client, key: &str) -> Result<KeySeen, Error> {
    let unusable = |problem: String| Ok(KeySeen::Unusable { problem, may_pass: false });
    let answer = match kms.describe_key().key_id(key).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let failed = call_failed(Service::Kms, "DescribeKey", &error);
            if failed.name.retryable() {
                return Err(failed.into());
            }
            let may_pass = failed.code == "AccessDeniedException";
            return Ok(KeySeen::Unusable { problem: failed.to_string(), may_pass });
        }
    };
    let Some(key) = answer.key_metadata else { return unusable("KMS does not describe it".to_owned()) };
    match (key.key_state, key.key_spec) {
        (Some(KeyState::Enabled), Some(KeySpec::SymmetricDefault)) => {
            Ok(KeySeen::Usable { customer_managed: key.key_manager == Some(KeyManagerType::Customer) })
        }
        (Some(KeyState::Enabled), spec) => {
            unusable(format!("its key spec is {}", spec.as_ref().map_or("unknown", KeySpec::as_str)))
        }
        (state, _) => {
            unusable(format!("its state is {}", state.as_ref().map_or("unknown", KeyState::as_str)))
        }
    }
}
