//! A read of a secret's current version, and what each step can make of it.

use crate::unusable::Unusable;
use crate::value::SecretValue;
use lambda_support::CallFailed;

/// One version of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The version's identifier.
    pub version_id: String,
    /// The secret's ARN.
    pub arn: String,
    /// Its value.
    pub value: SecretValue,
}

/// What a read of a secret's current version found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A JSON object.
    Found(Version),
    /// No such secret, or no current version of it.
    Missing,
    /// The secret is scheduled for deletion: the read that failed.
    Deleted(CallFailed),
    /// Bytes, not text.
    Binary,
    /// Text that is not a JSON object.
    NotJson,
}

impl Reading {
    /// The version, or why there is none to go by; `None` when nothing is there.
    pub fn usable(self, secret: &str) -> Result<Option<Version>, Unusable> {
        let secret = secret.to_owned();
        match self {
            Self::Found(version) => Ok(Some(version)),
            Self::Missing => Ok(None),
            Self::Deleted(failed) => Err(Unusable::Deleted(failed)),
            Self::Binary => Err(Unusable::Binary { secret }),
            Self::NotJson => Err(Unusable::NotJson { secret, problem: "is not a JSON object" }),
        }
    }

    /// The value, when there is one that can be understood.
    pub fn value(self) -> Option<SecretValue> {
        self.version().map(|it| it.value)
    }

    /// The same with its version.
    pub fn version(self) -> Option<Version> {
        match self {
            Self::Found(version) => Some(version),
            Self::Missing | Self::Deleted(_) | Self::Binary | Self::NotJson => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_support::Service;
    use step::ErrorName;

    fn deleted() -> CallFailed {
        let message = "the secret was marked for deletion";
        CallFailed::new(Service::SecretsManager, "GetSecretValue", "InvalidRequestException", message, false)
    }

    #[test]
    fn the_cure_is_that_of_the_secrets_owner() {
        let says = |secret: &str| Reading::Binary.usable(secret).unwrap_err().to_string();
        assert!(says("snapferry/orders/20261120t160812z-3f9a").contains("which makes another one"));
        assert!(says("arn:aws:secretsmanager:us-east-1:1:secret:shop").contains("make it a JSON object"));
    }

    #[test]
    fn only_a_json_object_is_a_value() {
        for reading in [Reading::Missing, Reading::Deleted(deleted()), Reading::Binary, Reading::NotJson] {
            assert_eq!(reading.clone().value(), None, "{reading:?}");
        }
        let value = SecretValue::parse(r#"{"apiKey": "k"}"#).unwrap();
        let version = Version { version_id: "v".to_owned(), arn: String::new(), value: value.clone() };
        assert_eq!(Reading::Found(version.clone()).usable("a"), Ok(Some(version.clone())));
        assert_eq!(Reading::Found(version).value(), Some(value));
        let name = |reading: Reading| reading.usable("a").unwrap_err().name();
        assert_eq!(name(Reading::Deleted(deleted())), ErrorName::SecretsManagerRefused);
        assert_eq!(name(Reading::Binary), ErrorName::SecretBinary);
        assert_eq!(Reading::Missing.usable("a"), Ok(None));
        assert_eq!(Reading::NotJson.usable("a").unwrap_err().name(), ErrorName::SecretNotJson);
    }
}
