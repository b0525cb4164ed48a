//! The example application, deployed in the target account and called as its callers would.

use crate::{Account, Consumer, Kept, Network, POSTGRES, World, stacks};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long a caller waits after a refusal.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

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
    /// The HTTP status; 0 if there was no answer.
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
        Self::deploy_beside(&world.target, &world.network, world.application_secret_arn()?).await
    }

    /// Deploys it beside databases of this network, whose security group lets it in. It follows this secret.
    pub async fn deploy_beside(account: &Account, network: &Network, secret: &str) -> Result<Self> {
        let (this, group) = Self::deploy_in(account, &network.vpc_id, &network.subnet_ids, secret).await?;
        account.let_in(&network.copies_group, &group, POSTGRES).await?;
        Ok(this)
    }

    /// Deploys it in a VPC of applications, from which the lanes are the only way.
    pub async fn deploy_in_vpc_of(world: &World, consumer: &Consumer) -> Result<Self> {
        let secret = world.application_secret_arn()?;
        Ok(Self::deploy_in(&world.target, &consumer.vpc_id, &consumer.subnet_ids, secret).await?.0)
    }

    /// Deploys another one beside the copies, from which their RDS Proxies are the only way.
    pub async fn deploy_before_proxies(world: &World) -> Result<Self> {
        let (account, network, name) = (&world.target, &world.network, "example-before-proxies");
        let (subnet_ids, secret) = (&network.subnet_ids, world.application_secret_arn()?);
        let (this, group) = Self::deploy_as(account, name, &network.vpc_id, subnet_ids, secret).await?;
        let proxies = account.rds.describe_db_proxies().send().await?.db_proxies.unwrap_or_default();
        let groups = proxies.into_iter().flat_map(|it| it.vpc_security_group_ids.unwrap_or_default());
        for proxies in BTreeSet::from_iter(groups) {
            account.let_in(&proxies, &group, POSTGRES).await?;
        }
        Ok(this)
    }

    async fn deploy_in(
        account: &Account,
        vpc_id: &str,
        subnet_ids: &[String],
        secret: &str,
    ) -> Result<(Self, String)> {
        Self::deploy_as(account, "example-application", vpc_id, subnet_ids, secret).await
    }

    /// Deploys a stack of this name; answers its security group, too.
    async fn deploy_as(
        account: &Account,
        name: &str,
        vpc_id: &str,
        subnet_ids: &[String],
        secret: &str,
    ) -> Result<(Self, String)> {
        let parameters =
            [("VpcId", vpc_id), ("SubnetIds", &subnet_ids.join(",")), ("ApplicationSecretArn", secret)];
        let outputs = stacks::deploy_as(account, name, "example-application", &parameters).await?;
        let group = outputs.get("SecurityGroupId")?;
        account.place(outputs.get("FunctionArn")?, subnet_ids, &[group]).await?;
        Ok((Self::at(account, outputs.get("ApiId")?), group.to_owned()))
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

    /// Writes without a pause from now on. Only after a refusal it waits a moment.
    pub fn write_on(&self, prefix: &str) -> Writer {
        Self::write_on_by(vec![self.clone()], prefix)
    }

    /// The same by the first of these applications, and after each refusal by the next one.
    pub fn write_on_by(examples: Vec<Self>, prefix: &str) -> Writer {
        let prefix = prefix.to_owned();
        let (ended, writes) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<Write>>>::default());
        let (told, written) = (Arc::clone(&ended), Arc::clone(&writes));
        let writing = tokio::spawn(async move {
            let mut turns = examples.iter().cycle();
            let mut example = turns.next();
            for number in 0.. {
                let Some(at) = example.filter(|_| !told.load(Ordering::Relaxed)) else { break };
                let write = at.try_to_write(&format!("{prefix}-{number}")).await;
                let is_acknowledged = write.is_acknowledged();
                lock(&written).push(write);
                if !is_acknowledged {
                    example = turns.next();
                    tokio::time::sleep(AFTER_REFUSAL).await;
                }
            }
        });
        Writer { ended, writes, writing }
    }

    /// Writes an entry. No answer is an answer, too.
    async fn try_to_write(&self, id: &str) -> Write {
        let began = Instant::now();
        self.write(id).await.unwrap_or_else(|error| Write {
            id: id.to_owned(),
            began,
            ended: Instant::now(),
            status: 0,
            said: format!("{error:#}"),
        })
    }
}

/// Somebody who writes without a pause.
#[derive(Debug)]
pub struct Writer {
    ended: Arc<AtomicBool>,
    writes: Arc<Mutex<Vec<Write>>>,
    writing: JoinHandle<()>,
}

impl Writer {
    /// Every write so far, in order.
    pub fn so_far(&self) -> Vec<Write> {
        lock(&self.writes).clone()
    }

    /// Ends it, and answers every write in order.
    pub async fn end(self) -> Result<Vec<Write>> {
        self.ended.store(true, Ordering::Relaxed);
        self.writing.await?;
        Ok(std::mem::take(&mut *lock(&self.writes)))
    }
}

fn lock(writes: &Mutex<Vec<Write>>) -> MutexGuard<'_, Vec<Write>> {
    writes.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// The ids of the entries that each of these copies holds. The copies' own secrets lead there.
    pub async fn entries_in(&self, copies: impl IntoIterator<Item = &str>) -> Result<Kept> {
        let mut kept = Kept::new();
        for copy in copies {
            let mut session = self.secret_of(copy).await?.session().await?;
            let made = sqlx::query_scalar("SELECT to_regclass('entries') IS NOT NULL");
            let ids: Vec<String> = match made.fetch_one(&mut session).await? {
                true => sqlx::query_scalar("SELECT id FROM entries").fetch_all(&mut session).await?,
                false => Vec::new(),
            };
            kept.insert(copy.to_owned(), BTreeSet::from_iter(ids));
        }
        Ok(kept)
    }
}
