//! Lanes of a load balancer and of proxies: the world in which copies go live by them, and the VPC of applications that come by them.

use crate::{Account, Follower, LocalAws, Outputs, REGION, REPLICATION, Tools, World, reach, stacks};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;

/// The way by which applications reach the live copy: a load balancer with two lanes, or two proxies.
#[derive(Debug, Clone)]
pub struct Lanes {
    outputs: Outputs,
    /// Each lane as the settings name it.
    lanes: Vec<Value>,
}

impl Lanes {
    /// Starts a world whose target account has lanes. There is no source database yet, and the settings name the lanes.
    pub async fn start_world(tools: &Tools, parent: &Path, time_scale: f64) -> Result<(World, Self)> {
        let local_aws = LocalAws::start(tools, parent, time_scale).await?;
        let (mut world, outputs) = World::deploy(tools, local_aws, &[], REGION, true).await?;
        let outputs = outputs.context("there are lanes")?;
        let lanes = serde_json::from_str(outputs.get("Lanes")?)?;
        let lanes = Self { outputs, lanes };
        world.target.lanes = Some(lanes.clone());
        world.put_settings(&lanes.settings(&world)?).await?;
        Ok((world, lanes))
    }

    /// The target's settings of the replication, with lanes.
    pub fn settings(&self, world: &World) -> Result<Value> {
        let mut settings = world.settings();
        settings["reach"] = json!({"networkLoadBalancer": {
            "lanes": self.lanes, "loadBalancerSecurityGroupId": self.security_group()?,
        }});
        settings["placement"]["vpcSecurityGroupIds"] = json!([
            world.network.copies_group,
            self.outputs.get("DatabaseSecurityGroupId")?,
            self.outputs.get("DbProxyDatabaseSecurityGroupId")?,
        ]);
        Ok(settings)
    }

    /// The same with RDS Proxies as lanes.
    pub fn settings_by_proxies(&self, world: &World) -> Result<Value> {
        let mut settings = self.settings(world)?;
        let lanes: Value = serde_json::from_str(self.outputs.get("DbProxyLanes")?)?;
        settings["reach"] = json!({"dbProxy": {"lanes": lanes}});
        Ok(settings)
    }

    /// The load balancer's own name.
    pub fn load_balancer(&self) -> Result<&str> {
        self.outputs.get("LoadBalancerDnsName")
    }

    /// The target group of the lane at this port.
    pub fn target_group_at(&self, port: u16) -> Result<&str> {
        let lane = self.lanes.iter().find(|it| it["port"] == port);
        let group = lane.and_then(|it| it["targetGroupArn"].as_str());
        group.with_context(|| format!("port {port} is no lane's"))
    }

    /// Deploys what leads the live copy's lane to that copy through failovers.
    pub async fn follow_failovers(&self, world: &World) -> Result<Follower> {
        let follows = [
            ("Replication", REPLICATION),
            ("ReachTargetGroupArns", self.outputs.get("TargetGroupArns")?),
            ("ApplicationSecretArn", world.target_outputs.get("ApplicationSecretArn")?),
        ];
        Follower::deploy(world, "live-copy", &follows).await
    }

    /// Every target group.
    pub fn target_groups(&self) -> impl Iterator<Item = &str> {
        self.lanes.iter().filter_map(|it| it["targetGroupArn"].as_str())
    }

    fn security_group(&self) -> Result<&str> {
        self.outputs.get("LoadBalancerSecurityGroupId")
    }

    fn ports(&self) -> impl Iterator<Item = String> {
        self.lanes.iter().map(|it| it["port"].to_string())
    }
}

impl Account {
    /// Takes an address out of every lane, as a person may.
    pub async fn take_out_of_lanes(&self, address: &str, port: &str) -> Result<()> {
        for group in self.lanes.iter().flat_map(Lanes::target_groups) {
            let target = [
                ("TargetGroupArn", group),
                ("Targets.member.1.Id", address),
                ("Targets.member.1.Port", port),
            ];
            self.load_balancing("DeregisterTargets", &target).await?;
        }
        Ok(())
    }
}

/// A VPC of applications, in which the names of DB instances lead to the load balancer.
#[derive(Debug, Clone)]
pub struct Consumer {
    pub(crate) vpc_id: String,
    pub(crate) subnet_ids: Vec<String>,
}

/// Its addresses.
const CIDR: &str = "10.90.0.0/20";

impl Consumer {
    /// Deploys the example's network in the target account. `host` is the name of any copy. The local AWS has no
    /// PrivateLink, so the private zone leads to the load balancer and not to an endpoint.
    pub async fn deploy(account: &Account, lanes: &Lanes, host: &str) -> Result<Self> {
        let network = stacks::create(account, "example-network", &[("VpcCidr", CIDR)]).await?;
        let vpc_id = network.get("VpcId")?.to_owned();
        let subnet_ids = network.get("SubnetIds")?.split(',').map(str::to_owned).collect();
        for port in lanes.ports() {
            account.let_range_in(lanes.security_group()?, CIDR, &port).await?;
        }
        let (_, fixed) = host.split_once('.').with_context(|| format!("{host} is no name of RDS"))?;
        let zone = account.private_zone(&vpc_id, fixed).await?;
        let address = reach::address_of(&account.endpoint, lanes.load_balancer()?).await?;
        account.change_record(&zone, "UPSERT", &format!("*.{fixed}"), &address.to_string()).await?;
        Ok(Self { vpc_id, subnet_ids })
    }
}
