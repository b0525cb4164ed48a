//! The calls of KMS that copy a snapshot in the target account, and what is known of each.

use super::role;

/// One call, by the copy role of the target account or by RDS in its name.
pub struct Call<'a> {
    /// `kms:Decrypt`.
    pub action: &'static str,
    /// The key.
    pub key_arn: &'a str,
    /// The target account.
    pub account: &'a str,
    /// The copy role's ARN. The Region in it is not known, so it ends in `*`.
    pub role: String,
    /// Whether RDS calls in the role's name.
    pub through_rds: bool,
}

/// The value of a condition key in a call.
pub enum Known {
    /// The call does not have the key.
    Absent,
    /// It is this text; with a `*` in it, one of many.
    Text(String),
    /// It cannot be known here.
    Unknown,
}

impl<'a> Call<'a> {
    /// What copying takes at the least. CopyAndReencrypt looks at the key itself before it asks RDS.
    ///
    /// Source: RDS User Guide, "Sharing encrypted snapshots"; a policy without kms:CreateGrant is what RDS reports as
    /// "the source snapshot KMS key is not accessible" (github.com/awslabs/aurora-snapshot-tool#29).
    pub fn all(key_arn: &'a str, account: &'a str) -> impl Iterator<Item = Self> {
        let partition = key_arn.split(':').nth(1).unwrap_or("*");
        let calls = [
            ("kms:DescribeKey", true),
            ("kms:CreateGrant", true),
            ("kms:Decrypt", true),
            ("kms:DescribeKey", false),
        ];
        calls.into_iter().map(move |(action, through_rds)| Self {
            action,
            key_arn,
            account,
            role: role(partition, account),
            through_rds,
        })
    }

    /// The value of a condition key, whose name has no case.
    pub fn value(&self, key: &str) -> Known {
        let text = |it: &str| Known::Text(it.to_owned());
        match key.to_ascii_lowercase().as_str() {
            "kms:calleraccount" | "aws:principalaccount" => text(self.account),
            "aws:principalarn" => text(&self.role),
            // RDS of the key's Region or of the target's, with the suffix of the partition.
            "kms:viaservice" if self.through_rds => text("rds.*.amazonaws.com*"),
            "kms:viaservice" => Known::Absent,
            "kms:grantisforawsresource" if self.action == "kms:CreateGrant" => text("true"),
            "kms:grantisforawsresource" => Known::Absent,
            "aws:resourceaccount" => self.key_arn.split(':').nth(4).map_or(Known::Unknown, text),
            "aws:securetransport" => text("true"),
            "aws:principalisawsservice" => text("false"),
            _ => Known::Unknown,
        }
    }
}
