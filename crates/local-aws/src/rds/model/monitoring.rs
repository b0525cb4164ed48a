//! Enhanced Monitoring: its interval and its role go together.
//!
//! Source: RDS API, CreateDBInstance, `MonitoringInterval`. The texts are seen on AWS:
//! github.com/terraform-aws-modules/terraform-aws-rds#136, github.com/azavea/terraform-aws-postgresql-rds#31.

use super::{
    refusal::Refusal,
    settings::{Changes, Settings},
};

const INTERVALS: [&str; 7] = ["0", "1", "5", "10", "15", "30", "60"];

/// Checks what a request gives to a DB instance with these settings.
pub fn check(given: &Changes, settings: &Settings) -> Result<(), Refusal> {
    let interval = given.get("MonitoringInterval").map(String::as_str);
    if let Some(interval) = interval.filter(|it| !INTERVALS.contains(it)) {
        return Err(Refusal::InvalidParameterValue(format!(
            "Invalid value {interval} for MonitoringInterval. Valid values are: {}.",
            INTERVALS.join(", ")
        )));
    }
    let role = given.get("MonitoringRoleArn").filter(|it| !it.is_empty());
    let watches = interval.or(settings.get("MonitoringInterval")).is_some_and(|it| it != "0");
    let combination = |message: &str| Err(Refusal::InvalidParameterCombination(message.to_owned()));
    if role.is_some() && !watches {
        return combination(
            "You must specify a MonitoringInterval value other than 0 when you specify a MonitoringRoleARN value.",
        );
    }
    if watches && interval.is_some() && role.is_none() && settings.get("MonitoringRoleArn").is_none() {
        return combination(
            "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0.",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rds::model::settings::ListChanges;

    #[test]
    fn an_interval_needs_a_role_and_a_role_an_interval() {
        let changes = |interval: &str, role: &str| {
            let all = [("MonitoringInterval", interval.to_owned()), ("MonitoringRoleArn", role.to_owned())];
            all.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Changes>()
        };
        let (off, on) = (changes("", ""), changes("60", "arn:r"));
        for (has, interval, role, expected) in [
            (&off, "", "", Ok(())),
            (&off, "0", "", Ok(())),
            (&off, "5", "arn:r", Ok(())),
            (&off, "7", "arn:r", Err("InvalidParameterValue")),
            (&off, "60", "", Err("InvalidParameterCombination")),
            (&off, "0", "arn:r", Err("InvalidParameterCombination")),
            (&off, "", "arn:r", Err("InvalidParameterCombination")),
            (&on, "1", "", Ok(())),
            (&on, "", "arn:s", Ok(())),
            (&on, "0", "", Ok(())),
        ] {
            let settings = Settings::new(has.clone(), ListChanges::default());
            let checked = check(&changes(interval, role), &settings).map_err(|it| it.code().0);
            assert_eq!(checked, expected, "{interval} {role}");
        }
    }
}
