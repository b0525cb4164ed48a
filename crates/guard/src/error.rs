//! How this step fails.

lambda_support::failures! {
    /// Why the guard does not know, or cannot do, what it must.
    pub enum Error {}
}
