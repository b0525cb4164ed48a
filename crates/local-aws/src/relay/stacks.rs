//! Stacks with resources of RDS are refused. MiniStack would make them in an RDS of its own, which nothing here sees.

use crate::{ministack::Client, place::Place};

const OPERATIONS: [&str; 3] = ["CreateStack", "UpdateStack", "CreateChangeSet"];

/// Why a call of CloudFormation is refused, if it is.
pub async fn refusal(ministack: &Client, place: &Place, operation: &str, body: &[u8]) -> Option<String> {
    if !OPERATIONS.contains(&operation) {
        return None;
    }
    let given = |wanted: &str| form_urlencoded::parse(body).find(|(name, _)| name == wanted).map(|it| it.1);
    let template = match (given("TemplateBody"), given("TemplateURL")) {
        (Some(template), _) => template.into_owned(),
        (None, Some(url)) => {
            let path = url.split_once("://").map_or(&*url, |(_, rest)| rest).split_once('/')?.1;
            // MiniStack says what is wrong with an address.
            ministack.object(place, path).await.ok()?
        }
        (None, None) => return None,
    };
    let kind = of_rds(&template)?;
    Some(format!(
        "The local AWS makes no {kind} from a template: make it with RDS's API, and give its name to the stack as a \
         parameter."
    ))
}

/// The first type of RDS that a resource of the template has.
fn of_rds(template: &str) -> Option<&str> {
    template.match_indices("AWS::RDS::").find_map(|(at, _)| {
        let before = template[..at].trim_end_matches([' ', '"', '\'', ':', '\n', '\t']);
        let word = template[at..].split(|c: char| !c.is_ascii_alphanumeric() && c != ':').next();
        word.filter(|_| before.ends_with("Type"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_of_rds_are_found_in_yaml_and_json() {
        for (template, kind) in [
            ("Resources:\n  Db:\n    Type: AWS::RDS::DBInstance\n", Some("AWS::RDS::DBInstance")),
            ("Resources:\n  Db:\n    Type: 'AWS::RDS::DBCluster'\n", Some("AWS::RDS::DBCluster")),
            (r#"{"Resources":{"G":{"Type":"AWS::RDS::OptionGroup"}}}"#, Some("AWS::RDS::OptionGroup")),
            ("# Not of AWS::RDS::DBInstance\nResources:\n  T:\n    Type: AWS::SNS::Topic\n", None),
        ] {
            assert_eq!(of_rds(template), kind, "{template}");
        }
    }
}
