//! A call that passes through, and an answer that is mended.

use serde_json::{Value, json};

use crate::{caller::Caller, place::Place};

/// A call of the JSON protocol that passes through.
pub struct Passing<'a> {
    /// Its caller.
    pub caller: &'a Caller,
    /// The caller's account, and the Region that the call is for.
    pub place: &'a Place,
    /// The signing name.
    pub service: &'a str,
    /// The operation.
    pub operation: &'a str,
    /// Its parameters.
    pub body: &'a Value,
}

/// An answer that replaces MiniStack's.
pub struct Mended {
    /// The HTTP status.
    pub status: u16,
    /// The JSON.
    pub body: Value,
    /// The wire code of an error.
    pub error: Option<&'static str>,
}

impl Mended {
    /// A success with this JSON.
    pub(super) fn success(body: Value) -> Self {
        Self { status: 200, body, error: None }
    }

    /// An error with this wire code.
    pub(super) fn error(code: &'static str, message: &str) -> Self {
        Self { status: 400, body: json!({ "__type": code, "message": message }), error: Some(code) }
    }
}
