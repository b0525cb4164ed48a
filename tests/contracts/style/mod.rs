//! The rules of how we write, as far as a test can tell.

mod code;
mod crates;
mod machines;
mod names;
mod templates;
