//! An execution as an operator sees it: its status, its output, its steps.

use crate::{Account, eventually};
use anyhow::{Context, Result, bail};
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use serde::Serialize;
use serde_json::Value;

/// One execution, ended.
#[derive(Debug, Clone)]
pub struct Execution {
    /// Its ARN.
    pub arn: String,
    /// How it ended.
    pub status: ExecutionStatus,
    /// Its output.
    pub output: Option<Value>,
    /// The error's name, when it failed.
    pub error: Option<String>,
    /// The error's cause, when it failed.
    pub cause: Option<String>,
    /// Its steps in the order they ran.
    pub steps: Vec<Step>,
}

/// One step of an execution.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The state's name.
    pub step: String,
    /// Seconds from the first look to the last one's end, as they passed here.
    pub seconds: f64,
    /// How often it looked.
    pub looks: u32,
}

impl Execution {
    /// Waits until the execution has ended.
    pub async fn ended(account: &Account, arn: &str) -> Result<Self> {
        let what = format!("the end of {arn}");
        let described = eventually(&what, || async {
            let it = account.states.describe_execution().execution_arn(arn).send().await?;
            Ok((it.status != ExecutionStatus::Running).then_some(it))
        });
        let described = described.await?;
        let output = described.output.as_deref().map(serde_json::from_str).transpose()?;
        let steps = steps(&history(account, arn).await?);
        let (error, cause) = (described.error, described.cause);
        Ok(Self { arn: arn.to_owned(), status: described.status, output, error, cause, steps })
    }

    /// The execution of that name, once it exists.
    pub async fn named(account: &Account, state_machine_arn: &str, name: &str) -> Result<String> {
        let arn = format!("{}:{name}", state_machine_arn.replacen(":stateMachine:", ":execution:", 1));
        eventually(&format!("execution {name}"), || async {
            match account.states.describe_execution().execution_arn(&arn).send().await {
                Ok(_) => Ok(Some(arn.clone())),
                Err(error) if error.as_service_error().is_some_and(|it| it.is_execution_does_not_exist()) => {
                    Ok(None)
                }
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// What its history holds after the event of this number, in order; `None` while there is no such execution.
    pub async fn events_since(account: &Account, arn: &str, event: i64) -> Result<Option<Vec<HistoryEvent>>> {
        // Backwards: a long history is not read again for its last few events.
        let history = account.states.get_execution_history().execution_arn(arn).reverse_order(true);
        let mut pages = history.max_results(100).into_paginator().send();
        let mut events = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page.events,
                Err(error) if error.as_service_error().is_some_and(|it| it.is_execution_does_not_exist()) => {
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
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

    /// Itself, when it succeeded; else the error and the cause.
    pub fn succeeded(self) -> Result<Self> {
        if self.status != ExecutionStatus::Succeeded {
            bail!("{} is {}: {:?}: {:?}", self.arn, self.status, self.error, self.cause);
        }
        Ok(self)
    }
}

impl Execution {
    /// What a source execution handed off, as its outcome tells it.
    pub fn handoff(&self) -> Result<Value> {
        let handoff = self.output.as_ref().map(|it| it["handoff"].clone()).filter(Value::is_object);
        handoff.with_context(|| format!("{} handed nothing off", self.arn))
    }
}

/// The whole history, in order.
pub(crate) async fn history(account: &Account, arn: &str) -> Result<Vec<HistoryEvent>> {
    let mut pages = account.states.get_execution_history().execution_arn(arn).into_paginator().send();
    let mut events = Vec::new();
    while let Some(page) = pages.next().await {
        events.extend(page?.events);
    }
    Ok(events)
}

fn steps(events: &[HistoryEvent]) -> Vec<Step> {
    let seconds = |event: &HistoryEvent| event.timestamp().as_secs_f64();
    let mut steps: Vec<(Step, f64)> = Vec::new();
    for event in events {
        if let Some(entered) = event.state_entered_event_details()
            && event.r#type().as_str() == "TaskStateEntered"
        {
            match steps.iter_mut().find(|(step, _)| step.step == entered.name()) {
                Some((step, _)) => step.looks += 1,
                None => steps
                    .push((Step { step: entered.name().to_owned(), seconds: 0.0, looks: 1 }, seconds(event))),
            }
        }
        if let Some(exited) = event.state_exited_event_details()
            && let Some((step, began)) = steps.iter_mut().find(|(step, _)| step.step == exited.name())
        {
            step.seconds = seconds(event) - *began;
        }
    }
    steps.into_iter().map(|(step, _)| step).collect()
}

/// The replication and the run that a source execution handed off.
pub(crate) fn run_of(execution: &Execution) -> Result<(String, String)> {
    let field = |name: &str| {
        let value = execution.output.as_ref().and_then(|it| it[name].as_str());
        value.map(str::to_owned).with_context(|| format!("{} has no {name} in its output", execution.arn))
    };
    Ok((field("replication")?, field("run")?))
}
