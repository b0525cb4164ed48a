//! The target account's network, as README's commands expect it: subnets, a security group for `Verify`, and one for
//! copies that lets it in.

use crate::{Account, eventually};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// The port of PostgreSQL.
pub const POSTGRES: &str = "5432";
/// The port of MariaDB.
const MARIADB: &str = "3306";

/// What the target stack and the settings name.
#[derive(Debug, Clone)]
pub struct Network {
    /// The VPC.
    pub vpc_id: String,
    /// The subnets of `Verify` and of copies.
    pub subnet_ids: Vec<String>,
    /// The security group of `Verify`.
    pub verify_group: String,
    /// The security group of copies.
    pub copies_group: String,
}

impl Network {
    /// Makes the network of an account.
    pub async fn create(account: &Account) -> Result<Self> {
        // The local AWS gives everything an address of this machine alone. They must lie in the VPC's subnets, as on AWS.
        let vpc = account.ec2("CreateVpc", &[("CidrBlock", "127.0.0.0/8")], "vpcId").await?;
        let mut subnet_ids = Vec::new();
        for cidr in ["127.0.0.0/9", "127.128.0.0/9"] {
            let subnet = [("VpcId", vpc.as_str()), ("CidrBlock", cidr)];
            subnet_ids.push(account.ec2("CreateSubnet", &subnet, "subnetId").await?);
        }
        let verify_group = account.security_group(&vpc, "verify").await?;
        let copies_group = account.security_group(&vpc, "copies").await?;
        for port in [POSTGRES, MARIADB] {
            account.let_in(&copies_group, &verify_group, port).await?;
        }
        Ok(Self { vpc_id: vpc, subnet_ids, verify_group, copies_group })
    }
}

impl Account {
    /// Makes a security group that lets nobody in.
    pub async fn security_group(&self, vpc: &str, name: &str) -> Result<String> {
        let group = [("VpcId", vpc), ("GroupName", name), ("GroupDescription", name)];
        self.ec2("CreateSecurityGroup", &group, "groupId").await
    }

    /// Lets the members of a security group connect to this port of the members of another one.
    pub async fn let_in(&self, into: &str, from: &str, port: &str) -> Result<()> {
        self.let_peer_in(into, ("IpPermissions.1.Groups.1.GroupId", from), port).await
    }

    /// Lets a range of addresses connect to this port of the members of a security group.
    pub(crate) async fn let_range_in(&self, into: &str, cidr: &str, port: &str) -> Result<()> {
        self.let_peer_in(into, ("IpPermissions.1.IpRanges.1.CidrIp", cidr), port).await
    }

    async fn let_peer_in(&self, into: &str, peer: (&str, &str), port: &str) -> Result<()> {
        let rule = [
            ("GroupId", into),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", port),
            ("IpPermissions.1.ToPort", port),
            peer,
        ];
        self.ec2("AuthorizeSecurityGroupIngress", &rule, "return").await.map(drop)
    }

    /// Puts the step's function into subnets with security groups, or out of its VPC. CloudFormation does so on AWS; the
    /// local AWS drops a template's VpcConfig.
    pub async fn place_function(&self, step: &str, subnet_ids: &[String], groups: &[&str]) -> Result<()> {
        let functions = self.functions().await?;
        let function = functions.iter().find(|it| it.step().is_ok_and(|name| name == step));
        let arn = &function.with_context(|| format!("there is no function {step}"))?.function_arn;
        self.place(arn, subnet_ids, groups).await
    }

    /// The same with the function of this ARN.
    pub(crate) async fn place(&self, arn: &str, subnet_ids: &[String], groups: &[&str]) -> Result<()> {
        let url = format!("{}/2015-03-31/functions/{arn}/configuration", self.endpoint);
        let config = json!({"VpcConfig": {"SubnetIds": subnet_ids, "SecurityGroupIds": groups}});
        let put = reqwest::Client::new().put(&url).header("authorization", self.authorization("lambda"));
        put.body(config.to_string()).send().await?.error_for_status()?;
        eventually(&format!("{arn} in its network"), || async {
            let get = reqwest::Client::new().get(&url).header("authorization", self.authorization("lambda"));
            let answer: Value = get.send().await?.error_for_status()?.json().await?;
            Ok((answer["LastUpdateStatus"] == "Successful").then_some(()))
        })
        .await
    }

    /// Makes a private zone of Route 53 for a VPC; answers its id.
    pub async fn private_zone(&self, vpc_id: &str, domain: &str) -> Result<String> {
        let vpc = format!("<VPC><VPCRegion>{}</VPCRegion><VPCId>{vpc_id}</VPCId></VPC>", self.region);
        let zone = format!("<Name>{domain}</Name><CallerReference>{domain}</CallerReference>{vpc}");
        let request = format!("<CreateHostedZoneRequest>{zone}</CreateHostedZoneRequest>");
        let answer = self.route53("hostedzone", request).await?;
        let id = answer.split_once("<Id>/hostedzone/").and_then(|(_, rest)| rest.split_once('<'));
        Ok(id.with_context(|| format!("a zone has an id: {answer}"))?.0.to_owned())
    }

    /// Changes an address in a zone: `action` is `UPSERT` or `DELETE`.
    pub async fn change_record(&self, zone: &str, action: &str, name: &str, address: &str) -> Result<()> {
        let value = format!(
            "<ResourceRecords><ResourceRecord><Value>{address}</Value></ResourceRecord></ResourceRecords>"
        );
        let record = format!(
            "<ResourceRecordSet><Name>{name}</Name><Type>A</Type><TTL>5</TTL>{value}</ResourceRecordSet>"
        );
        let change = format!("<Change><Action>{action}</Action>{record}</Change>");
        let batch = format!("<ChangeBatch><Changes>{change}</Changes></ChangeBatch>");
        let request = format!("<ChangeResourceRecordSetsRequest>{batch}</ChangeResourceRecordSetsRequest>");
        self.route53(&format!("hostedzone/{zone}/rrset/"), request).await.map(drop)
    }

    async fn route53(&self, path: &str, body: String) -> Result<String> {
        let request = reqwest::Client::new().post(format!("{}/2013-04-01/{path}", self.endpoint));
        let response =
            request.header("authorization", self.authorization("route53")).body(body).send().await?;
        let (status, answer) = (response.status(), response.text().await?);
        ensure!(status.is_success(), "Route 53 refuses {path}: {answer}");
        Ok(answer)
    }

    async fn ec2(&self, action: &str, parameters: &[(&str, &str)], element: &str) -> Result<String> {
        let xml = self.query("ec2", "2016-11-15", action, parameters).await?;
        element_of(&xml, element).with_context(|| format!("{action} answers without {element}: {xml}"))
    }

    /// One call of Elastic Load Balancing; its answer.
    pub async fn load_balancing(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String> {
        self.query("elasticloadbalancing", "2015-12-01", action, parameters).await
    }

    /// One call of a service of the query protocol; its answer.
    pub(crate) async fn query(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String> {
        let both = [("Action", action), ("Version", version)];
        let form = reqwest::Url::parse_with_params(&self.endpoint, both.iter().chain(parameters))?;
        let request = reqwest::Client::new().post(&self.endpoint);
        let request = request.header("authorization", self.authorization(service));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body(form.query().unwrap_or_default().to_owned()).send().await?;
        let (status, xml) = (response.status(), response.text().await?);
        ensure!(status.is_success(), "{action} is refused: {xml}");
        Ok(xml)
    }
}

/// The text of the first element of this name.
pub(crate) fn element_of(xml: &str, name: &str) -> Option<String> {
    let (text, _) = xml.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once('<'))?;
    Some(text.to_owned())
}
