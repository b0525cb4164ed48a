//! Starts the real binary and talks to it as an SDK would.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use sqlx::{
    Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A running local-aws; dropping it ends it and everything that it started.
pub struct LocalAws {
    pub child: Child,
    pub endpoint: String,
    _data_dir: TempDir,
}

impl LocalAws {
    pub fn start(time_scale: &str) -> Self {
        let data_dir = TempDir::new().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_local-aws"))
            .args(["--ministack", &variable("SNAPFERRY_MINISTACK")])
            .args(["--postgres-bin", &variable("SNAPFERRY_POSTGRES_BIN")])
            .args(["--time-scale", time_scale])
            .arg("--data-dir")
            .arg(data_dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let announcement: Value = serde_json::from_str(&line).expect("local-aws announces where it is");
        let endpoint = announcement["endpoint"].as_str().unwrap().to_owned();
        Self { child, endpoint, _data_dir: data_dir }
    }

    pub fn account<'a>(&'a self, access_key_id: &'a str) -> Account<'a> {
        Account { aws: self, access_key_id, region: "eu-central-1" }
    }

    pub async fn calls(&self) -> Vec<Value> {
        let url = format!("{}/_local-aws/calls?since=0", self.endpoint);
        client().get(url).send().await.unwrap().json().await.unwrap()
    }

    pub async fn misbehave(&self, wanted: Value) {
        let url = format!("{}/_local-aws/misbehave", self.endpoint);
        let response = client().post(url).json(&wanted).send().await.unwrap();
        assert_eq!(response.status(), 204);
    }
}

impl Drop for LocalAws {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with scripts/test"))
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A caller in one Region.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    aws: &'a LocalAws,
    access_key_id: &'a str,
    region: &'a str,
}

impl<'a> Account<'a> {
    pub fn in_region(self, region: &'a str) -> Self {
        Self { region, ..self }
    }

    pub fn request(&self, service: &str, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let (key, region) = (self.access_key_id, self.region);
        let scope = format!("{key}/20261120/{region}/{service}/aws4_request");
        client().request(method, format!("{}{path}", self.aws.endpoint)).header(
            "Authorization",
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature=00"),
        )
    }

    /// A call of the JSON protocol.
    pub async fn json(&self, service: &str, target: &str, body: Value) -> Value {
        let request = self
            .request(service, reqwest::Method::POST, "/")
            .header("X-Amz-Target", target)
            .header("Content-Type", "application/x-amz-json-1.1")
            .body(body.to_string());
        request.send().await.unwrap().json().await.unwrap()
    }

    /// An RDS call: the answer's XML, or the wire code of the error.
    pub async fn rds(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String, String> {
        self.query("rds", action, parameters).await
    }

    /// A call of the query protocol.
    pub async fn query(
        &self,
        service: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("Version", "2014-10-31").extend_pairs(parameters);
        let request = self
            .request(service, reqwest::Method::POST, "/")
            .header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
            .body(form.finish());
        let response = request.send().await.unwrap();
        let status = response.status();
        let xml = response.text().await.unwrap();
        if status.is_success() { Ok(xml) } else { Err(text(&xml, "Code").unwrap()) }
    }

    pub async fn key(&self) -> String {
        let answer = self.json("kms", "TrentService.CreateKey", serde_json::json!({})).await;
        answer["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
    }

    /// Waits until the DB instance is available and gives its description.
    pub async fn instance(&self, identifier: &str) -> String {
        self.instance_in(identifier, "available").await
    }

    pub async fn instance_in(&self, identifier: &str, status: &str) -> String {
        let named = [("DBInstanceIdentifier", identifier)];
        self.described("DescribeDBInstances", &named, "DBInstanceStatus", status).await
    }

    /// Waits until the DB snapshot is available and gives its description.
    pub async fn snapshot(&self, identifier: &str) -> String {
        self.snapshot_in(identifier, "available").await
    }

    pub async fn snapshot_in(&self, identifier: &str, status: &str) -> String {
        let named = [("DBSnapshotIdentifier", identifier)];
        self.described("DescribeDBSnapshots", &named, "Status", status).await
    }

    async fn described(&self, action: &str, named: &[(&str, &str)], element: &str, status: &str) -> String {
        let has_status = |xml: &String| text(xml, element).as_deref() == Some(status);
        until(async || self.rds(action, named).await.ok().filter(has_status)).await
    }
}

/// Asks again until there is an answer.
pub async fn until<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nothing after {PATIENCE:?}");
}

/// The text of the first element of this name.
pub fn text(xml: &str, name: &str) -> Option<String> {
    let rest = xml.split_once(&format!("<{name}>"))?.1;
    Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
}

/// Logs in to the DB instance in this description.
pub async fn log_in(
    instance: &str,
    username: &str,
    password: &str,
    database: &str,
) -> sqlx::Result<PgConnection> {
    let endpoint = text(instance, "Endpoint").unwrap();
    let options = PgConnectOptions::new_without_pgpass()
        .host(&text(&endpoint, "Address").unwrap())
        .port(text(&endpoint, "Port").unwrap().parse().unwrap())
        .username(username)
        .password(password)
        .database(database)
        .ssl_mode(PgSslMode::Disable);
    PgConnection::connect_with(&options).await
}
