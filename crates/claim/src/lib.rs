//! States `Claim` and `End`: an epoch is claimed before anything is changed, and ended once all is done or undone. Each is a
//! function with a role of its own.

pub mod claim;
pub mod end;
mod error;
pub mod plan;

pub use error::Error;

use failover::Region;
use lambda_support::{Config, SignedClient};

/// The clients of these functions in each Region.
#[derive(Debug, Clone)]
pub struct Clients {
    config: Config,
}

impl Clients {
    /// All of them, once per cold start.
    pub fn new(config: &Config) -> Self {
        Self { config: config.clone() }
    }

    /// Systems Manager of a Region.
    fn ssm(&self, region: &Region) -> SignedClient {
        SignedClient::ssm(&self.config.in_region(region.as_str()))
    }
}
