//! What the caller of a request may do: IAM decides about the request itself, KMS about the keys that it needs.

pub mod authorization;
pub mod keys;
pub mod needs;
