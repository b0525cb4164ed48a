//! The record of every call: who, service, operation, resource, status. Never bodies, passwords or secrets.

use std::sync::Mutex;

use jiff::Timestamp;
use serde::Serialize;

use crate::lock;

/// One call, recorded when it was answered.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// From 1, in the order in which calls were answered.
    pub sequence: usize,
    /// When the call arrived.
    pub at: Timestamp,
    /// Account and principal; `anonymous` when the request was not signed.
    pub who: String,
    /// The caller's account; empty when the request was not signed.
    pub account_id: String,
    /// The Region of the signature; empty when the request was not signed.
    pub region: String,
    /// The signing name; empty when the request was not signed.
    pub service: String,
    /// The operation's name, or method and path where the protocol has no name.
    pub operation: String,
    /// The main identifier or ARN, where known.
    pub resource: Option<String>,
    /// The HTTP status.
    pub status: u16,
    /// The wire code of an error.
    pub error: Option<String>,
    /// The statements that allowed a call of RDS or KMS, by Sid or by the policy's name. Those that let RDS use a key
    /// are among them. Null if no policy was asked.
    pub allowed_by: Option<Vec<String>>,
}

/// All calls so far.
#[derive(Default)]
pub struct Record(Mutex<Vec<Call>>);

impl Record {
    /// Appends a call and numbers it.
    pub fn push(&self, mut call: Call) {
        let mut calls = lock(&self.0);
        call.sequence = calls.len() + 1;
        calls.push(call);
    }

    /// The calls after number `sequence`.
    pub fn since(&self, sequence: usize) -> Vec<Call> {
        lock(&self.0).iter().skip(sequence).cloned().collect()
    }
}
