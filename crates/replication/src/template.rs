//! A text with placeholders, by which a key of the application's secret is written.

use serde::{Deserialize, Serialize};

/// A text with placeholders such as `{host}`. Braces around anything but letters stay as they are.
///
/// A text with `://` is a URL: what fills it is percent-encoded. Into any other text the values go as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template(String);

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Template {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Template".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let description = format!(
            "A text with placeholders: {{{}}}. A text with :// is a URL: what fills it is percent-encoded.",
            PLACEHOLDERS.join("}, {")
        );
        schemars::json_schema!({"type": "string", "description": description})
    }
}

/// What a template may name: the connection keys.
pub const PLACEHOLDERS: [&str; 7] =
    ["engine", "host", "port", "username", "password", "dbname", "dbInstanceIdentifier"];

/// A placeholder that no connection key fills.
#[derive(Debug, thiserror::Error)]
#[error("{{{0}}} is not a placeholder: use {{{known}}}", known = PLACEHOLDERS.join("}, {"))]
pub struct UnknownPlaceholder(String);

impl TryFrom<String> for Template {
    type Error = UnknownPlaceholder;

    fn try_from(text: String) -> Result<Self, UnknownPlaceholder> {
        let unknown = parts(&text).find_map(|(_, name)| name.filter(|it| !PLACEHOLDERS.contains(it)));
        match unknown.map(str::to_owned) {
            Some(unknown) => Err(UnknownPlaceholder(unknown)),
            None => Ok(Self(text)),
        }
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.0
    }
}

impl Template {
    /// The text with every placeholder filled; the name of the first one that has no value otherwise.
    pub fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
        let is_url = self.0.contains("://");
        let mut filled = String::new();
        for (literal, name) in parts(&self.0) {
            filled.push_str(literal);
            if let Some(name) = name {
                let value = value(name).ok_or_else(|| name.to_owned())?;
                filled.push_str(&if is_url { percent_encoded(&value) } else { value });
            }
        }
        Ok(filled)
    }
}

/// The literals, each with the name of the placeholder that follows it.
fn parts(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let now = rest.take()?;
        for (at, _) in now.match_indices('{') {
            let (literal, tail) = now.split_at(at);
            let name = tail.get(1..).and_then(|it| it.split_once('}'));
            if let Some((name, after)) = name
                && !name.is_empty()
                && name.chars().all(|it| it.is_ascii_alphabetic())
            {
                rest = Some(after);
                return Some((literal, Some(name)));
            }
        }
        Some((now, None))
    })
}

/// Source: RFC 3986, 2.3: only unreserved characters stand for themselves anywhere in a URL.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_filled_percent_encoded_and_any_other_text_as_it_is() {
        let value = |name: &str| match name {
            "password" => Some("p@ß/%".to_owned()),
            "dbname" => None,
            name => Some(format!("<{name}>")),
        };
        let check = |text: &str, expected: Result<&str, &str>| {
            let template = Template::try_from(text.to_owned()).unwrap();
            let filled = template.fill(value);
            assert_eq!(filled.as_deref().map_err(String::as_str), expected, "{text}");
        };
        check("{password}", Ok("p@ß/%"));
        check("postgresql://a:{password}@{host}", Ok("postgresql://a:p%40%C3%9F%2F%25@%3Chost%3E"));
        check("host={host} password={password}", Ok("host=<host> password=p@ß/%"));
        check(r#"{"host":"{host}","port":{port},"x":{}}"#, Ok(r#"{"host":"<host>","port":<port>,"x":{}}"#));
        check("{{host}", Ok("{<host>"));
        check("plain", Ok("plain"));
        check("", Ok(""));
        check("a/{dbname}", Err("dbname"));
    }

    #[test]
    fn an_unknown_placeholder_is_refused_with_those_that_there_are() {
        let error = Template::try_from("postgres://{user}@{host}".to_owned()).unwrap_err().to_string();
        assert!(error.starts_with("{user} is not a placeholder: use {engine}, {host}"), "{error}");
    }
}
