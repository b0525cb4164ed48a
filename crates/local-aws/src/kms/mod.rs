//! KMS keys of all accounts: what there is, and who may do what with them.
//!
//! MiniStack keeps the customer managed keys, and knows neither those of other accounts nor AWS managed ones.

pub mod decision;
pub mod direct;
pub mod key;
pub mod keys;
pub mod managed;
