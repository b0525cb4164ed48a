//! MiniStack as our child process, and the few questions that we ask it ourselves.

use std::{
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use reqwest::header::AUTHORIZATION;
use rustix::process::Signal;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::{place::Place, process, random_hex};

/// Python code that starts MiniStack, gives functions names, and lets us put events of RDS.
const LAUNCHER: &str = include_str!("ministack.py");
const START_ATTEMPTS: usize = 5;
const START_PATIENCE: Duration = Duration::from_secs(60);
/// MiniStack closes a connection that was idle for 75 seconds; ours must be forgotten before that.
pub const POOL_IDLE: Duration = Duration::from_secs(30);
const STOP_PATIENCE: Duration = Duration::from_secs(8);

/// What MiniStack is started with.
pub struct Settings {
    /// The `ministack` executable.
    pub executable: PathBuf,
    /// Its state, its temporary files and its log go below this folder.
    pub data_dir: PathBuf,
    /// Where Lambda functions send their calls.
    pub relay_endpoint: String,
    /// The certificate of the authority that functions trust besides RDS's own.
    pub authority_file: PathBuf,
    /// `libnss_wrapper.so`, by which functions resolve names; without it they resolve none.
    pub nss_wrapper: Option<PathBuf>,
    /// Real seconds for one second of a Step Functions `Wait`.
    pub time_scale: f64,
}

/// A running MiniStack.
pub struct MiniStack {
    child: Child,
    client: Client,
}

impl MiniStack {
    /// Starts it and waits until it is healthy; tries another port if another process took the chosen one.
    pub async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let mut failure = anyhow::anyhow!("not started");
        for _ in 0..START_ATTEMPTS {
            match Self::start_on(settings, process::free_port()?).await {
                Ok(ministack) => return Ok(ministack),
                Err(error) => {
                    tracing::warn!("MiniStack did not start, trying another port: {error:#}");
                    failure = error;
                }
            }
        }
        Err(failure.context("cannot start MiniStack"))
    }

    async fn start_on(settings: &Settings, port: u16) -> anyhow::Result<Self> {
        let folder = |name: &str| settings.data_dir.join("ministack").join(name);
        for name in ["s3", "state", "tmp"] {
            tokio::fs::create_dir_all(folder(name)).await?;
        }
        let log_path = settings.data_dir.join("ministack.log");
        let log = std::fs::File::options().create(true).append(true).open(&log_path)?;
        // MiniStack shows this in its health answer. It proves that our own MiniStack answers on the port.
        let edition = random_hex(8)?;
        // It says that an event comes from us: nobody else may put one of `aws.rds`.
        let token = random_hex(16)?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]);
        command.arg(settings.executable.with_file_name("python3")).args(["-c", LAUNCHER]);
        if let Some(library) = &settings.nss_wrapper {
            command.env("LOCAL_AWS_NSS_WRAPPER", library);
        }
        let mut child = command
            .env("LOCAL_AWS_TOKEN", &token)
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("MINISTACK_EDITION", &edition)
            .env("LOG_LEVEL", "WARNING")
            .env("AUTH", "true")
            .env("AWS_ENDPOINT_URL", &settings.relay_endpoint)
            // Functions inherit this, as they do the endpoint.
            .env("SSL_CERT_FILE", &settings.authority_file)
            .env("SFN_WAIT_SCALE", settings.time_scale.to_string())
            .env("S3_DATA_DIR", folder("s3"))
            .env("STATE_DIR", folder("state"))
            .env("TMPDIR", folder("tmp"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {}", settings.executable.display()))?;

        let client = Client::new(format!("http://127.0.0.1:{port}"), token)?;
        let started = Instant::now();
        while started.elapsed() < START_PATIENCE {
            if let Some(status) = child.try_wait()? {
                bail!("MiniStack ended with {status}; see {}", log_path.display());
            }
            if client.edition().await.is_ok_and(|answered| answered == edition) {
                return Ok(Self { child, client });
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        bail!("MiniStack is not healthy after {START_PATIENCE:?}")
    }

    /// For asking it.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Completes when it ends by itself.
    pub async fn ended(&mut self) -> String {
        self.child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string())
    }

    /// Ends it and its workers.
    pub async fn shut_down(&mut self) {
        process::end(&mut self.child, Signal::TERM, STOP_PATIENCE).await;
    }
}

/// Asks MiniStack as root of an account: MiniStack accepts the account's number as an access key.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// What a Lambda function's access key depends on.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Function {
    /// The function's ARN.
    pub function_arn: String,
    /// Its execution role's ARN.
    pub role: String,
}

/// The network of a Lambda function; both are empty for a function in no VPC.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VpcConfig {
    /// Its subnets.
    pub subnet_ids: Vec<String>,
    /// Its security groups.
    pub security_group_ids: Vec<String>,
}

impl Client {
    fn new(url: String, token: String) -> anyhow::Result<Self> {
        // Everything is on this machine, so a proxy of the environment must not be used.
        Ok(Self {
            http: reqwest::Client::builder().no_proxy().pool_idle_timeout(POOL_IDLE).build()?,
            url,
            token,
        })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    async fn edition(&self) -> anyhow::Result<String> {
        let health: Value =
            self.http.get(format!("{}/_ministack/health", self.url)).send().await?.json().await?;
        Ok(health["edition"].as_str().unwrap_or_default().to_owned())
    }

    /// All Lambda functions of an account in a Region.
    pub async fn functions(&self, account_id: &str, region: &str) -> anyhow::Result<Vec<Function>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Page {
            functions: Vec<Function>,
            next_marker: Option<String>,
        }
        let mut functions = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let mut request = self.http.get(format!("{}/2015-03-31/functions/", self.url));
            if let Some(marker) = &marker {
                let query: String =
                    form_urlencoded::Serializer::new(String::new()).append_pair("Marker", marker).finish();
                request = self.http.get(format!("{}/2015-03-31/functions/?{query}", self.url));
            }
            let request = request.header(AUTHORIZATION, as_root(account_id, region, "lambda"));
            let page: Page = request.send().await?.error_for_status()?.json().await?;
            functions.extend(page.functions);
            match page.next_marker {
                Some(next) if !next.is_empty() => marker = Some(next),
                _ => return Ok(functions),
            }
        }
    }

    /// The text of an object of S3, by its bucket and key.
    pub async fn object(&self, place: &Place, path: &str) -> anyhow::Result<String> {
        self.get(&place.account_id, &place.region, "s3", path).await
    }

    /// A GET of a service; the answer's text.
    pub async fn get(
        &self,
        account_id: &str,
        region: &str,
        service: &str,
        path: &str,
    ) -> anyhow::Result<String> {
        let request = self.http.get(format!("{}/{path}", self.url));
        let request = request.header(AUTHORIZATION, as_root(account_id, region, service));
        Ok(request.send().await?.error_for_status()?.text().await?)
    }

    /// Puts an event of a service of AWS on the default bus of an account.
    pub async fn put_event(&self, place: &Place, entry: &Value) -> anyhow::Result<()> {
        let body = json!({ "Entries": [entry], "LocalAwsToken": self.token });
        let target = "AWSEvents.PutEvents";
        let answer = self.json(&place.account_id, &place.region, "events", target, &body).await?;
        match answer {
            Some(answer) if answer["FailedEntryCount"] == 0 => Ok(()),
            answer => bail!("MiniStack's PutEvents answers {answer:?}"),
        }
    }

    /// The network of a Lambda function.
    pub async fn vpc_config(
        &self,
        account_id: &str,
        region: &str,
        function_name: &str,
    ) -> anyhow::Result<VpcConfig> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Configuration {
            vpc_config: Option<VpcConfig>,
        }
        let url = format!("{}/2015-03-31/functions/{function_name}/configuration", self.url);
        let request = self.http.get(url).header(AUTHORIZATION, as_root(account_id, region, "lambda"));
        let answer: Configuration = request.send().await?.error_for_status()?.json().await?;
        Ok(answer.vpc_config.unwrap_or_default())
    }

    /// The account that an access key belongs to, as MiniStack's STS knows it or reads it from the key.
    pub async fn account_of(&self, access_key_id: &str) -> Option<String> {
        let named = [("AccessKeyId", access_key_id)];
        let xml = self.query("000000000000", "us-east-1", "sts", "GetAccessKeyInfo", &named).await.ok()?;
        Some(xml.split_once("<Account>")?.1.split_once("</Account>")?.0.to_owned())
    }

    /// A call of the query protocol: the answer's XML.
    pub async fn query(
        &self,
        account_id: &str,
        region: &str,
        service: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> anyhow::Result<String> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .extend_pairs(parameters)
            .finish();
        let request = self
            .http
            .post(&self.url)
            .header(AUTHORIZATION, as_root(account_id, region, service))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form);
        let response = request.send().await?;
        let (status, xml) = (response.status(), response.text().await?);
        if !status.is_success() {
            bail!("MiniStack's {action} answers {status}: {xml}");
        }
        Ok(xml)
    }

    /// A call of the JSON protocol: the answer, or nothing where the resource does not exist.
    pub async fn json(
        &self,
        account_id: &str,
        region: &str,
        service: &str,
        target: &str,
        body: &Value,
    ) -> anyhow::Result<Option<Value>> {
        let request = self
            .http
            .post(&self.url)
            .header(AUTHORIZATION, as_root(account_id, region, service))
            .header("X-Amz-Target", target)
            .header("Content-Type", "application/x-amz-json-1.1")
            .body(body.to_string());
        let response = request.send().await?;
        let (status, answer) = (response.status(), response.json::<Value>().await?);
        if status.is_success() {
            return Ok(Some(answer));
        }
        let missing = ["NotFoundException", "ExecutionDoesNotExist"];
        if answer["__type"].as_str().is_some_and(|code| missing.iter().any(|it| code.ends_with(it))) {
            return Ok(None);
        }
        bail!("MiniStack's {target} answers {answer}")
    }
}

/// The texts of all elements of this name.
pub fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (text, after) = rest.split_once(open.as_str())?.1.split_once(close.as_str())?;
        rest = after;
        Some(text)
    })
}

/// The authorization of an account's root user. MiniStack does not check the signature.
pub fn as_root(account_id: &str, region: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={account_id}/20260101/{region}/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=0000"
    )
}
