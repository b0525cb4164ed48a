//! What the tests of both engines share: the real function, run as Lambda runs it, with a secret of its own.

pub mod mariadb;
pub mod postgres;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Path as Segment, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use local_aws::tls_front::Authority;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc;

const SECRET: &str = "snapferry/orders/20261120t160812z-3f9a";
pub const MASTER: &str = "shopkeeper";
pub const PASSWORD: &str = "own+only%word1";

/// A place of the test's own: an authority that the function trusts, and the copy's secret.
pub struct World {
    pub authority: Authority,
    pub authority_file: PathBuf,
    pub folder: TempDir,
    pub secret: Arc<Mutex<Secret>>,
}

/// The copy's secret, and how often it was written.
#[derive(Debug, Default)]
pub struct Secret {
    pub value: Value,
    pub puts: usize,
    /// Whether another call's write comes before ours.
    pub is_contended: bool,
}

/// How the function failed.
#[derive(Debug)]
pub struct Failure {
    pub name: String,
    pub message: String,
}

impl World {
    pub async fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let authority = Authority::new()?;
        let authority_file = folder.path().join("authority.pem");
        authority.write(&authority_file).await?;
        Ok(Self { authority, authority_file, folder, secret: Arc::default() })
    }

    /// Has the copy's secret lead to this port.
    pub fn lead_to(&self, engine: &str, port: u16) {
        let value = json!({
            "engine": engine, "host": "127.0.0.1", "port": port, "username": MASTER, "password": PASSWORD,
            "dbname": "shop", "dbInstanceIdentifier": "orders-20261120t160812z-3f9a",
        });
        *self.secret.lock().unwrap() = Secret { value, ..Secret::default() };
    }

    /// A path to this port proves the name that the certificate holds, and no other.
    pub async fn a_path_is_proven_by_its_name(&self, port: u16) {
        let path = |more: Value| {
            let mut path = json!({"address": "localhost", "port": port});
            path.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            path
        };
        for more in [
            json!({}),
            json!({"tlsName": "localhost"}),
            json!({"tlsName": "other.example", "tls": "verifyCa"}),
        ] {
            let answer = self.verify_path(path(more)).await.unwrap();
            assert_eq!(answer["done"], true, "{answer}");
            assert_eq!(answer["proven"][1], json!({"address": "localhost", "port": port}), "{answer}");
        }
        let failure = self.verify_path(path(json!({"tlsName": "other.example"}))).await.unwrap_err();
        assert_eq!(failure.name, "Snapferry.TlsNotTrusted", "{}", failure.message);
        assert!(failure.message.contains("other.example"), "{}", failure.message);
        // A proxy lets in the login of applications alone, and VerifyPath logs in as they will.
        let failure = self.verify_path(path(json!({"login": "nobody"}))).await.unwrap_err();
        assert_eq!(failure.name, "Snapferry.LoginRefused", "{}", failure.message);
        assert!(failure.message.contains("no password of login nobody"), "{}", failure.message);
    }

    /// One key of the copy's secret.
    pub fn set(&self, key: &str, value: &str) {
        self.secret.lock().unwrap().value[key] = json!(value);
    }

    /// What the function answers; nothing that it says may hold a password.
    pub async fn verify(&self, verification: Value) -> Result<Value, Failure> {
        self.answer(env!("CARGO_BIN_EXE_verify"), &request(verification)).await
    }

    /// What `VerifyPath` answers.
    pub async fn verify_path(&self, path: Value) -> Result<Value, Failure> {
        let request =
            json!({"secretId": SECRET, "paths": [path], "stageDeadlineSeconds": 86400, "stage": {}});
        self.answer(env!("CARGO_BIN_EXE_verify-path"), &request).await
    }

    /// What `VerifyWriter` answers of the server at this address.
    pub async fn verify_writer(&self, address: &str, port: u16, assertions: Value) -> Result<Value, Failure> {
        let request = json!({
            "group": "shop", "epoch": "7-eu-west-1", "mode": "planned", "stageDeadlineSeconds": 900, "stage": {},
            "endpoint": {"engine": "postgres", "address": address, "port": port},
            "resource": {
                "kind": "rdsReadReplica", "name": "billing", "masterSecretId": SECRET, "assertions": assertions,
                "from": {"region": "eu-central-1", "dbInstanceIdentifier": "billing", "quarantineSecurityGroupId": "sg-9"},
                "to": {"region": "eu-west-1", "dbInstanceIdentifier": "billing"},
                "rebuild": {"dbSubnetGroupName": "private", "vpcSecurityGroupIds": ["sg-1"]},
            },
        });
        self.answer(env!("CARGO_BIN_EXE_verify-writer"), &request).await
    }

    async fn answer(&self, binary: &str, request: &Value) -> Result<Value, Failure> {
        let (answer, said) = self.run(binary, request).await.unwrap();
        let secret = self.secret.lock().unwrap();
        let passwords = secret.value["logins"].as_object().into_iter().flatten().map(|(_, it)| it);
        for password in passwords.chain([&secret.value["password"]]).filter_map(Value::as_str) {
            assert!(!said.contains(password), "{said}");
        }
        answer
    }

    /// It answers that it is done.
    pub async fn verified(&self, verification: Value) -> Value {
        let answer = self.verify(verification).await.unwrap();
        assert_eq!(answer["done"], true, "{answer}");
        answer
    }

    /// It answers that it wants to be called again, for this reason.
    pub async fn waits(&self, says: &str) {
        let answer = self.verify(json!({})).await.unwrap();
        assert_eq!(answer["done"], false, "{answer}");
        assert!(answer["reason"].as_str().is_some_and(|it| it.contains(says)), "{answer} lacks {says}");
    }

    /// It fails by this name, and says this.
    pub async fn fails(&self, verification: Value, name: &str, says: &str) -> String {
        let failure = self.verify(verification).await.unwrap_err();
        assert_eq!(failure.name, name, "{}", failure.message);
        assert!(failure.message.contains(says), "{} lacks {says}", failure.message);
        println!("{name}: {}", failure.message);
        failure.message
    }

    /// The binary, a Lambda runtime for one invocation, and a Secrets Manager; its answer and all that was said.
    async fn run(&self, binary: &str, request: &Value) -> Result<(Result<Value, Failure>, String)> {
        let (answers, mut answered) = mpsc::unbounded_channel();
        let aws = Aws {
            request: Arc::new(Mutex::new(Some(request.to_string()))),
            secret: Arc::clone(&self.secret),
            answers,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move { axum::serve(listener, aws.router()).await });
        let mut command = Command::new(binary);
        command.env_clear().kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (key, value) in [
            ("AWS_LAMBDA_FUNCTION_NAME", "verify"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "verify"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "verify"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
        ] {
            command.env(key, value);
        }
        command.env("AWS_LAMBDA_RUNTIME_API", address.to_string());
        command.env("AWS_ENDPOINT_URL", format!("http://{address}"));
        command.env("SSL_CERT_FILE", &self.authority_file).env("RUST_LOG", "debug");
        let mut child = command.spawn().context("cannot run the function")?;
        let answer = answered.recv().await.context("the function did not answer")?;
        child.start_kill()?;
        let output = child.wait_with_output().await?;
        server.abort();
        let mut said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        said.push_str(&format!("{answer:?}"));
        Ok((answer, said))
    }
}

pub fn request(verification: Value) -> Value {
    json!({
        "secretId": SECRET, "verification": verification,
        "dataAt": "2026-11-20T16:08:12Z", "stageDeadlineSeconds": 86400, "stage": {},
    })
}

#[derive(Clone)]
struct Aws {
    request: Arc<Mutex<Option<String>>>,
    secret: Arc<Mutex<Secret>>,
    answers: mpsc::UnboundedSender<Result<Value, Failure>>,
}

impl Aws {
    fn router(self) -> Router {
        let invocation = "/2018-06-01/runtime/invocation";
        Router::new()
            .route(&format!("{invocation}/next"), get(next))
            .route(&format!("{invocation}/{{id}}/{{how}}"), post(answer))
            .route("/", post(secrets_manager))
            .with_state(self)
    }
}

async fn next(State(aws): State<Aws>) -> Response {
    let Some(request) = aws.request.lock().unwrap().take() else {
        return std::future::pending().await;
    };
    let headers = [
        ("lambda-runtime-aws-request-id", "1"),
        ("lambda-runtime-deadline-ms", "9999999999999"),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:222222222222:function:verify"),
    ];
    (headers, request).into_response()
}

async fn answer(
    State(aws): State<Aws>,
    Segment((_, how)): Segment<(String, String)>,
    body: String,
) -> StatusCode {
    let body: Value = serde_json::from_str(&body).unwrap();
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let answer = match how.as_str() {
        "response" => Ok(body),
        _ => Err(Failure { name: text("errorType"), message: text("errorMessage") }),
    };
    let _ = aws.answers.send(answer);
    StatusCode::ACCEPTED
}

async fn secrets_manager(State(aws): State<Aws>, headers: HeaderMap, body: String) -> Response {
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["SecretId"], SECRET);
    let mut secret = aws.secret.lock().unwrap();
    if headers["x-amz-target"] == "secretsmanager.PutSecretValue" {
        if std::mem::take(&mut secret.is_contended) {
            let error = json!({"__type": "ResourceExistsException"}).to_string();
            return (StatusCode::BAD_REQUEST, error).into_response();
        }
        secret.value = serde_json::from_str(body["SecretString"].as_str().unwrap()).unwrap();
        secret.puts += 1;
    }
    let version = format!("version-{}", secret.puts);
    let answer =
        json!({"Name": body["SecretId"], "VersionId": version, "SecretString": secret.value.to_string()});
    answer.to_string().into_response()
}

/// Tries again until it works.
pub async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let began = Instant::now();
    loop {
        match attempt().await {
            Ok(it) => return Ok(it),
            Err(error) if began.elapsed() > Duration::from_secs(60) => {
                return Err(error.context(what.to_owned()));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// The folder that a variable of scripts/set-up-databases names, unless the machine lacks the program.
pub fn folder_of(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable);
    let folder = folder.unwrap_or_else(|| {
        panic!("{variable} is not set: run scripts/test, or source scripts/set-up-databases")
    });
    (!folder.is_empty()).then(|| PathBuf::from(folder))
}
