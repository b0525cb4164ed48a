//! What every part of a failover agrees on, without a client, a clock or an environment.
//!
//! Start at [`Manifest`] (what a group of databases is, for both directions) and [`Run`] (one failover, and every name
//! that follows from it). [`Resource`] is what travels through the states, [`loss`] says how much an unplanned failover
//! may lose.

mod epoch;
mod epochs;
mod group_name;
pub mod loss;
mod lsn;
mod manifest;
mod member;
mod reference;
mod region;
mod resource;
mod run;
mod step_request;

pub use epoch::EpochId;
pub use epochs::{Begun, EpochRefused, Epochs};
pub use group_name::{GroupName, ResourceName};
pub use loss::{Loss, Sample};
pub use lsn::Lsn;
pub use manifest::{
    Approval, Declared, DeclaredReplica, DeclaredSecret, Layer, Limits, Manifest, Rebuild, UnusableManifest,
};
pub use member::{Endpoint, NotOurs};
pub use reference::{Reference, Values};
pub use region::Region;
pub use resource::{DbInstanceAt, OldPrimary, PointedSecret, ReadReplica, Resource, ResourceLayer, SecretAt};
pub use run::{Mode, Run, tag};
pub use step_request::StepRequest;
