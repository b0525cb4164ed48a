//! How far an execution is, read from its history: the steps, and what each said last.

use aws_sdk_sfn::types::HistoryEvent;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// One account's execution of a run.
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
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// Well.
    Succeeded,
    /// With an error's name and its cause, in words.
    Failed(String),
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
    /// The step of that name, once it has begun.
    pub fn step(&self, name: &str) -> Option<&FollowedStep> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// Takes the next events, in order.
    pub fn take(&mut self, events: &[HistoryEvent]) {
        for event in events {
            self.take_one(event);
            self.last_event = event.id();
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
        // A Lambda's cause is its diagnostic in JSON.
        let diagnostic: Value = serde_json::from_str(cause).unwrap_or_default();
        let cause = diagnostic["errorMessage"].as_str().unwrap_or(cause);
        let step = self.steps.iter().find(|step| !step.is_done()).map_or("", |step| &step.name);
        let words = [step, error, cause].into_iter().filter(|it| !it.is_empty());
        self.ended = Some(Ended::Failed(words.collect::<Vec<_>>().join(": ")));
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
    fn a_failure_says_step_name_and_message() {
        let mut followed = Followed::default();
        followed.take(&look(10, "Restore", &json!({"done": false, "reason": "creating"})));
        let details = ExecutionFailedEventDetails::builder().error("Snapferry.RestoreFailed");
        let details = details.cause(r#"{"errorMessage": "it is gone", "errorType": "x"}"#).build();
        let failed = event(20, HistoryEventType::ExecutionFailed).execution_failed_event_details(details);
        followed.take(&[failed.build().unwrap()]);
        let message = "Restore: Snapferry.RestoreFailed: it is gone";
        assert_eq!(followed.ended, Some(Ended::Failed(message.to_owned())));
    }
}
