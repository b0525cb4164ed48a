//! The templates, and what must not stand in any file that is deployed.

use crate::tree::{checkout, files, product};

#[test]
fn no_partition_region_or_account_is_written_into_what_is_deployed() {
    let deployed = files("cloudformation").into_iter().chain(files("statemachines"));
    for file in product().into_iter().chain(deployed) {
        let code = file.code().filter(|(_, line)| !line.trim_start().starts_with('#'));
        for (index, line) in code {
            for literal in ["arn:aws", "us-east-1", "us-west-2", "eu-west-1", "amazonaws.com.cn"] {
                assert!(!line.contains(literal), "{}", file.at(index, line));
            }
        }
    }
}

#[test]
fn every_function_has_the_same_runtime_and_a_role_and_a_log_group_of_its_own() {
    for template in ["source-account", "target-account"] {
        let text =
            std::fs::read_to_string(checkout().join(format!("cloudformation/{template}.yaml"))).unwrap();
        let mut functions = 0;
        for resource in text.split("\n\n") {
            if !resource.contains("Type: AWS::Lambda::Function") {
                continue;
            }
            functions += 1;
            let name = resource.lines().find(|line| line.ends_with("Function:")).unwrap();
            let name = name.trim().strip_suffix("Function:").unwrap();
            for expected in [
                "Runtime: provided.al2023".to_owned(),
                format!("Role: !GetAtt {name}Role.Arn"),
                format!("LogGroup: !Ref {name}LogGroup"),
            ] {
                assert!(resource.contains(&expected), "{template} {name} lacks {expected}");
            }
        }
        assert!(functions >= 5, "{template}: {functions}");
    }
}

#[test]
fn every_resource_star_of_a_role_has_a_comment() {
    for template in ["source-account", "target-account"] {
        let text =
            std::fs::read_to_string(checkout().join(format!("cloudformation/{template}.yaml"))).unwrap();
        for role in text.split("\n\n").filter(|resource| resource.contains("Type: AWS::IAM::")) {
            let lines: Vec<&str> = role.lines().collect();
            for (number, _) in lines.iter().enumerate().filter(|(_, line)| line.trim() == "Resource: '*'") {
                let statement = lines[..number].iter().rposition(|line| line.contains("Sid:")).unwrap();
                assert!(
                    lines[statement - 1].trim_start().starts_with('#'),
                    "{template}: {}",
                    lines[statement]
                );
            }
        }
    }
}
