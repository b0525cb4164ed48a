//! What EC2 of the local AWS has.

use super::{Account, text};

impl Account<'_> {
    /// A call of EC2: the text of the first element of this name in its answer.
    async fn ec2(&self, action: &str, parameters: &[(&str, &str)], element: &str) -> String {
        text(&self.query("ec2", action, parameters).await.unwrap(), element).unwrap()
    }

    /// A VPC of its own with two subnets.
    pub async fn subnets(&self) -> [String; 2] {
        let vpc = self.ec2("CreateVpc", &[("CidrBlock", "10.2.0.0/16")], "vpcId").await;
        let subnet =
            async |cidr| self.ec2("CreateSubnet", &[("VpcId", &*vpc), ("CidrBlock", cidr)], "subnetId").await;
        [subnet("10.2.0.0/24").await, subnet("10.2.1.0/24").await]
    }

    /// A security group of this name.
    pub async fn security_group(&self, name: &str) -> String {
        let vpc = self.ec2("CreateVpc", &[("CidrBlock", "10.3.0.0/16")], "vpcId").await;
        let group = [("VpcId", &*vpc), ("GroupName", name), ("GroupDescription", name)];
        self.ec2("CreateSecurityGroup", &group, "groupId").await
    }
}
