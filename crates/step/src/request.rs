//! Bad input gets our own error, with the path of the field that is wrong.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A request of another shape than the step expects.
#[derive(Debug, thiserror::Error)]
#[error("invalid request at `{path}`: {message}")]
pub struct InvalidRequest {
    /// Where, such as `settings.retention.copies`.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// Parses a step's request.
pub fn parse<T: DeserializeOwned>(payload: Value) -> Result<T, InvalidRequest> {
    serde_path_to_error::deserialize(payload).map_err(|error| InvalidRequest {
        path: error.path().to_string(),
        message: error.inner().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, serde::Deserialize)]
    struct Outer {
        #[expect(dead_code)]
        retention: Inner,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code)]
        copies: u32,
    }

    #[test]
    fn the_message_gives_the_path() {
        let error = parse::<Outer>(json!({"retention": {"copies": -1}})).unwrap_err();
        assert_eq!(error.path, "retention.copies");
        let error = parse::<Outer>(json!({"retention": {"copies": 1, "copiez": 2}})).unwrap_err();
        assert!(error.to_string().contains("copiez"), "{error}");
    }
}
