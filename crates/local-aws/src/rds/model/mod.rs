//! What exists in RDS, and the rules that it follows. Nothing here knows how a request looks or who sends it.

pub mod arn;
pub mod catalogue;
pub mod classes;
pub mod clock;
pub mod database;
pub mod engine;
pub mod events;
pub mod groups;
pub mod identifiers;
pub mod instances;
pub mod misbehaviour;
pub mod monitoring;
pub mod proxies;
pub mod quotas;
pub mod refusal;
pub mod replicas;
pub mod settings;
pub mod sharing;
pub mod snapshots;
pub mod state;
pub mod storage;
pub mod subnet_groups;
pub mod tags;
pub mod windows;
