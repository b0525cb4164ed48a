//! GetMetricStatistics of `ReplicaLag`, in the query protocol. A value stands for the moment of its measurement, and is not
//! rounded to the minute: a minute of RDS lasts less than a second here.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use crate::{
    caller::Caller,
    iam::{context::Context, permission::Denial, roles::Roles},
    place::Place,
    random_hex,
    rds::operations::rds::Rds,
    xml::Element,
};

const NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";
/// Source: CloudWatch API, GetMetricStatistics, `Statistics`.
const STATISTICS: [&str; 5] = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"];
/// Source: the same, "The maximum number of data points returned from a single call is 1,440".
const MOST: usize = 1440;

/// What CloudWatch knows of replicas.
pub struct ReplicaLag {
    rds: Arc<Rds>,
    roles: Arc<Roles>,
}

/// An answer.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The wire code of an error.
    pub error: Option<&'static str>,
    /// The XML.
    pub body: String,
    /// The statements that allowed it.
    pub allowed_by: Vec<String>,
}

/// The wire code and the words of an error.
type Refusal = (&'static str, String);

type Parameters = BTreeMap<String, String>;

impl ReplicaLag {
    /// That of this RDS.
    pub fn new(rds: Arc<Rds>, roles: Arc<Roles>) -> Self {
        Self { rds, roles }
    }

    /// The answer to a call, if it is about ReplicaLag.
    pub async fn answer(
        &self,
        caller: &Caller,
        place: &Place,
        operation: &str,
        body: &[u8],
    ) -> Option<Answer> {
        if operation != "GetMetricStatistics" {
            return None;
        }
        let parameters: Parameters = form_urlencoded::parse(body)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let given = |name: &str| parameters.get(name).map(String::as_str);
        if (given("Namespace"), given("MetricName")) != (Some("AWS/RDS"), Some("ReplicaLag")) {
            return None;
        }
        let allowed = self.permission(caller, place).await;
        let answered = allowed.and_then(|by| Ok((self.datapoints(place, &parameters)?, by)));
        let request_id = random_hex(8).unwrap_or_default();
        let (status, error, element, allowed_by) = match answered {
            Ok((datapoints, allowed_by)) => {
                let result = Element::new("GetMetricStatisticsResult").list("Datapoints", datapoints);
                let response =
                    Element::new("GetMetricStatisticsResponse").child(result.text("Label", "ReplicaLag"));
                let metadata = Element::new("ResponseMetadata").text("RequestId", request_id);
                (200, None, response.child(metadata), allowed_by)
            }
            Err((code, message)) => {
                let error =
                    Element::new("Error").text("Type", "Sender").text("Code", code).text("Message", message);
                let response = Element::new("ErrorResponse").child(error).text("RequestId", request_id);
                (if code == "AccessDenied" { 403 } else { 400 }, Some(code), response, vec![])
            }
        };
        Some(Answer { status, error, body: element.render(NAMESPACE).unwrap_or_default(), allowed_by })
    }

    /// Source: Service Authorization Reference, Amazon CloudWatch: the action knows no resource.
    async fn permission(&self, caller: &Caller, place: &Place) -> Result<Vec<String>, Refusal> {
        let action = "cloudwatch:GetMetricStatistics";
        let permitted = self.roles.permit(caller, &place.region, action, "*", Context::default()).await;
        match permitted.map_err(|error| ("InternalServiceError", format!("{error:#}")))? {
            Ok(statements) => Ok(statements),
            Err(Denial::NotPermitted(why)) => Err(("AccessDenied", why)),
            Err(Denial::UnknownCaller) => Err((
                "InvalidClientTokenId",
                "The security token included in the request is invalid".to_owned(),
            )),
        }
    }

    /// The values between two times. As on AWS, they stand in no order that a caller may rely on: the newest is not the last.
    fn datapoints(&self, place: &Place, parameters: &Parameters) -> Result<Vec<Element>, Refusal> {
        let invalid = |name: &str| ("InvalidParameterValue", format!("The parameter {name} is not valid."));
        let missing = |name: &str| ("MissingParameter", format!("The parameter {name} is required."));
        let given = |name: &'static str| parameters.get(name).ok_or_else(|| missing(name));
        let time = |name| given(name)?.parse::<Timestamp>().map_err(|_| invalid(name));
        let (start, end) = (time("StartTime")?, time("EndTime")?);
        let period: u32 = given("Period")?.parse().map_err(|_| invalid("Period"))?;
        if start >= end || period == 0 || !period.is_multiple_of(60) {
            let message = "StartTime must be less than EndTime, and Period a multiple of 60.";
            return Err(("InvalidParameterCombination", message.to_owned()));
        }
        let listed = |list: &str, of: &str| -> Vec<&String> {
            (1..).map_while(|n| parameters.get(&format!("{list}.member.{n}{of}"))).collect()
        };
        let statistics = listed("Statistics", "");
        if statistics.is_empty() || !statistics.iter().all(|it| STATISTICS.contains(&it.as_str())) {
            return Err(invalid("Statistics"));
        }
        let dimensions = listed("Dimensions", ".Name").into_iter().zip(listed("Dimensions", ".Value"));
        let [(name, identifier)] = dimensions.collect::<Vec<_>>()[..] else { return Ok(vec![]) };
        if name != "DBInstanceIdentifier" {
            return Ok(vec![]);
        }
        let mut state = self.rds.state();
        let Ok(instance) = state.instance(place, identifier) else { return Ok(vec![]) };
        let between = instance.lags.iter().rev().filter(|(at, _)| (start..end).contains(at)).take(MOST);
        Ok(between.map(|(at, lag)| datapoint(*at, *lag, &statistics)).collect())
    }
}

fn datapoint(at: Timestamp, lag: f64, statistics: &[&String]) -> Element {
    let at = at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let element = Element::new("member").text("Timestamp", at);
    let with = |element: Element, statistic: &&String| {
        let value = if statistic.as_str() == "SampleCount" { 1.0 } else { lag };
        element.text(statistic.as_str(), value)
    };
    statistics.iter().fold(element, with).text("Unit", "Seconds")
}
