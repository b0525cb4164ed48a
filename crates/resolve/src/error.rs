//! How this step fails.

lambda_support::failures! {
    /// Why a failover cannot begin.
    pub enum Error {
        #[error("group {group} is in {regions}, not in {to}: correct `to` in the input")]
        NotInTheRegion { group: String, regions: String, to: String } => WrongRegion,
        #[error("a failover runs in the Region that becomes active: start it in {to}, this is {here}")]
        OtherRegion { to: String, here: String } => WrongRegion,
        #[error(
            "this failover needs an approval, which this version cannot ask for yet: it serves planned failovers of groups \
             whose manifest says `\"approval\": \"unplanned\"`"
        )]
        ApprovalNotServed => ApprovalNotServed,
    }
    from { UnusableManifest(failover::UnusableManifest), EpochRefused(failover::EpochRefused) }
}
