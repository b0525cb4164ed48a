//! How this step fails.

lambda_support::failures! {
    /// Why nothing, or not all, could be pruned.
    pub enum Error {}
}
