//! The templates, and what must not stand in any file that is deployed.

use std::path::{Path, PathBuf};

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file below a folder of the checkout, with its text.
fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let (mut files, mut folders) = (Vec::new(), vec![checkout().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                files.push((path, text));
            }
        }
    }
    files
}

#[test]
fn no_partition_region_or_account_is_written_into_what_is_deployed() {
    let product = [
        "snapshot",
        "copy-and-reencrypt",
        "share",
        "receive",
        "restore",
        "rotate-secret",
        "choose-copy",
        "prune",
        "report",
    ];
    let sources = product
        .iter()
        .chain(&["replication", "lambda-support"])
        .flat_map(|name| files(&format!("crates/{name}/src")));
    for (path, text) in sources.chain(files("cloudformation")).chain(files("statemachines")) {
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (number, line) in code.lines().enumerate().filter(|(_, line)| !is_comment(line)) {
            for literal in ["arn:aws", "us-east-1", "us-west-2", "eu-west-1", "amazonaws.com.cn"] {
                assert!(!line.contains(literal), "{}:{}: {line}", path.display(), number + 1);
            }
        }
    }
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("//") || line.starts_with('#')
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
