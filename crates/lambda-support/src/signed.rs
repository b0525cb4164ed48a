//! Signed calls of a service from which a function needs only one or two: its SDK would cost more than it gives.

use crate::call::{CallFailed, Service, is_transient};
use crate::client::Config;
use crate::partition::dns_suffix;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_types::service_config::ServiceConfigKey;
use serde_json::Value;
use std::error::Error;
use std::time::SystemTime;

/// How often a call is made that is throttled, meets an error of the server or gets no answer. The SDK's standard, too.
const ATTEMPTS: u32 = 3;
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

type Failure = Box<dyn Error + Send + Sync>;

/// A client of one service that speaks JSON (`application/x-amz-json-1.1`).
#[derive(Debug, Clone)]
pub struct SignedClient {
    service: Service,
    /// The service in endpoints and signatures, such as `ssm`.
    name: &'static str,
    /// The service in `X-Amz-Target`, such as `AmazonSSM`.
    target: &'static str,
    endpoint: String,
    region: String,
    credentials: Option<SharedCredentialsProvider>,
    connector: SharedHttpConnector,
}

impl SignedClient {
    /// A client of Systems Manager. It follows `AWS_ENDPOINT_URL_SSM` and `AWS_ENDPOINT_URL`, as the SDK does.
    pub fn ssm(config: &Config) -> Self {
        Self::new(Service::Ssm, "ssm", "AmazonSSM", "SSM", config)
    }

    /// A client of CloudWatch Logs. It follows `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS` and `AWS_ENDPOINT_URL`, as the SDK does.
    pub fn logs(config: &Config) -> Self {
        Self::new(Service::Logs, "logs", "Logs_20140328", "CloudWatch Logs", config)
    }

    fn new(service: Service, name: &'static str, target: &'static str, id: &str, config: &Config) -> Self {
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
            target,
            endpoint: endpoint.unwrap_or_else(|| format!("https://{name}.{region}.{}", dns_suffix(&region))),
            region,
            credentials: config.sdk.credentials_provider(),
            connector: config.connector.clone(),
        }
    }

    /// Makes a call and answers the service's answer.
    pub async fn call(&self, operation: &'static str, request: &Value) -> Result<Value, CallFailed> {
        let mut attempt = 1;
        loop {
            match self.call_once(operation, request).await {
                Err(failed) if failed.name.retryable() && attempt < ATTEMPTS => attempt += 1,
                answer => return answer,
            }
        }
    }

    async fn call_once(&self, operation: &'static str, request: &Value) -> Result<Value, CallFailed> {
        let failed = |code: &str, message: &str, transient| {
            Err(CallFailed::new(self.service, operation, code, message, transient))
        };
        let signed = match self.sign(operation, request.to_string()).await {
            Ok(signed) => signed,
            Err(error) => {
                return failed("NotSent", &format!("the request could not be signed: {error}"), false);
            }
        };
        let Ok(response) = self.connector.call(signed).await else {
            return failed("NoAnswer", "the connection could not be made or broke", true);
        };
        let status = response.status().as_u16();
        let body = ByteStream::new(response.into_body()).collect().await.map(|it| it.into_bytes());
        let answer: Option<Value> = body.ok().and_then(|body| match body.is_empty() {
            // `DeleteLogGroup` answers nothing.
            true => Some(Value::Null),
            false => serde_json::from_slice(&body).ok(),
        });
        match answer {
            Some(answer) if status < 300 => Ok(answer),
            // `com.amazonaws.ssm#ParameterNotFound` or the bare name.
            Some(answer) => {
                let kind = answer["__type"].as_str().unwrap_or("Unknown");
                let code = kind.rsplit('#').next().unwrap_or(kind);
                let message =
                    answer["message"].as_str().or(answer["Message"].as_str()).unwrap_or("no message");
                failed(code, message, is_transient(status >= 500, code))
            }
            None => failed("NoAnswer", "the answer could not be read", true),
        }
    }

    async fn sign(&self, operation: &str, body: String) -> Result<HttpRequest, Failure> {
        let credentials = self.credentials.as_ref().ok_or("there are no credentials")?;
        let identity = credentials.provide_credentials().await?.into();
        let params = SigningParams::builder().identity(&identity).region(&self.region).name(self.name);
        let params = params.time(SystemTime::now()).settings(SigningSettings::default()).build()?.into();
        let target = format!("{}.{operation}", self.target);
        let headers = [("content-type", CONTENT_TYPE), ("x-amz-target", target.as_str())];
        let body_to_sign = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new("POST", &self.endpoint, headers.into_iter(), body_to_sign)?;
        let (signature, _) = sign(signable, &params)?.into_parts();

        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST")?;
        request.set_uri(self.endpoint.as_str())?;
        for (name, value) in headers {
            request.headers_mut().try_insert(name, value.to_owned())?;
        }
        for header in signature.into_parts().0 {
            request.headers_mut().try_insert(header.name(), header.value().to_owned())?;
        }
        Ok(request)
    }
}
