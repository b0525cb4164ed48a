//! The search for passwords in everything that is written down and is not a secret.

use crate::{Account, World};
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

/// A password, in the forms that it could leak in.
#[derive(Debug, Clone)]
pub struct Needle {
    /// Whose password.
    pub name: &'static str,
    forms: Vec<(&'static str, String)>,
}

impl Needle {
    /// Raw, JSON-escaped, URL-encoded in both ways, and base64 wherever it may begin in a longer text.
    pub fn new(name: &'static str, password: &str) -> Self {
        let json = Value::from(password).to_string().trim_matches('"').to_owned();
        let url: String = form_urlencoded::byte_serialize(password.as_bytes()).collect();
        let percent = url.replace('+', "%20");
        let mut forms = vec![("raw", password.to_owned()), ("JSON", json), ("URL", url), ("URL", percent)];
        for before in 0..3 {
            // Characters that also carry bits of what stands before or after are left out.
            let encoded = STANDARD_NO_PAD.encode([vec![b' '; before], password.as_bytes().to_vec()].concat());
            let whole = (before + password.len()) / 3 * 4;
            let from = [0, 2, 3][before];
            forms.push(("base64", encoded[from..whole].to_owned()));
        }
        Self { name, forms }
    }

    /// The form that a text holds, if it holds one.
    pub fn find(&self, text: &str) -> Option<&'static str> {
        self.forms.iter().find(|(_, form)| text.contains(form)).map(|(form, _)| *form)
    }
}

/// A text, and where it was found.
pub type Written = (String, String);

/// Everything that the two accounts and this machine wrote down: log lines, execution histories with inputs, outputs,
/// errors and causes, tags and settings of what was made, and the record of calls.
pub async fn everything_written(world: &World) -> Result<Vec<Written>> {
    let mut written = Vec::new();
    for account in [&world.source, &world.target] {
        written.extend(log_lines(account).await?);
        written.extend(executions_of(account).await?);
        written.extend(resources(account).await?);
    }
    for call in world.local_aws.calls().await? {
        written.push(("record of calls".to_owned(), call.to_string()));
    }
    for entry in std::fs::read_dir(world.local_aws.folder())? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "log") {
            written.push((
                path.display().to_string(),
                String::from_utf8_lossy(&std::fs::read(&path)?).into_owned(),
            ));
        }
    }
    Ok(written)
}

async fn log_lines(account: &Account) -> Result<Vec<Written>> {
    let mut written = Vec::new();
    let groups = account.logs.call("DescribeLogGroups", &json!({})).await?;
    for group in groups["logGroups"].as_array().context("log groups")? {
        let name = group["logGroupName"].as_str().context("a log group has a name")?;
        let mut token = Value::Null;
        loop {
            let mut request = json!({ "logGroupName": name });
            if !token.is_null() {
                request["nextToken"] = token;
            }
            let answer = account.logs.call("FilterLogEvents", &request).await?;
            for event in answer["events"].as_array().into_iter().flatten() {
                written.push((name.to_owned(), event["message"].as_str().unwrap_or_default().to_owned()));
            }
            token = answer["nextToken"].clone();
            if token.is_null() {
                break;
            }
        }
    }
    Ok(written)
}

async fn executions_of(account: &Account) -> Result<Vec<Written>> {
    let mut written = Vec::new();
    for machine in account.states.list_state_machines().send().await?.state_machines {
        let list = account.states.list_executions().state_machine_arn(machine.state_machine_arn);
        for execution in list.send().await?.executions {
            let events = executions::events_since(&account.states, &execution.execution_arn, 0).await?;
            for event in events.unwrap_or_default() {
                written.push((execution.execution_arn.clone(), format!("{event:?}")));
            }
            let described =
                account.states.describe_execution().execution_arn(&execution.execution_arn).send().await?;
            for text in
                [described.input, described.output, described.error, described.cause].into_iter().flatten()
            {
                written.push((execution.execution_arn.clone(), text));
            }
        }
    }
    Ok(written)
}

async fn resources(account: &Account) -> Result<Vec<Written>> {
    let mut written = Vec::new();
    for instance in account.rds.describe_db_instances().send().await?.db_instances.unwrap_or_default() {
        written.push((instance.db_instance_arn().unwrap_or_default().to_owned(), format!("{instance:?}")));
    }
    for snapshot in account.rds.describe_db_snapshots().send().await?.db_snapshots.unwrap_or_default() {
        written.push((snapshot.db_snapshot_arn().unwrap_or_default().to_owned(), format!("{snapshot:?}")));
    }
    for secret in account.secrets.list_secrets().send().await?.secret_list.unwrap_or_default() {
        written.push((secret.arn().unwrap_or_default().to_owned(), format!("{secret:?}")));
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_wherever_it_stands() {
        let password = r"a+b%c\d e'1234";
        let needle = Needle::new("test", password);
        assert_eq!(needle.find("nothing of it"), None);
        assert_eq!(needle.find(&format!("x{password}x")), Some("raw"));
        assert_eq!(needle.find(&json!({ "password": password }).to_string()), Some("JSON"));
        assert_eq!(needle.find("p=a%2Bb%25c%5Cd+e%271234&q"), Some("URL"));
        for before in ["", "x", "xy", "xyz"] {
            let encoded = STANDARD_NO_PAD.encode(format!("{before}{password} and more"));
            assert_eq!(needle.find(&encoded), Some("base64"), "{before}");
        }
    }
}
