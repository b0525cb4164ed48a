//! The operation and the resource of a call that passes through, read from its protocol.

use axum::http::{HeaderMap, request::Parts};
use serde_json::Value;

/// JSON and query parameters that name what a call is about, the most telling first.
const RESOURCE_PARAMETERS: [&str; 25] = [
    "TargetGroupArn",
    "ListenerArn",
    "LoadBalancerArn",
    "SecretId",
    "KeyId",
    "TargetKeyId",
    "AliasName",
    "executionArn",
    "stateMachineArn",
    "TopicArn",
    "TargetArn",
    "QueueUrl",
    "QueueName",
    "FunctionName",
    "RoleName",
    "RoleArn",
    "PolicyArn",
    "StackName",
    "logGroupName",
    "resourceArn",
    "ResourceArn",
    "AlarmName",
    "Namespace",
    "Name",
    "name",
];

/// The operation's name and what it works on.
pub fn of(request: &Parts, body: &[u8]) -> (String, Option<String>) {
    if let Some(target) = request.headers.get("x-amz-target").and_then(|value| value.to_str().ok()) {
        let operation = target.rsplit('.').next().unwrap_or(target).to_owned();
        let parameters: Value = serde_json::from_slice(body).unwrap_or_default();
        return (operation, resource(|name| parameters[name].as_str().map(str::to_owned)));
    }
    let query = request.uri.query().unwrap_or_default();
    for text in [body, query.as_bytes()] {
        let find =
            |name: &str| form_urlencoded::parse(text).find(|(n, _)| n == name).map(|(_, v)| v.into_owned());
        if let Some(action) = is_query_protocol(request, text).then(|| find("Action")).flatten() {
            return (action, resource(find));
        }
    }
    (format!("{} {}", request.method, request.uri.path()), None)
}

fn is_query_protocol(request: &Parts, text: &[u8]) -> bool {
    let form = request
        .headers
        .get("content-type")
        .is_some_and(|it| it.as_bytes().starts_with(b"application/x-www-form"));
    form || request.uri.query().is_some_and(|query| query.as_bytes() == text)
}

fn resource(find: impl Fn(&str) -> Option<String>) -> Option<String> {
    RESOURCE_PARAMETERS.iter().find_map(|name| find(name))
}

/// The wire code of an error answer: from its header, its JSON or its XML.
pub fn error_code(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let header = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let json = || -> Option<String> {
        let error: Value = serde_json::from_slice(body).ok()?;
        ["__type", "code", "Code"].iter().find_map(|name| error[*name].as_str().map(str::to_owned))
    };
    let xml = || -> Option<String> {
        let text = std::str::from_utf8(body).ok()?;
        Some(text.split_once("<Code>")?.1.split_once("</Code>")?.0.to_owned())
    };
    // `com.amazonaws.kms#NotFoundException:http://…` is the code with its namespace and a link.
    let code = header.or_else(json).or_else(xml)?;
    let code = code.rsplit('#').next()?;
    Some(code.split(':').next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn operation_is_found_in_each_protocol() {
        let request = |builder: axum::http::request::Builder| builder.body(()).unwrap().into_parts().0;
        let json = request(Request::post("/").header("x-amz-target", "secretsmanager.GetSecretValue"));
        assert_eq!(of(&json, br#"{"SecretId":"orders"}"#), ("GetSecretValue".into(), Some("orders".into())));

        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let query = request(Request::post("/").header("content-type", form));
        let body = b"Action=Publish&TopicArn=arn%3Aaws%3Asns&Message=m";
        assert_eq!(of(&query, body), ("Publish".into(), Some("arn:aws:sns".into())));

        let rest = request(Request::get("/2015-03-31/functions/?Marker=x"));
        assert_eq!(of(&rest, b""), ("GET /2015-03-31/functions/".into(), None));
    }

    #[test]
    fn error_code_loses_its_namespace() {
        let none = HeaderMap::new();
        assert_eq!(
            error_code(&none, br#"{"__type":"a.b#NotFoundException"}"#).as_deref(),
            Some("NotFoundException")
        );
        assert_eq!(
            error_code(&none, b"<Error><Code>NoSuchBucket</Code></Error>").as_deref(),
            Some("NoSuchBucket")
        );
        assert_eq!(error_code(&none, b"oops"), None);
    }
}
