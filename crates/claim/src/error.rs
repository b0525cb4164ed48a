//! How these steps fail.

lambda_support::failures! {
    /// Why an epoch cannot be claimed or ended.
    pub enum Error {
        #[error(
            "SSM parameter {parameter} in {region} says otherwise ({found}) than this failover: look at both, and start the \
             failover again under the next number"
        )]
        EpochDiffers { parameter: String, region: String, found: String } => EpochDiffers,
    }
    from { EpochRefused(failover::EpochRefused) }
}
