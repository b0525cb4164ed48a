//! How far an execution is, read from its history: the steps, and what each said last.

use crate::history::events_since;
use crate::{Error, Failure};
use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::HistoryEvent;
use serde::Serialize;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// An execution, as its history so far tells it. Its machine runs one step at a time.
#[derive(Debug, Default)]
pub struct Followed {
    /// The steps that have begun, in order.
    pub steps: Vec<FollowedStep>,
    /// How it ended, once it has.
    pub ended: Option<Ended>,
    /// The newest event that was read.
    pub last_event: i64,
    /// The run, once a step has said it.
    pub run: Option<String>,
    /// When that event happened.
    last_event_at: Option<SystemTime>,
}

/// A step, in a table or a report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// The state's name.
    pub step: String,
    /// Seconds from its first look to the end of its last one.
    pub seconds: f64,
    /// How often it was called.
    pub looks: u32,
    /// Whether it has nothing left to do.
    #[serde(skip)]
    pub done: bool,
}

/// A step, as its looks so far tell it.
#[derive(Debug)]
pub struct FollowedStep {
    /// The state's name.
    pub name: String,
    /// How often it was called.
    pub looks: u32,
    /// How far RDS says it is, where it says so.
    pub percent: Option<u8>,
    /// What the last look said.
    pub reason: String,
    began: SystemTime,
    exited: Option<SystemTime>,
    done: bool,
}

/// The end of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Well.
    Succeeded,
    /// With a failure.
    Failed(Failure),
}

impl FollowedStep {
    /// Whether it has nothing left to do.
    pub fn is_done(&self) -> bool {
        self.done && self.exited.is_some()
    }

    /// When its last look ended.
    pub fn ended_at(&self) -> Option<SystemTime> {
        self.exited
    }

    /// From its first look to the end of its last one, or to now.
    pub fn elapsed(&self, now: SystemTime) -> Duration {
        let end = self.exited.filter(|_| self.done).unwrap_or(now);
        end.duration_since(self.began).unwrap_or_default()
    }
}

impl Followed {
    /// Reads what happened since the last look. Nothing happens while there is no such execution, or after its end.
    pub async fn look(&mut self, states: &Client, execution_arn: &str) -> Result<(), Error> {
        if self.ended.is_none()
            && let Some(events) = events_since(states, execution_arn, self.last_event).await?
        {
            self.take(&events);
        }
        Ok(())
    }

    /// The steps as far as they came: one that is not done lasts until the newest event that was read.
    pub fn summary(&self) -> Vec<Step> {
        let step = |it: &FollowedStep| Step {
            step: it.name.clone(),
            seconds: it.elapsed(self.last_event_at.unwrap_or(it.began)).as_secs_f64(),
            looks: it.looks,
            done: it.is_done(),
        };
        self.steps.iter().map(step).collect()
    }

    /// The step of that name, once it has begun.
    pub fn step(&self, name: &str) -> Option<&FollowedStep> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// Takes the next events, in order.
    pub fn take(&mut self, events: &[HistoryEvent]) {
        for event in events {
            self.take_one(event);
            self.last_event = event.id();
            self.last_event_at = SystemTime::try_from(*event.timestamp()).ok();
        }
    }

    fn take_one(&mut self, event: &HistoryEvent) {
        let at = SystemTime::try_from(*event.timestamp()).unwrap_or(SystemTime::UNIX_EPOCH);
        match event.r#type().as_str() {
            "TaskStateEntered" => {
                let Some(entered) = event.state_entered_event_details() else { return };
                self.enter(entered.name(), at);
            }
            "TaskSucceeded" => {
                let output = event.task_succeeded_event_details().and_then(|it| it.output());
                let answer: Value = output.and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
                self.hear(&answer["Payload"]);
            }
            "TaskFailed" | "TaskTimedOut" => {
                let failed = event.task_failed_event_details().and_then(|it| it.error());
                let timed_out = event.task_timed_out_event_details().and_then(|it| it.error());
                if let Some(step) = self.steps.iter_mut().rfind(|step| step.exited.is_none()) {
                    step.reason = failed.or(timed_out).unwrap_or("the call failed").to_owned();
                }
            }
            "TaskStateExited" => {
                let Some(exited) = event.state_exited_event_details() else { return };
                if let Some(step) = self.steps.iter_mut().find(|step| step.name == exited.name()) {
                    step.exited = Some(at);
                }
            }
            "ExecutionSucceeded" => self.ended = Some(Ended::Succeeded),
            "ExecutionFailed" => {
                let it = event.execution_failed_event_details();
                let (error, cause) = (it.and_then(|it| it.error()), it.and_then(|it| it.cause()));
                self.fail(error.unwrap_or("it failed"), cause.unwrap_or_default());
            }
            "ExecutionTimedOut" => self.fail("it timed out", ""),
            "ExecutionAborted" => self.fail("it was aborted", ""),
            _ => {}
        }
    }

    fn enter(&mut self, name: &str, at: SystemTime) {
        match self.steps.iter_mut().find(|step| step.name == name) {
            Some(step) => {
                step.looks += 1;
                step.exited = None;
            }
            None => self.steps.push(FollowedStep {
                name: name.to_owned(),
                looks: 1,
                percent: None,
                reason: String::new(),
                began: at,
                exited: None,
                done: false,
            }),
        }
    }

    /// One machine runs one step at a time, so an answer belongs to the step that was entered last.
    fn hear(&mut self, answer: &Value) {
        if let Some(run) = answer["run"].as_str() {
            self.run = Some(run.to_owned());
        }
        if let Some(step) = self.steps.iter_mut().find(|step| step.exited.is_none()) {
            // A step that cannot wait does not say that it is done.
            step.done = answer["done"].as_bool().unwrap_or(true);
            step.percent = answer["percent"].as_u64().and_then(|it| u8::try_from(it).ok());
            step.reason = answer["reason"].as_str().unwrap_or_default().to_owned();
        }
    }

    fn fail(&mut self, error: &str, cause: &str) {
        self.ended = Some(Ended::Failed(Failure::new(self.stopped_at(), error, cause)));
    }

    /// The step that a failure stopped: the one that was entered and not left, even if a later one began after it first
    /// did. Else the first that is not done; empty before the first step.
    pub(crate) fn stopped_at(&self) -> &str {
        let open = self.steps.iter().find(|step| step.exited.is_none());
        open.or_else(|| self.steps.iter().find(|step| !step.is_done())).map_or("", |step| &step.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sfn::primitives::DateTime;
    use aws_sdk_sfn::types::builders::HistoryEventBuilder;
    use aws_sdk_sfn::types::{
        ExecutionFailedEventDetails, HistoryEventType, StateEnteredEventDetails, StateExitedEventDetails,
        TaskSucceededEventDetails,
    };
    use serde_json::json;

    fn event(second: i64, r#type: HistoryEventType) -> HistoryEventBuilder {
        HistoryEvent::builder().id(second).timestamp(DateTime::from_secs(second)).r#type(r#type)
    }

    fn look(second: i64, name: &str, answer: &Value) -> [HistoryEvent; 3] {
        let entered = StateEnteredEventDetails::builder().name(name).build().unwrap();
        let output = json!({ "Payload": answer }).to_string();
        let succeeded = TaskSucceededEventDetails::builder();
        let succeeded = succeeded.resource_type("lambda").resource("invoke").output(output).build().unwrap();
        let exited = StateExitedEventDetails::builder().name(name).build().unwrap();
        [
            event(second, HistoryEventType::TaskStateEntered).state_entered_event_details(entered),
            event(second + 1, HistoryEventType::TaskSucceeded).task_succeeded_event_details(succeeded),
            event(second + 2, HistoryEventType::TaskStateExited).state_exited_event_details(exited),
        ]
        .map(|event| event.build().unwrap())
    }

    #[test]
    fn a_step_that_waits_runs_on_until_a_look_says_done() {
        let mut followed = Followed::default();
        let later = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        followed.take(&look(10, "Snapshot", &json!({"done": false, "percent": 41, "reason": "creating"})));
        let step = followed.step("Snapshot").unwrap();
        assert_eq!((step.is_done(), step.percent, step.reason.as_str()), (false, Some(41), "creating"));
        assert_eq!(step.elapsed(later), Duration::from_secs(90));

        followed.take(&look(20, "Snapshot", &json!({"done": true, "reason": "available", "run": "r1"})));
        let step = followed.step("Snapshot").unwrap();
        assert_eq!((step.is_done(), step.percent, step.looks), (true, None, 2));
        assert_eq!(step.elapsed(later), Duration::from_secs(12));
        assert_eq!((followed.run.as_deref(), followed.last_event), (Some("r1"), 22));
    }

    #[test]
    fn a_step_that_cannot_wait_is_done_with_its_answer() {
        let mut followed = Followed::default();
        followed.take(&look(10, "Report", &json!({})));
        assert!(followed.step("Report").unwrap().is_done());
    }

    #[test]
    fn a_summary_tells_how_long_each_step_took_and_which_is_not_done() {
        let mut followed = Followed::default();
        followed.take(&look(10, "Snapshot", &json!({"done": true})));
        followed.take(&look(20, "Share", &json!({"done": false})));
        followed.take(&look(30, "Share", &json!({"done": false})));
        let step = |step: &str, seconds: f64, looks: u32, done: bool| Step {
            step: step.to_owned(),
            seconds,
            looks,
            done,
        };
        assert_eq!(followed.summary(), [step("Snapshot", 2.0, 1, true), step("Share", 12.0, 2, false)]);
    }

    #[test]
    fn a_failure_stops_the_step_that_was_entered_last_also_when_another_one_began_later() {
        let mut followed = Followed::default();
        followed.take(&look(10, "PromoteSecret", &json!({"done": false})));
        followed.take(&look(20, "VerifyPathAgain", &json!({"done": true})));
        followed.take(&look(30, "PromoteSecret", &json!({}))[..1]);
        assert_eq!(followed.stopped_at(), "PromoteSecret");
        followed.take(&look(30, "PromoteSecret", &json!({"done": false}))[1..]);
        followed.take(&look(40, "VerifyPathAgain", &json!({}))[..1]);
        assert_eq!(followed.stopped_at(), "VerifyPathAgain");
    }

    #[test]
    fn a_failure_says_step_name_and_message() {
        let mut followed = Followed::default();
        followed.take(&look(10, "Restore", &json!({"done": false, "reason": "creating"})));
        let details = ExecutionFailedEventDetails::builder().error("Snapferry.RestoreFailed");
        let details = details.cause(r#"{"errorMessage": "it is gone", "errorType": "x"}"#).build();
        let failed = event(20, HistoryEventType::ExecutionFailed).execution_failed_event_details(details);
        followed.take(&[failed.build().unwrap()]);
        let Some(Ended::Failed(failure)) = &followed.ended else { panic!("it failed") };
        assert_eq!(failure.to_string(), "Restore: Snapferry.RestoreFailed: it is gone");
    }
}
