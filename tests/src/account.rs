//! One of the two accounts, with a client for each service that an operator would use.

use crate::{Lanes, Tools, eventually};
use anyhow::{Context, Result};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_rds::types::DbInstance;
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use lambda_support::{Config, SignedClient};
use serde_json::json;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use zip::write::{SimpleFileOptions, ZipWriter};

/// An account in a Region, as its root or in the name of a role.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each client is of the service of that name")]
pub struct Account {
    pub id: &'static str,
    pub region: &'static str,
    pub endpoint: String,
    /// The lanes by which applications of this account come, if they do.
    pub lanes: Option<Lanes>,
    pub cloudformation: aws_sdk_cloudformation::Client,
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    pub kms: aws_sdk_kms::Client,
    pub logs: SignedClient,
    pub rds: aws_sdk_rds::Client,
    pub secrets: aws_sdk_secretsmanager::Client,
    pub sns: aws_sdk_sns::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub ssm: aws_sdk_ssm::Client,
    pub states: aws_sdk_sfn::Client,
}

impl Account {
    /// Clients of this account at the local AWS: a 12-digit access key is the account's root there.
    pub fn new(id: &'static str, region: &'static str, endpoint: &str) -> Self {
        Self::with(id, region, endpoint, Credentials::new(id, "local", None, None, "the account's root"))
    }

    /// Clients of this account at the local AWS, with these credentials.
    pub(crate) fn with(
        id: &'static str,
        region: &'static str,
        endpoint: &str,
        credentials: Credentials,
    ) -> Self {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(region))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(Builder::new().build_http())
            .endpoint_url(endpoint)
            .build();
        let connector = SharedHttpConnector::new(Connector::builder().build_http());
        Self {
            id,
            region,
            endpoint: endpoint.to_owned(),
            lanes: None,
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(&config),
            kms: aws_sdk_kms::Client::new(&config),
            logs: SignedClient::logs(&Config { sdk: config.clone(), connector }),
            rds: aws_sdk_rds::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
            states: aws_sdk_sfn::Client::new(&config),
        }
    }

    /// The bucket of the account's artifacts in its Region: CloudFormation takes them from no other one.
    pub fn bucket(&self) -> String {
        format!("snapferry-artifacts-{}-{}", self.id, self.region)
    }

    /// Puts zips, state machines and templates into the account's bucket.
    pub async fn upload_artifacts(&self, tools: &Tools, replaced: &[(&str, PathBuf)]) -> Result<()> {
        self.put("", self.where_a_bucket_is()).await?;
        for folder in [
            tools.lambdas.clone(),
            tools.checkout.join("statemachines"),
            tools.checkout.join("cloudformation"),
        ] {
            for entry in
                std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?
            {
                let path = entry?.path();
                let name = path.file_name().context("a file has a name")?.to_string_lossy().into_owned();
                self.put(&name, tokio::fs::read(&path).await?).await?;
            }
        }
        for (name, binary) in replaced {
            self.put(name, zip(&tokio::fs::read(binary).await?)?).await?;
        }
        Ok(())
    }

    /// What CreateBucket says of the Region: nothing in us-east-1, which is not a value there.
    fn where_a_bucket_is(&self) -> Vec<u8> {
        if self.region == "us-east-1" {
            return Vec::new();
        }
        let place = format!("<LocationConstraint>{}</LocationConstraint>", self.region);
        format!("<CreateBucketConfiguration>{place}</CreateBucketConfiguration>").into_bytes()
    }

    /// One S3 PUT. The local AWS reads the account from the credential and asks for no signature of an account's root.
    async fn put(&self, key: &str, body: Vec<u8>) -> Result<()> {
        let credential = format!("{}/20260101/{}/s3/aws4_request", self.id, self.region);
        let request = reqwest::Client::new()
            .put(format!("{}/{}/{key}", self.endpoint, self.bucket()))
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"),
            )
            .body(body);
        request.send().await?.error_for_status().with_context(|| format!("cannot put {key}"))?;
        Ok(())
    }

    /// The DB instance, whatever its status.
    pub async fn instance(&self, identifier: &str) -> Result<DbInstance> {
        let answer = self.rds.describe_db_instances().db_instance_identifier(identifier).send().await?;
        let it = answer.db_instances.unwrap_or_default().into_iter().next();
        it.with_context(|| format!("{identifier} is not there"))
    }

    /// The DB instance, once it is in this status.
    pub async fn instance_in(&self, identifier: &str, status: &str) -> Result<DbInstance> {
        eventually(&format!("{identifier} to be {status}"), || async {
            let answer = self.rds.describe_db_instances().db_instance_identifier(identifier).send().await?;
            let it = answer.db_instances.unwrap_or_default().into_iter().next();
            Ok(it.filter(|it| it.db_instance_status() == Some(status)))
        })
        .await
    }

    /// The names of the log groups that begin so.
    pub async fn log_groups(&self, prefix: &str) -> Result<Vec<String>> {
        let answer = self.logs.call("DescribeLogGroups", &json!({ "logGroupNamePrefix": prefix })).await?;
        let groups = answer["logGroups"].as_array().context("log groups")?.iter();
        Ok(groups.filter_map(|it| it["logGroupName"].as_str().map(str::to_owned)).collect())
    }

    pub(crate) fn authorization(&self, service: &str) -> String {
        let credential = format!("{}/20260101/{}/{service}/aws4_request", self.id, self.region);
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0")
    }

    /// A queue that gets everything that the topic of this account publishes.
    pub async fn listen(&self, topic_arn: &str, name: &str) -> Result<String> {
        let url = self.queue_for(topic_arn, name).await?;
        let arn = self.arn("sqs", name);
        self.sns.subscribe().topic_arn(topic_arn).protocol("sqs").endpoint(arn).send().await?;
        Ok(url)
    }

    /// A queue that takes messages of this topic; answers its URL.
    pub(crate) async fn queue_for(&self, topic_arn: &str, name: &str) -> Result<String> {
        let url =
            self.sqs.create_queue().queue_name(name).send().await?.queue_url.context("a queue has an URL")?;
        let arn = self.arn("sqs", name);
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}}
        }]});
        let attribute = aws_sdk_sqs::types::QueueAttributeName::Policy;
        self.sqs
            .set_queue_attributes()
            .queue_url(&url)
            .attributes(attribute, policy.to_string())
            .send()
            .await?;
        Ok(url)
    }

    /// Takes the next message out of a queue, waiting for it; `None` after `seconds` without one.
    pub async fn next_message(&self, queue_url: &str, seconds: i32) -> Result<Option<String>> {
        let answer =
            self.sqs.receive_message().queue_url(queue_url).wait_time_seconds(seconds).send().await?;
        let Some(message) = answer.messages.unwrap_or_default().into_iter().next() else { return Ok(None) };
        let receipt = message.receipt_handle.context("a message has a receipt")?;
        self.sqs.delete_message().queue_url(queue_url).receipt_handle(receipt).send().await?;
        Ok(message.body)
    }
}

/// The zip of a function whose binary is this.
fn zip(bootstrap: &[u8]) -> Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options)?;
    zip.write_all(bootstrap)?;
    Ok(zip.finish()?.into_inner())
}
