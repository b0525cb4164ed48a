//! What the template says of the account, in the function's environment.

/// The value of a variable; empty when it is missing.
pub fn text_from_environment(variable: &str) -> String {
    std::env::var(variable).unwrap_or_default()
}

/// The items of a comma-separated variable. A variable that is missing has none, so a guard that is left out allows
/// nothing.
pub fn list_from_environment(variable: &str) -> Vec<String> {
    let text = text_from_environment(variable);
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
