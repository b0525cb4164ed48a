//! The query protocol: parameters come as a form, answers are XML.

pub mod answer;
pub mod filters;
pub mod pages;
pub mod parameters;
pub mod request;

pub use crate::xml;
