//! The example application, deployed in the target account and called as its callers would.

use crate::{Account, POSTGRES, World, stacks};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// The HTTP API of the example application.
#[derive(Debug, Clone)]
pub struct Example {
    url: String,
    authorization: String,
    http: reqwest::Client,
}

/// What became of one write.
#[derive(Debug, Clone)]
pub struct Write {
    /// The entry's id.
    pub id: String,
    /// When it was sent.
    pub began: Instant,
    /// When it was answered.
    pub ended: Instant,
    /// The HTTP status.
    pub status: u16,
    /// The DB instance that has it, if it was acknowledged; else why it was not.
    pub said: String,
}

impl Write {
    /// Whether the application said that the entry is kept.
    pub fn is_acknowledged(&self) -> bool {
        self.status == 201
    }
}

impl Example {
    /// Deploys it beside the copies, whose security group lets it in.
    pub async fn deploy(world: &World) -> Result<Self> {
        let (account, network) = (&world.target, &world.network);
        let parameters = [
            ("VpcId", network.vpc_id.as_str()),
            ("SubnetIds", &network.subnet_ids.join(",")),
            ("ApplicationSecretArn", world.target_outputs.get("ApplicationSecretArn")?),
        ];
        let outputs = stacks::deploy(account, "example-application", &parameters).await?;
        let group = outputs.get("SecurityGroupId")?;
        account.place(outputs.get("FunctionArn")?, &network.subnet_ids, &[group]).await?;
        account.let_in(&network.copies_group, group, POSTGRES).await?;
        Ok(Self::at(account, outputs.get("ApiId")?))
    }

    fn at(account: &Account, api_id: &str) -> Self {
        Self {
            url: format!("{}/_aws/execute-api/{api_id}/$default/entries", account.endpoint),
            authorization: account.authorization("execute-api"),
            http: reqwest::Client::new(),
        }
    }

    /// Writes an entry.
    pub async fn write(&self, id: &str) -> Result<Write> {
        let began = Instant::now();
        let post = self.http.post(&self.url).header("authorization", &self.authorization);
        let answer = post.json(&json!({"id": id, "text": format!("entry {id}")})).send().await?;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        let said = body["database"].as_str().or(body["message"].as_str()).unwrap_or_default().to_owned();
        Ok(Write { id: id.to_owned(), began, ended: Instant::now(), status, said })
    }

    /// The latest entries, and the DB instance that they are in.
    pub async fn entries(&self) -> Result<(Vec<String>, String)> {
        let get = self.http.get(&self.url).header("authorization", &self.authorization);
        let body: Value = get.send().await?.error_for_status()?.json().await?;
        let entries = body["entries"].as_array().context("the answer has entries")?;
        let ids = entries.iter().filter_map(|it| it["id"].as_str().map(str::to_owned)).collect();
        Ok((ids, body["database"].as_str().unwrap_or_default().to_owned()))
    }

    /// Writes without a pause from now on.
    pub fn write_on(&self, prefix: &str) -> Writer {
        let (example, prefix) = (self.clone(), prefix.to_owned());
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        let writing = tokio::spawn(async move {
            let mut writes = Vec::new();
            while !told.load(Ordering::Relaxed) {
                writes.push(example.write(&format!("{prefix}-{}", writes.len())).await?);
            }
            Ok(writes)
        });
        Writer { ended, writing }
    }
}

/// Somebody who writes without a pause.
#[derive(Debug)]
pub struct Writer {
    ended: Arc<AtomicBool>,
    writing: tokio::task::JoinHandle<Result<Vec<Write>>>,
}

impl Writer {
    /// Ends it, and answers every write in order.
    pub async fn end(self) -> Result<Vec<Write>> {
        self.ended.store(true, Ordering::Relaxed);
        self.writing.await?
    }
}
