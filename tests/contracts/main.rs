//! Contracts between the parts: what one file says of another must be so.

mod state_machines;
