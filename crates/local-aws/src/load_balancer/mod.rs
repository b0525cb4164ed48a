//! Network Load Balancers: real TCP in front of what targets name.
//!
//! MiniStack keeps load balancers, listeners, target groups and attributes, also those that templates make. Here are
//! the targets, their health and the traffic. Balancers of another type and groups of another protocol stay MiniStack's.
//!
//! - `model`: targets, their health, and who gets a connection. Pure.
//! - `control_plane`: what MiniStack keeps.
//! - `load_balancers`: what exists here. `checks` looks whether targets answer, `front` carries connections.
//! - `api`: takes a request apart, asks whether its caller may send it, and words the answer. `mend` corrects answers
//!   of MiniStack.

pub mod api;
mod checks;
mod control_plane;
mod front;
pub mod load_balancers;
mod mend;
pub mod model;
mod state;
