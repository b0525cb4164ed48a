//! Starts the real binary and talks to it as an SDK would.

// Each test binary uses its part of this.
#![allow(dead_code)]

mod keys_and_roles;
mod network;

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
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
    data_dir: TempDir,
}

/// One for all tests of a binary, which keep apart by their accounts; it ends when the tests are gone.
pub fn shared() -> &'static LocalAws {
    static SHARED: OnceLock<LocalAws> = OnceLock::new();
    SHARED.get_or_init(|| {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Nobody drops a static, so what earlier runs left is removed by the next one.
        for old in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = old.file_name().to_string_lossy().into_owned();
            let of = name.strip_prefix("shared-").and_then(|rest| rest.split_once('-'));
            if of.is_some_and(|(pid, _)| !Path::new("/proc").join(pid).exists()) {
                let _ = std::fs::remove_dir_all(old.path());
            }
        }
        let prefix = format!("shared-{}-", std::process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent).unwrap();
        LocalAws::start_in(folder, "0.001")
    })
}

impl LocalAws {
    pub fn start(time_scale: &str) -> Self {
        Self::start_in(TempDir::new().unwrap(), time_scale)
    }

    fn start_in(data_dir: TempDir, time_scale: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_local-aws"))
            .args(["--ministack", &variable("SNAPFERRY_MINISTACK")])
            .args(["--postgres-bin", &variable("SNAPFERRY_POSTGRES_BIN")])
            .args(nss_wrapper().iter().flat_map(|library| ["--nss-wrapper", library]))
            .args(mariadb().iter().flat_map(|usr| ["--mariadb", usr]))
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
        Self { child, endpoint, data_dir }
    }

    /// Where a name leads outside every VPC. A host that is an address leads there.
    pub fn address(&self, host: &str) -> Option<String> {
        let names = std::fs::read_to_string(self.data_dir.path().join("names/default")).unwrap();
        let found = names.lines().find_map(|line| line.split_once(' ').filter(|it| it.1 == host));
        let is_address = host.parse::<std::net::Ipv4Addr>().is_ok();
        found.map(|it| it.0.to_owned()).or_else(|| is_address.then(|| host.to_owned()))
    }

    pub fn account<'a>(&'a self, access_key_id: &'a str) -> Account<'a> {
        Account { aws: self, access_key_id, region: "eu-central-1" }
    }

    /// The file with the certificate of the authority that every server's certificate is of.
    pub fn authority(&self) -> PathBuf {
        self.data_dir.path().join("rds-authority.pem")
    }

    pub async fn calls(&self) -> Vec<Value> {
        let url = format!("{}/_local-aws/calls?since=0", self.endpoint);
        client().get(url).send().await.unwrap().json().await.unwrap()
    }

    /// The calls of one account, the newest last.
    pub async fn calls_of(&self, account_id: &str) -> Vec<Value> {
        self.calls().await.into_iter().filter(|call| call["accountId"] == account_id).collect()
    }

    /// Asks one of the relay's own routes.
    pub async fn own(&self, path: &str, body: Value) -> (u16, String) {
        let response = client().post(format!("{}/_local-aws/{path}", self.endpoint)).json(&body).send().await;
        let response = response.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Looks at one of the relay's own routes.
    pub async fn look(&self, path: &str) -> (u16, String) {
        let response = client().get(format!("{}/_local-aws/{path}", self.endpoint)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// What is still to come: `faults` or `misbehaviours`.
    pub async fn planned(&self, path: &str) -> Vec<Value> {
        let url = format!("{}/_local-aws/{path}", self.endpoint);
        client().get(url).send().await.unwrap().json().await.unwrap()
    }

    /// Plans a misbehaviour of a resource.
    pub async fn misbehave(&self, wanted: Value) {
        let (status, answer) = self.own("misbehaviours", wanted).await;
        assert_eq!(status, 204, "{answer}");
    }

    /// Plans a fault of a call.
    pub async fn fault(&self, wanted: Value) {
        let (status, answer) = self.own("faults", wanted).await;
        assert_eq!(status, 204, "{answer}");
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

/// Where libnss-wrapper is; nothing on a machine that has none.
pub fn nss_wrapper() -> Option<String> {
    Some(variable("SNAPFERRY_NSS_WRAPPER")).filter(|it| !it.is_empty())
}

/// Where MariaDB is; nothing on a machine that has none.
pub fn mariadb() -> Option<String> {
    Some(variable("SNAPFERRY_MARIADB")).filter(|it| !it.is_empty())
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

    /// An RDS call that is refused: the wire code and the message.
    pub async fn refused(&self, action: &str, parameters: &[(&str, &str)]) -> (String, String) {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .extend_pairs(parameters)
            .finish();
        let request = self
            .request("rds", reqwest::Method::POST, "/")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body);
        let xml = request.send().await.unwrap().text().await.unwrap();
        (
            text(&xml, "Code").unwrap_or_else(|| panic!("{action} was not refused: {xml}")),
            text(&xml, "Message").unwrap(),
        )
    }

    /// Makes an instance of PostgreSQL without automated backups and waits until it is available.
    pub async fn create(&self, identifier: &str, more: &[(&str, &str)]) -> String {
        self.ask_for(identifier, &[&[("BackupRetentionPeriod", "0")], more].concat()).await.unwrap();
        self.instance(identifier).await
    }

    /// Asks for an instance of PostgreSQL.
    pub async fn ask_for(&self, identifier: &str, more: &[(&str, &str)]) -> Result<String, String> {
        let parameters = [
            ("DBInstanceIdentifier", identifier),
            ("DBInstanceClass", "db.t4g.micro"),
            ("Engine", "postgres"),
            ("MasterUsername", "Orders_Master"),
            ("MasterUserPassword", "quite-secret"),
        ];
        self.rds("CreateDBInstance", &[&parameters[..], more].concat()).await
    }

    /// Creates a DB instance, and takes its first snapshot, called like it with `-1`.
    pub async fn create_and_take(&self, name: &str, more: &[(&str, &str)]) {
        self.create(name, more).await;
        self.take(name, &format!("{name}-1")).await;
    }

    /// Asks for a read replica `standby` of a DB instance as soon as that is not busy any more; answers RDS's answer.
    pub async fn replicate(&self, source: &str, more: &[(&str, &str)]) -> String {
        let names = [("DBInstanceIdentifier", "standby"), ("SourceDBInstanceIdentifier", source)];
        let given = [&names[..], more].concat();
        until(async || match self.rds("CreateDBInstanceReadReplica", &given).await {
            Err(code) if code == "InvalidDBInstanceState" => None,
            answer => Some(answer.unwrap()),
        })
        .await
    }

    /// Waits until the DB instance is promoted and available, and gives its description.
    pub async fn promoted(&self, identifier: &str) -> String {
        until(async || {
            let described = self.instance(identifier).await;
            text(&described, "ReadReplicaSourceDBInstanceIdentifier").is_none().then_some(described)
        })
        .await
    }

    /// Restores a snapshot of its own to a new instance.
    pub async fn restore(
        &self,
        snapshot: &str,
        instance: &str,
        more: &[(&str, &str)],
    ) -> Result<String, String> {
        let names = [("DBSnapshotIdentifier", snapshot), ("DBInstanceIdentifier", instance)];
        self.rds("RestoreDBInstanceFromDBSnapshot", &[&names[..], more].concat()).await
    }

    /// Copies a snapshot to a new one.
    pub async fn copy(&self, source: &str, target: &str, more: &[(&str, &str)]) -> Result<String, String> {
        let names = [("SourceDBSnapshotIdentifier", source), ("TargetDBSnapshotIdentifier", target)];
        self.rds("CopyDBSnapshot", &[&names[..], more].concat()).await
    }

    /// The statuses that an instance shows, from now on, until it is seen in `last`.
    pub async fn statuses_until(&self, identifier: &str, last: &str) -> Vec<String> {
        let mut seen: Vec<String> = vec![];
        until(async || {
            let named = [("DBInstanceIdentifier", identifier)];
            let status = text(&self.rds("DescribeDBInstances", &named).await.ok()?, "DBInstanceStatus")?;
            if seen.last() != Some(&status) {
                seen.push(status.clone());
            }
            (status == last && seen.len() > 1).then_some(())
        })
        .await;
        seen
    }

    /// Makes a manual snapshot, waits until it is available, and answers its ARN.
    pub async fn take(&self, instance: &str, snapshot: &str) -> String {
        let names = [("DBInstanceIdentifier", instance), ("DBSnapshotIdentifier", snapshot)];
        self.rds("CreateDBSnapshot", &names).await.unwrap();
        text(&self.snapshot(snapshot).await, "DBSnapshotArn").unwrap()
    }

    /// Shares a snapshot with one account.
    pub async fn share(&self, snapshot: &str, account_id: &str) -> Result<String, String> {
        let names = [
            ("DBSnapshotIdentifier", snapshot),
            ("AttributeName", "restore"),
            ("ValuesToAdd.AttributeValue.1", account_id),
        ];
        self.rds("ModifyDBSnapshotAttribute", &names).await
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
    aws: &LocalAws,
    instance: &str,
    username: &str,
    password: &str,
    database: &str,
) -> sqlx::Result<PgConnection> {
    let endpoint = text(instance, "Endpoint").unwrap();
    let host = text(&endpoint, "Address").unwrap();
    let options = PgConnectOptions::new_without_pgpass()
        .host(&aws.address(&host).unwrap_or(host))
        .port(text(&endpoint, "Port").unwrap().parse().unwrap())
        .username(username)
        .password(password)
        .database(database)
        .ssl_mode(PgSslMode::Disable);
    PgConnection::connect_with(&options).await
}
