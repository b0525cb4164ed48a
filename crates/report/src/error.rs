//! How this step fails.

lambda_support::failures! {
    /// Why the outcome could not be published.
    pub enum Error {}
}
