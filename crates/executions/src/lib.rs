//! Executions of Step Functions as people see them: followed live, listed by step, and drawn.
//!
//! Everything is read with `DescribeExecution` and `GetExecutionHistory`. Nothing is started, stopped or changed, and no
//! state machine or step is known by name: a new step shows up by itself.
//!
//! - To watch an execution: [`Followed::look`] again and again, [`live_line`] for each step, [`Screen`] to draw them.
//! - To look back at one that ended: [`Execution::if_ended`], then [`steps_table`] and [`Execution::failure`].

mod draw;
mod error;
mod execution;
mod failure;
mod follow;
mod history;
mod screen;
mod text;

pub use draw::{ended_line, live_line, looks, steps_table};
pub use error::Error;
pub use execution::{Execution, exists};
pub use failure::Failure;
pub use follow::{Ended, Followed, FollowedStep, Step};
pub use history::{events_since, execution_arn};
pub use screen::{Picture, REDRAW, Screen};
pub use text::{Left, Right, seconds, spinner, table};
