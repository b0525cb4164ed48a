//! Signed calls of a service from which a function needs only one or two: its SDK would cost more than it gives.

use crate::call::{CallFailed, Service, is_transient};
use crate::client::{CALL_TIMEOUT, Config};
use crate::partition::dns_suffix;
use crate::xml::texts;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_async::future::timeout::Timeout;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_types::service_config::ServiceConfigKey;
use serde_json::Value;
use std::error::Error;
use std::time::{Duration, SystemTime};

/// How often a call is made that is throttled, meets an error of the server or gets no answer. The SDK's standard, too.
const ATTEMPTS: u32 = 3;
/// The longest pause before the second attempt; each further one may be twice as long. The SDK's standard, too.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

type Failure = Box<dyn Error + Send + Sync>;

/// A client of one service.
#[derive(Debug, Clone)]
pub struct SignedClient {
    service: Service,
    /// The service in endpoints and signatures, such as `ssm`.
    name: &'static str,
    protocol: Protocol,
    endpoint: String,
    region: String,
    credentials: Option<SharedCredentialsProvider>,
    connector: SharedHttpConnector,
    sleep: SharedAsyncSleep,
}

/// How a service is asked.
#[derive(Debug, Clone, Copy)]
enum Protocol {
    /// `application/x-amz-json-1.1`.
    Json {
        /// The service in `X-Amz-Target`, such as `AmazonSSM`.
        target: &'static str,
    },
    /// A form; the answer is XML.
    Query {
        /// The version of the API.
        version: &'static str,
    },
    /// JSON, posted to a path that names the thing.
    Rest,
}

/// What a service answered.
struct Answer {
    status: u16,
    /// The code of an error, where it stands in a header.
    code: Option<String>,
    /// Whether Lambda's function failed.
    function_failed: bool,
    body: Vec<u8>,
}

/// What became of a function that was invoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invoked {
    /// It answered.
    Answered(Value),
    /// It failed.
    Failed {
        /// The error's name.
        error_type: String,
        /// The error's words.
        error_message: String,
    },
}

impl SignedClient {
    /// A client of Systems Manager. It follows `AWS_ENDPOINT_URL_SSM` and `AWS_ENDPOINT_URL`, as the SDK does.
    pub fn ssm(config: &Config) -> Self {
        Self::new(Service::Ssm, "ssm", Protocol::Json { target: "AmazonSSM" }, "SSM", config)
    }

    /// A client of CloudWatch Logs. It follows `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS` and `AWS_ENDPOINT_URL`, as the SDK does.
    pub fn logs(config: &Config) -> Self {
        Self::new(
            Service::Logs,
            "logs",
            Protocol::Json { target: "Logs_20140328" },
            "CloudWatch Logs",
            config,
        )
    }

    /// A client of EC2. It follows `AWS_ENDPOINT_URL_EC2` and `AWS_ENDPOINT_URL`, as the SDK does.
    pub fn ec2(config: &Config) -> Self {
        Self::new(Service::Ec2, "ec2", Protocol::Query { version: "2016-11-15" }, "EC2", config)
    }

    /// A client of CloudFormation. It follows `AWS_ENDPOINT_URL_CLOUDFORMATION` and `AWS_ENDPOINT_URL`, as the SDK does.
    pub fn cloudformation(config: &Config) -> Self {
        let protocol = Protocol::Query { version: "2010-05-15" };
        Self::new(Service::CloudFormation, "cloudformation", protocol, "CloudFormation", config)
    }

    /// A client of Lambda. It follows `AWS_ENDPOINT_URL_LAMBDA` and `AWS_ENDPOINT_URL`, as the SDK does.
    pub fn lambda(config: &Config) -> Self {
        Self::new(Service::Lambda, "lambda", Protocol::Rest, "Lambda", config)
    }

    fn new(service: Service, name: &'static str, protocol: Protocol, id: &str, config: &Config) -> Self {
        let region = config.sdk.region().map(ToString::to_string).unwrap_or_default();
        let key = ServiceConfigKey::builder()
            .service_id(id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        let own = config.sdk.service_config().zip(key.ok()).and_then(|(it, key)| it.load_config(key));
        let endpoint = own.or_else(|| config.sdk.endpoint_url().map(str::to_owned));
        Self {
            service,
            name,
            protocol,
            endpoint: endpoint.unwrap_or_else(|| format!("https://{name}.{region}.{}", dns_suffix(&region))),
            region,
            credentials: config.sdk.credentials_provider(),
            connector: config.connector.clone(),
            sleep: config.sdk.sleep_impl().unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new())),
        }
    }

    /// Makes a call of a service that speaks JSON, and answers its answer.
    pub async fn call(&self, operation: &'static str, request: &Value) -> Result<Value, CallFailed> {
        self.attempts(operation, "", &request.to_string(), |it| json(&it.body), refusal_of_json).await
    }

    /// Makes a call of a service that takes a form, and answers the text of its XML.
    pub async fn query(
        &self,
        operation: &'static str,
        parameters: &[(String, String)],
    ) -> Result<String, CallFailed> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        if let Protocol::Query { version } = self.protocol {
            form.append_pair("Action", operation).append_pair("Version", version);
        }
        let body = form.extend_pairs(parameters).finish();
        let read = |it: &Answer| String::from_utf8(it.body.clone()).ok();
        self.attempts(operation, "", &body, read, |_, xml: &String| {
            let text = |element| texts(xml, element).into_iter().next();
            (text("Code").unwrap_or_else(|| "Unknown".to_owned()), text("Message").unwrap_or_default())
        })
        .await
    }

    /// Invokes a function, and waits for what it answers: it must answer in less than the 6 s that a client waits.
    ///
    /// Source: Lambda API `Invoke`.
    pub async fn invoke(&self, function_name: &str, payload: &Value) -> Result<Invoked, CallFailed> {
        let path = format!("/2015-03-31/functions/{function_name}/invocations");
        let read = |it: &Answer| {
            let body = json(&it.body)?;
            let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
            Some(match it.function_failed {
                true => {
                    Invoked::Failed { error_type: text("errorType"), error_message: text("errorMessage") }
                }
                false => Invoked::Answered(body),
            })
        };
        self.attempts("Invoke", &path, &payload.to_string(), read, |it, invoked| match invoked {
            Invoked::Answered(body) => refusal_of_json(it, body),
            Invoked::Failed { .. } => ("Unknown".to_owned(), String::new()),
        })
        .await
    }

    /// Makes a call up to three times, with random pauses, so that callers that were refused together do not come back
    /// together. `refusal` tells code and message of an answer that is an error.
    async fn attempts<T>(
        &self,
        operation: &'static str,
        path: &str,
        body: &str,
        read: impl Fn(&Answer) -> Option<T>,
        refusal: impl Fn(&Answer, &T) -> (String, String),
    ) -> Result<T, CallFailed> {
        let attempts = async {
            let mut longest = FIRST_PAUSE;
            for _ in 1..ATTEMPTS {
                match self.attempt(operation, path, body, &read, &refusal).await {
                    Err(failed) if failed.name.retryable() => {
                        self.sleep.sleep(longest.mul_f32(fastrand::f32())).await;
                        longest *= 2;
                    }
                    answer => return answer,
                }
            }
            self.attempt(operation, path, body, &read, &refusal).await
        };
        let answer = Timeout::new(attempts, self.sleep.sleep(CALL_TIMEOUT)).await;
        answer.unwrap_or_else(|_| {
            Err(CallFailed::new(self.service, operation, "NoAnswer", "no answer in time", true))
        })
    }

    async fn attempt<T>(
        &self,
        operation: &'static str,
        path: &str,
        body: &str,
        read: impl Fn(&Answer) -> Option<T>,
        refusal: impl Fn(&Answer, &T) -> (String, String),
    ) -> Result<T, CallFailed> {
        let failed = |code: &str, message: &str, transient| {
            Err(CallFailed::new(self.service, operation, code, message, transient))
        };
        let signed = match self.sign(operation, path, body.to_owned()).await {
            Ok(signed) => signed,
            Err(error) => {
                return failed("NotSent", &format!("the request could not be signed: {error}"), false);
            }
        };
        let Ok(response) = self.connector.call(signed).await else {
            return failed("NoAnswer", "the connection could not be made or broke", true);
        };
        let Some(answer) = Answer::of(response).await else {
            return failed("NoAnswer", "the answer could not be read", true);
        };
        match read(&answer) {
            Some(it) if answer.status < 300 => Ok(it),
            Some(it) => {
                let (code, message) = refusal(&answer, &it);
                failed(&code, &message, is_transient(answer.status >= 500, &code))
            }
            None => failed("NoAnswer", "the answer could not be read", true),
        }
    }

    async fn sign(&self, operation: &str, path: &str, body: String) -> Result<HttpRequest, Failure> {
        let credentials = self.credentials.as_ref().ok_or("there are no credentials")?;
        let identity = credentials.provide_credentials().await?.into();
        let params = SigningParams::builder().identity(&identity).region(&self.region).name(self.name);
        let params = params.time(SystemTime::now()).settings(SigningSettings::default()).build()?.into();
        let headers = match self.protocol {
            Protocol::Json { target } => vec![
                ("content-type", "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target", format!("{target}.{operation}")),
            ],
            Protocol::Query { .. } => vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
            Protocol::Rest => vec![("content-type", "application/json".to_owned())],
        };
        let body_to_sign = SignableBody::Bytes(body.as_bytes());
        let to_sign = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let uri = format!("{}{path}", self.endpoint.trim_end_matches('/'));
        let signable = SignableRequest::new("POST", &uri, to_sign, body_to_sign)?;
        let (signature, _) = sign(signable, &params)?.into_parts();

        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST")?;
        request.set_uri(uri.as_str())?;
        for (name, value) in headers {
            request.headers_mut().try_insert(name, value)?;
        }
        for header in signature.into_parts().0 {
            request.headers_mut().try_insert(header.name(), header.value().to_owned())?;
        }
        Ok(request)
    }
}

impl Answer {
    async fn of(response: HttpResponse) -> Option<Self> {
        let header = |name: &str| response.headers().get(name).map(str::to_owned);
        let (code, failed) = (header("x-amzn-errortype"), header("x-amz-function-error"));
        let status = response.status().as_u16();
        let body = ByteStream::new(response.into_body()).collect().await.ok()?.to_vec();
        // `ResourceNotFoundException:http://internal.amazon.com/…`
        let code = code.and_then(|it| Some(it.split(':').next()?.to_owned()));
        Some(Self { status, code, function_failed: failed.is_some(), body })
    }
}

/// `DeleteLogGroup` answers nothing.
fn json(body: &[u8]) -> Option<Value> {
    if body.is_empty() { Some(Value::Null) } else { serde_json::from_slice(body).ok() }
}

/// Code and message of an error. The code is `com.amazonaws.ssm#ParameterNotFound` or the bare name, or stands in a header.
fn refusal_of_json(answer: &Answer, body: &Value) -> (String, String) {
    let kind = body["__type"].as_str().or(answer.code.as_deref()).unwrap_or("Unknown");
    let message = body["message"].as_str().or(body["Message"].as_str()).unwrap_or("no message");
    (kind.rsplit('#').next().unwrap_or(kind).to_owned(), message.to_owned())
}
