//! Code: what must not stand in it, as behaviour depends on that.

use crate::templates::templates;
use crate::tree::{File, file, files, none, product};
use std::collections::BTreeSet;

/// The places in these files' code where one of these words stands.
fn places(files: &[File], words: &[&str], why: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for file in files {
        for (index, line) in file.code() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                broken.push(file.at(index, &format!("`{}`: {why}", word.trim())));
            }
        }
    }
    broken
}

/// The files that decide are those whose mutants `scripts/mutate` makes: what is pure is tested to the last operator.
fn decides(file: &File) -> bool {
    let config: toml::Table = file_of_mutants().parse().unwrap();
    let globs = config["examine_globs"].as_array().unwrap();
    globs.iter().filter_map(toml::Value::as_str).any(|glob| fits(glob, &file.path))
}

fn file_of_mutants() -> String {
    file(".config/mutants.toml").text
}

/// Whether a path fits a pattern: `*` is any part of a name, `**` any folders.
fn fits(glob: &str, path: &str) -> bool {
    match glob.split_once('/') {
        None => !path.contains('/') && name_fits(glob, path),
        Some(("**", rest)) => {
            fits(rest, path) || path.split_once('/').is_some_and(|(_, below)| fits(glob, below))
        }
        Some((name, rest)) => {
            path.split_once('/').is_some_and(|(folder, below)| name_fits(name, folder) && fits(rest, below))
        }
    }
}

fn name_fits(glob: &str, name: &str) -> bool {
    match glob.split_once('*') {
        None => glob == name,
        Some((begin, rest)) => name.strip_prefix(begin).is_some_and(|name| {
            (0..=name.len()).any(|at| name.get(at..).is_some_and(|it| name_fits(rest, it)))
        }),
    }
}

#[test]
fn a_pattern_fits_names_and_folders() {
    let glob = "crates/*/src/**/plan.rs";
    assert!(fits(glob, "crates/share/src/plan.rs") && fits(glob, "crates/share/src/promote/plan.rs"));
    assert!(!fits(glob, "crates/share/src/explan.rs") && !fits(glob, "crates/share/tests/plan.rs"));
    assert!(fits("crates/step/**/*.rs", "crates/step/src/lib.rs"));
}

// Invariant: `plan.rs` has no client, no clock and no environment.
// Invariant: no step knows another.
#[test]
fn what_decides_has_no_client_clock_environment_or_file() {
    // What a service answers is data; its client is what must not be there.
    let without_data =
        |file: File| File { text: file.text.replace("use aws_sdk_rds::types::", "use "), ..file };
    let files: Vec<File> = product().into_iter().filter(decides).map(without_data).collect();
    assert!(files.len() > 18, "{}", files.len());
    let words =
        ["async ", ".await", "aws_", "::now(", "SystemTime", "Instant", "env::", "fs::", "net::", "println!"];
    none(&places(&files, &words, "what decides sees only its arguments"));
    // Every plan is among them.
    let left_out = product().into_iter().filter(|file| file.name() == "plan.rs" && !decides(file));
    none(&left_out.map(|file| file.at(0, "scripts/mutate does not know this plan")).collect::<Vec<_>>());
}

// Invariant: no Lambda sleeps.
#[test]
fn nothing_that_is_deployed_sleeps() {
    // It pauses between the attempts of one call, as the SDK's clients do.
    let client = "crates/lambda-support/src/signed.rs";
    let all: Vec<File> = product().into_iter().filter(|file| file.path != client).collect();
    none(&places(&all, &["sleep(", "sleep_until(", "time::interval"], "waiting is a state of the machine"));
}

// Invariant: no environment variable, flag or branch of the product exists for tests.
#[test]
fn what_the_product_reads_of_its_environment_is_what_the_templates_set_and_no_branch_is_for_tests() {
    let product = product();
    let begun = |file: &File| {
        let of = |rest: &str| rest.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
        file.text.split("SNAPFERRY_").skip(1).map(of).collect::<Vec<String>>()
    };
    let read: BTreeSet<String> = product.iter().flat_map(begun).collect();
    let set: BTreeSet<String> = templates().iter().flat_map(|template| begun(&template.file)).collect();
    assert_eq!(read, set);

    // Of the environment nothing else is read, and nothing is compiled in or left out but these.
    let (mut broken, features) = (Vec::new(), ["feature = \"schema\""]);
    for file in &product {
        for (index, line) in file.code() {
            let reads = line.contains("env::var") && !line.contains("var(\"SNAPFERRY_");
            // The one place that reads it, by a name that its caller gives.
            let list = file.path.starts_with("crates/lambda-support/") && line.contains("env::var(variable)");
            let compiles = ["cfg!(", "#[cfg(", "cfg_attr("].iter().any(|it| line.contains(it));
            if reads && !list {
                broken.push(file.at(index, "reads what no template sets"));
            }
            if compiles && !features.iter().any(|it| line.contains(it)) {
                broken.push(file.at(index, "is compiled on a condition"));
            }
        }
    }
    none(&broken);
}

#[test]
fn no_file_is_longer_than_400_lines_without_a_reason() {
    let reasons = [
        (
            "cloudformation/follow-failover.yaml",
            "one template for all that is followed: operators deploy it as one",
        ),
        ("cloudformation/failover.yaml", "one template a Region: operators deploy it as one"),
        ("cloudformation/source-account.yaml", "one template an account: operators deploy it as one"),
        ("cloudformation/target-account.yaml", "one template an account: operators deploy it as one"),
    ];
    let attributes = file(".gitattributes").text;
    let generated = |file: &File| attributes.contains(&format!("{} linguist-generated\n", file.path));
    // A definition that Step Functions takes is one file; prose is as long as it must be.
    let whole = |file: &File| file.path.ends_with(".asl.json") || file.path.ends_with(".md");
    let reasoned = |file: &File| reasons.iter().any(|(path, _)| *path == file.path);
    let long = |file: &File| file.text.lines().count() > 400;
    let too_long =
        files(".").into_iter().filter(|it| long(it) && !generated(it) && !whole(it) && !reasoned(it));
    let mut broken: Vec<String> = too_long.map(|it| it.at(400, "longer than 400 lines: split it")).collect();
    let idle = reasons.iter().filter(|(path, _)| !long(&file(path)));
    broken.extend(idle.map(|(path, _)| format!("{path}: needs no reason any more")));
    none(&broken);
}
