//! Errors in the protocol of the call, so that an SDK understands them.

use axum::{
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE, request::Parts},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{faults::How, record::Call};

/// Tells the server to close the connection instead of answering.
#[derive(Debug, Clone, Copy)]
pub struct Close;

/// A response that is never sent.
pub fn closed() -> Response {
    let mut response = StatusCode::OK.into_response();
    response.extensions_mut().insert(Close);
    response
}

/// The error that a fault is answered with: its wire code and the response. None where there is no answer, or where
/// the call itself is answered.
pub fn error_of(how: &How, parts: &Parts, call: &Call) -> Option<(String, Response)> {
    let (code, status, message) = match how {
        How::Throttled => {
            let (code, status) = throttled(parts, &call.service);
            (code.to_owned(), status, "Rate exceeded".to_owned())
        }
        How::ServerError => {
            let code = match call.service.as_str() {
                "kms" => "KMSInternalException",
                "secretsmanager" => "InternalServiceError",
                "ssm" => "InternalServerError",
                _ => "InternalFailure",
            };
            (code.to_owned(), 500, "The request processing has failed because of an unknown error".to_owned())
        }
        How::AccessDenied => {
            let (code, status) = denied(parts, &call.service);
            let action = format!("{}:{}", call.service, call.operation);
            let message = format!(
                "User: {} is not authorized to perform: {action} because no identity-based policy allows the {action} \
                 action",
                call.who
            );
            (code.to_owned(), status, message)
        }
        How::Refused { code, message, status } => (code.clone(), *status, message.clone()),
        How::ConnectionClosedBefore | How::ConnectionClosedAfter | How::CallerKilled | How::Slow { .. } => {
            return None;
        }
    };
    let response = error(parts, &call.service, &code, status, &message);
    Some((code, response))
}

/// An error answer.
pub fn error(parts: &Parts, service: &str, code: &str, status: u16, message: &str) -> Response {
    let kind = if status < 500 { "Sender" } else { "Receiver" };
    let (content_type, body) = match Protocol::of(parts, service) {
        Protocol::Json => {
            ("application/x-amz-json-1.1", json!({ "__type": code, "message": message }).to_string())
        }
        Protocol::RestJson => ("application/json", json!({ "message": message }).to_string()),
        Protocol::Query => (
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>0</RequestId></ErrorResponse>"
            ),
        ),
        Protocol::S3 => {
            ("application/xml", format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"))
        }
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(CONTENT_TYPE, content_type)], body).into_response();
    if let Ok(code) = HeaderValue::from_str(code) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

#[derive(PartialEq)]
enum Protocol {
    Json,
    RestJson,
    Query,
    S3,
}

impl Protocol {
    fn of(parts: &Parts, service: &str) -> Self {
        let form =
            parts.headers.get(CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"application/x-www"));
        match service {
            "s3" => Self::S3,
            _ if parts.headers.contains_key("x-amz-target") => Self::Json,
            "rds" => Self::Query,
            _ if form => Self::Query,
            _ => Self::RestJson,
        }
    }
}

fn throttled(parts: &Parts, service: &str) -> (&'static str, u16) {
    match (service, Protocol::of(parts, service)) {
        ("s3", _) => ("SlowDown", 503),
        ("lambda", _) => ("TooManyRequestsException", 429),
        ("sqs", _) => ("RequestThrottled", 400),
        ("sns", _) => ("Throttled", 429),
        (_, Protocol::Query) => ("Throttling", 400),
        _ => ("ThrottlingException", 400),
    }
}

fn denied(parts: &Parts, service: &str) -> (&'static str, u16) {
    match (service, Protocol::of(parts, service)) {
        ("sns", _) => ("AuthorizationError", 403),
        (_, Protocol::Query | Protocol::S3) => ("AccessDenied", 403),
        (_, Protocol::RestJson) => ("AccessDeniedException", 403),
        (_, Protocol::Json) => ("AccessDeniedException", 400),
    }
}
