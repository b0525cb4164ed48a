//! The harness that the end-to-end tests and the rehearsal share: two accounts on one machine, the real stacks in
//! them, a source database with real rows, and the life of a run as an operator sees it.

mod account;
mod clean_up;
mod copies;
mod database;
mod db_proxies;
mod denials;
mod example;
mod failover;
mod fault;
mod flow;
mod follower;
mod function;
mod instances;
mod lanes;
mod leaks;
mod local_aws;
mod network;
mod others;
mod pair;
mod patience;
pub mod promises;
pub mod reach;
mod run;
mod secret_watch;
mod stacks;
mod tally;
mod tools;

mod world;

pub use account::Account;
pub use clean_up::{clean_up_events, start};
pub use copies::{Copies, manual_snapshots};
pub use database::{Fingerprint, Orders, Table, fingerprint, fingerprint_of_server};
pub use denials::{Allowed, Denials, Kind, Looks, in_words};
pub use example::{Example, Write, Writer};
pub use failover::FailoverGroup;
pub use fault::Fault;
pub use flow::{callers_of, deployed_steps, step_of, tasks_of};
pub use follower::{Follower, GroupWatch};
pub use function::Function;
pub use lanes::{Consumer, Lanes};
pub use leaks::{Needle, Written, everything_written};
pub use local_aws::LocalAws;
pub use network::{Network, POSTGRES};
pub use others::Others;
pub use pair::{Flow, Pair, REGIONS, Side};
pub use patience::eventually;
pub use run::handoff_of;
pub use secret_watch::SecretWatch;
pub use stacks::{Outputs, deploy_source, deploy_target};
pub use tally::{Count, Kept, TimeLine, longest_gap, settled_after};
pub use tools::Tools;
pub use world::{MASTER_PASSWORD, REPLICATION, SOURCE_INSTANCE, SecretSays, TIME_SCALE, World};

/// The source account of every rehearsal.
pub const SOURCE_ACCOUNT: &str = "111111111111";
/// The target account of every rehearsal.
pub const TARGET_ACCOUNT: &str = "222222222222";
/// The Region of the source account's stack, and of the target account's where a test does not say otherwise.
pub const REGION: &str = "us-east-1";
