//! The form of names and ARNs: a name of another form cannot exist.

/// The rule of [`is_short_name`].
pub const SHORT_NAME: &str = "1 to 32 lower-case letters, digits and single hyphens, beginning with a letter, not ending with a hyphen";

/// Whether it can be the name of a replication, or of another thing that operators name.
pub fn is_short_name(name: &str) -> bool {
    name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(is_lower_or_hyphen)
        && !name.contains("--")
        && !name.ends_with('-')
}

/// Whether it is a DB instance's identifier.
pub fn is_instance(name: &str) -> bool {
    name.len() <= 63 && is_hyphenated(name)
}

/// Whether it is a DB subnet group's name.
pub fn is_subnet_group(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"._- ".contains(&it))
}

/// Whether it is a parameter group's or an option group's name. RDS's own are `default.postgres16` and
/// `default:postgres-16`.
pub fn is_group(name: &str) -> bool {
    let own = name.strip_prefix("default.").or(name.strip_prefix("default:"));
    name.len() <= 255
        && match own {
            Some(rest) => {
                !rest.is_empty() && rest.bytes().all(|it| it.is_ascii_alphanumeric() || b".-".contains(&it))
            }
            None => is_hyphenated(name),
        }
}

/// Whether it is a security group's id.
pub fn is_security_group(id: &str) -> bool {
    id.strip_prefix("sg-").is_some_and(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_hexdigit()))
}

/// Whether it is a DB instance class.
pub fn is_class(class: &str) -> bool {
    let parts: Vec<&str> = class.split('.').collect();
    parts.len() >= 3
        && parts[0] == "db"
        && parts.iter().all(|it| !it.is_empty() && it.bytes().all(is_lower_or_hyphen))
}

/// Whether it is a certificate authority's identifier.
pub fn is_authority(name: &str) -> bool {
    name.starts_with(|it: char| it.is_ascii_alphabetic())
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
}

/// Whether it is a Region's name.
pub fn is_region(name: &str) -> bool {
    name.contains('-') && name.bytes().all(is_lower_or_hyphen)
}

/// Whether it is the ARN, the id or the alias of a key.
pub fn is_key(key: &str) -> bool {
    let named =
        |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || b"/_-".contains(&it));
    match arn(key) {
        Some(("kms", resource)) => {
            resource.strip_prefix("key/").or(resource.strip_prefix("alias/")).is_some_and(named)
        }
        Some(_) => false,
        None => named(key.strip_prefix("alias/").unwrap_or(key)),
    }
}

/// Whether it is the ARN of a role.
pub fn is_role(role: &str) -> bool {
    matches!(arn(role), Some(("iam", resource)) if resource.strip_prefix("role/").is_some_and(|it| !it.is_empty()))
}

/// Whether it is the ARN of a target group.
pub fn is_target_group(group: &str) -> bool {
    let Some(("elasticloadbalancing", resource)) = arn(group) else { return false };
    let parts: Vec<&str> = resource.split('/').collect();
    let word = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    matches!(parts[..], ["targetgroup", name, id] if word(name) && word(id))
}

/// Whether it is the full ARN of a secret: its name, and the six characters that Secrets Manager adds.
pub fn is_secret(secret: &str) -> bool {
    let Some(("secretsmanager", resource)) = arn(secret) else { return false };
    let named = resource.strip_prefix("secret:").and_then(|it| it.rsplit_once('-'));
    named.is_some_and(|(name, random)| !name.is_empty() && random.len() == 6)
}

/// Whether it is a name of DNS, not an address.
pub fn is_dns_name(name: &str) -> bool {
    let label = |it: &str| {
        let inner = it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
        (1..=63).contains(&it.len()) && inner && !it.starts_with('-') && !it.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(label) && last.bytes().any(|it| it.is_ascii_alphabetic())
}

/// Whether it is the name of a role. Source: IAM API, CreateRole, `RoleName`.
pub fn is_role_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"_+=,.@-".contains(&it))
}

/// Whether it is the id of a directory. Source: Directory Service API, `DirectoryId`.
pub fn is_directory(id: &str) -> bool {
    let digits = id.strip_prefix("d-");
    digits.is_some_and(|it| it.len() == 10 && it.bytes().all(|it| it.is_ascii_hexdigit()))
}

/// Service and resource of an ARN.
fn arn(text: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", _, service, _, account, resource] = parts[..] else { return None };
    let account = account.len() == 12 && account.bytes().all(|it| it.is_ascii_digit());
    account.then_some((service, resource))
}

/// Letters, digits and single hyphens between them, a letter first.
fn is_hyphenated(name: &str) -> bool {
    name.starts_with(|it: char| it.is_ascii_alphabetic())
        && name.split('-').all(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric()))
}

fn is_lower_or_hyphen(it: u8) -> bool {
    it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_can_exist_pass() {
        let check = |rule: fn(&str) -> bool, good: &[&str], bad: &[&str]| {
            for name in good {
                assert!(rule(name), "{name}");
            }
            for name in bad {
                assert!(!rule(name), "{name}");
            }
        };
        let long = "x".repeat(256);
        let role_of_path = "arn:aws:iam::222222222222:role/rds-directory";
        check(
            is_instance,
            &["orders-prod", "Orders1"],
            &["", "1orders", "orders--prod", "orders-", "a_b", &long[..64]],
        );
        check(is_subnet_group, &["private", "My subnets_1.a-b"], &["", "a/b", &long]);
        let groups = ["ours", "default.postgres16", "default.oracle-ee-19", "default:sqlserver-se-15-00"];
        check(is_group, &groups, &["", "default.", "a.b", "a--b", "a-", "-a", "a_b", &long]);
        check(
            is_security_group,
            &["sg-0123456789abcdef0", "sg-1"],
            &["", "sg-", "default", "sg-xyz", "subnet-1"],
        );
        check(
            is_class,
            &["db.t4g.micro", "db.r5.4xlarge.tpc2.mem3x"],
            &["", "t4g.micro", "db.t4g", "db..large", "db.T4g.micro"],
        );
        check(is_authority, &["rds-ca-rsa2048-g1"], &["", "rds ca", "1"]);
        check(is_region, &["eu-central-1"], &["", "Frankfurt", "eu_central_1"]);
        check(is_directory, &["d-926724cf57"], &["", "d-", "d-92672", "corp.example.com"]);
        check(is_role_name, &["rds-directory"], &["", "path/rds-directory", role_of_path, &long[..65]]);
        let key = "1234abcd-12ab-34cd-56ef-1234567890ab";
        let (arn, alias) = (
            format!("arn:aws:kms:eu-central-1:222222222222:key/{key}"),
            "arn:aws-cn:kms:x:222222222222:alias/a/b",
        );
        check(
            is_key,
            &[key, "alias/aws/rds", &arn, alias],
            &["", "a key", "alias/", "arn:aws:iam::222222222222:role/x", "arn:aws:kms:x:1:key/x"],
        );
        let group =
            "arn:aws:elasticloadbalancing:eu-central-1:222222222222:targetgroup/orders-a/0123456789abcdef";
        let balancer = "arn:aws:elasticloadbalancing:x:222222222222:loadbalancer/net/a/1";
        let short = &group[..group.len() - 17];
        check(
            is_target_group,
            &[group],
            &["", "orders-a", balancer, short, &format!("{group}/x"), &format!("{short}/")],
        );
        let secret = "arn:aws:secretsmanager:eu-central-1:222222222222:secret:snapferry/orders/lane-a-AbCdEf";
        check(
            is_secret,
            &[secret],
            &[
                "",
                "snapferry/orders/lane-a",
                group,
                &secret[..secret.len() - 7],
                "arn:aws:secretsmanager:x:1:secret:a-AbCdEf",
            ],
        );
        check(
            is_dns_name,
            &["db.shop.example", "db", "x-1.example", "1.example"],
            &["", "10.0.0.1", "-x.example", "x-.example", "a..b", "a_b", &long[..64], "a b"],
        );
        let role = "arn:aws:iam::222222222222:role/path/rds-monitoring";
        check(
            is_role,
            &[role],
            &["", "rds-monitoring", "arn:aws:iam::222222222222:user/x", "arn:aws:iam::222222222222:role/"],
        );
    }
}
