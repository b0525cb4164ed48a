//! Requests of an HTTP API and answers to it; sees only its arguments.
//!
//! Source: API Gateway Developer Guide, "Working with AWS Lambda proxy integrations for HTTP APIs", payload version 2.0.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The longest text of an entry, in characters.
const LONGEST_TEXT: usize = 1000;
/// The longest id, in characters.
const LONGEST_ID: usize = 64;

/// What an application keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) text: String,
}

/// What a caller wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The latest entries.
    List,
    /// A new entry.
    Add(Entry),
}

/// An answer to the HTTP API.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The HTTP status.
    pub status_code: u16,
    headers: Value,
    /// JSON.
    pub body: String,
}

impl Answer {
    pub(crate) fn json(status_code: u16, body: Value) -> Self {
        let headers = json!({"content-type": "application/json", "cache-control": "no-store"});
        Self { status_code, headers, body: body.to_string() }
    }

    pub(crate) fn trouble(status_code: u16, message: &str) -> Self {
        Self::json(status_code, json!({"message": message}))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    raw_path: String,
    request_context: Context,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    http: Http,
    request_id: String,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

/// The body of a new entry.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewEntry {
    #[serde(default)]
    id: Option<String>,
    text: String,
}

/// What the event asks for, or the answer to an event that asks for nothing that there is.
pub(crate) fn asked(event: &Value) -> Result<Asked, Answer> {
    let event = Event::deserialize(event)
        .map_err(|error| Answer::trouble(400, &format!("this is no event of an HTTP API: {error}")))?;
    match (event.request_context.http.method.as_str(), event.raw_path.trim_end_matches('/')) {
        ("GET", "/entries") => Ok(Asked::List),
        ("POST", "/entries") => new_entry(event).map(Asked::Add).map_err(|why| Answer::trouble(400, &why)),
        (_, "/entries") => Err(Answer::trouble(405, "only GET and POST are served")),
        _ => Err(Answer::trouble(404, "only /entries is served")),
    }
}

fn new_entry(event: Event) -> Result<Entry, String> {
    let body = event.body.unwrap_or_default().into_bytes();
    let body = match event.is_base64_encoded {
        true => STANDARD.decode(body).map_err(|_| "the body is not Base64".to_owned())?,
        false => body,
    };
    let NewEntry { id, text } =
        serde_json::from_slice(&body).map_err(|error| format!("the body is not {{\"text\": …}}: {error}"))?;
    if text.is_empty() || text.chars().count() > LONGEST_TEXT {
        return Err(format!("text has 1 to {LONGEST_TEXT} characters"));
    }
    if text.contains('\0') {
        return Err("text holds a NUL character, which PostgreSQL cannot keep".to_owned());
    }
    // Without an id of the caller's, the request's own makes our repetitions harmless, but not those of the caller.
    let id = id.unwrap_or(event.request_context.request_id);
    let is_plain = id.chars().all(|it| it.is_ascii_alphanumeric() || "-_=".contains(it));
    if id.is_empty() || id.len() > LONGEST_ID || !is_plain {
        return Err(format!("id has 1 to {LONGEST_ID} letters, digits, '-', '_' and '='"));
    }
    Ok(Entry { id, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(method: &str, path: &str, body: &str) -> Value {
        json!({
            "version": "2.0", "rawPath": path, "body": body, "isBase64Encoded": false,
            "requestContext": {"http": {"method": method, "path": path}, "requestId": "JKJaXmPLvHcESHA="},
        })
    }

    #[test]
    fn a_request_is_one_that_is_served_or_is_answered_at_once() {
        let long = format!(r#"{{"text": "{}"}}"#, "é".repeat(LONGEST_TEXT));
        let too_long = format!(r#"{{"text": "{}"}}"#, "e".repeat(LONGEST_TEXT + 1));
        for (method, path, body, expected) in [
            ("GET", "/entries", "", Ok("list")),
            ("GET", "/entries/", "", Ok("list")),
            ("POST", "/entries", r#"{"text": "x"}"#, Ok("JKJaXmPLvHcESHA=")),
            ("POST", "/entries", r#"{"id": "a-1", "text": "x"}"#, Ok("a-1")),
            ("POST", "/entries", long.as_str(), Ok("JKJaXmPLvHcESHA=")),
            ("POST", "/entries", too_long.as_str(), Err(400)),
            ("POST", "/entries", "", Err(400)),
            ("POST", "/entries", r#"{"text": ""}"#, Err(400)),
            ("POST", "/entries", r#"{"text": "a\u0000"}"#, Err(400)),
            ("POST", "/entries", r#"{"text": "x", "table": "y"}"#, Err(400)),
            ("POST", "/entries", r#"{"id": "a b", "text": "x"}"#, Err(400)),
            ("POST", "/entries", r#"{"id": "", "text": "x"}"#, Err(400)),
            ("DELETE", "/entries", "", Err(405)),
            ("GET", "/", "", Err(404)),
        ] {
            let got = match asked(&event(method, path, body)) {
                Ok(Asked::List) => Ok("list".to_owned()),
                Ok(Asked::Add(entry)) => Ok(entry.id),
                Err(answer) => Err(answer.status_code),
            };
            assert_eq!(got, expected.map(str::to_owned), "{method} {path} {body}");
        }
        assert_eq!(asked(&json!({"Records": []})).unwrap_err().status_code, 400);
    }

    #[test]
    fn a_body_may_come_in_base64() {
        let mut event = event("POST", "/entries", &STANDARD.encode(r#"{"id": "a", "text": "x"}"#));
        event["isBase64Encoded"] = json!(true);
        let entry = Entry { id: "a".to_owned(), text: "x".to_owned() };
        assert_eq!(asked(&event), Ok(Asked::Add(entry)));
    }
}
