//! The lists of a policy.

use serde_json::Value;

/// A policy writes one item without its list.
pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}
