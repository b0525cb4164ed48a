//! The history of an execution.

use crate::Error;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::HistoryEvent;

/// The ARN of the execution of this name.
pub fn execution_arn(state_machine_arn: &str, name: &str) -> String {
    format!("{}:{name}", state_machine_arn.replacen(":stateMachine:", ":execution:", 1))
}

/// The events after the event of this number, in order; 0 reads all. `None` while there is no such execution.
pub async fn events_since(
    states: &Client,
    execution_arn: &str,
    event: i64,
) -> Result<Option<Vec<HistoryEvent>>, Error> {
    // Backwards: a long history is not read again for its last few events.
    let history = states.get_execution_history().execution_arn(execution_arn).reverse_order(true);
    let mut pages = history.max_results(if event > 0 { 100 } else { 1000 }).into_paginator().send();
    let mut events = Vec::new();
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page.events,
            Err(error) if error.as_service_error().is_some_and(|it| it.is_execution_does_not_exist()) => {
                return Ok(None);
            }
            Err(error) => return Err(Error::call("GetExecutionHistory", execution_arn, error)),
        };
        let read = page.iter().any(|it| it.id() <= event);
        events.extend(page.into_iter().filter(|it| it.id() > event));
        if read {
            break;
        }
    }
    events.reverse();
    Ok(Some(events))
}
