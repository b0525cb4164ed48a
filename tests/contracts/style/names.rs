//! One word, everywhere: a state, its function, role, policy, zip and binary; and words that we do not use.

use crate::tree::{File, files, files_named, kebab, none};
use std::collections::BTreeSet;

/// The functions of a template, with where each begins.
fn functions(template: &File) -> Vec<(usize, String)> {
    let lines: Vec<&str> = template.text.lines().collect();
    let types = lines.iter().enumerate().filter(|(_, line)| line.trim() == "Type: AWS::Lambda::Function");
    types
        .map(|(index, _)| {
            let name = lines[index - 1].trim().trim_end_matches(':');
            let word = name.strip_suffix("Function");
            (index - 1, word.unwrap_or_else(|| panic!("{}", template.at(index - 1, name))).to_owned())
        })
        .collect()
}

/// The binaries that Cargo builds, each with its crate.
fn binaries() -> BTreeSet<(String, String)> {
    let mut binaries = BTreeSet::new();
    for manifest in files_named("crates", "/Cargo.toml") {
        let name = manifest.path.split('/').nth(1).unwrap();
        let declared: Vec<&str> = manifest.text.split("[[bin]]\nname = \"").skip(1).collect();
        for binary in &declared {
            binaries.insert((binary.split('"').next().unwrap().to_owned(), name.to_owned()));
        }
        if declared.is_empty() {
            binaries.insert((name.to_owned(), name.to_owned()));
        }
    }
    binaries
}

#[test]
fn a_function_its_policy_its_zip_and_its_binary_are_one_word() {
    let packed = crate::tree::file("scripts/package");
    let (binaries, mut broken) = (binaries(), Vec::new());
    for template in files_named("cloudformation", ".yaml") {
        for (index, word) in functions(&template) {
            let kebab = kebab(&word);
            let Some((_, package)) = binaries.iter().find(|(binary, _)| *binary == kebab) else {
                broken.push(template.at(index, &format!("no crate builds the binary {kebab}")));
                continue;
            };
            if !packed.text.contains(&format!("    \"{kebab}\": \"{package}\",\n")) {
                broken
                    .push(template.at(index, &format!("scripts/package does not pack {kebab} of {package}")));
            }
            for needed in [format!("'${{ArtifactPrefix}}{kebab}.zip'"), format!("- PolicyName: {word}\n")] {
                if !template.text.contains(&needed) {
                    broken.push(template.at(index, &format!("{word} lacks {}", needed.trim())));
                }
            }
        }
    }
    none(&broken);
}

#[test]
fn every_function_is_packed_and_deployed() {
    let deployed: BTreeSet<String> = files_named("cloudformation", ".yaml")
        .iter()
        .flat_map(functions)
        .map(|(_, word)| kebab(&word))
        .collect();
    let wired = |(binary, package): &(String, String)| {
        files(&format!("crates/{package}/src")).iter().any(|file| file.text.contains("lambda_runtime::run("))
            && !deployed.contains(binary)
    };
    let idle = binaries().into_iter().filter(wired);
    none(
        &idle
            .map(|(binary, package)| format!("crates/{package}: no template deploys {binary}"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn words_of_other_systems_are_not_used() {
    const WORDS: [(&str, &str); 7] = [
        ("account A", "source account"),
        ("account B", "target account"),
        ("destination account", "target account"),
        ("destination database", "target DB instance"),
        ("clone", "copy"),
        ("clones", "copies"),
        ("cloning", "copying"),
    ];
    let mut broken = Vec::new();
    let ours = |file: &File| !file.path.starts_with("tests/contracts/style/") && file.path != "Cargo.lock";
    for file in files(".").into_iter().filter(ours) {
        for (index, line) in file.text.lines().enumerate() {
            for (word, better) in WORDS {
                let stands = line.match_indices(word).any(|(at, _)| {
                    let before = line[..at].chars().next_back().unwrap_or(' ');
                    let after = line[at + word.len()..].chars().next().unwrap_or(' ');
                    // `.clone()` and `Clone::clone` are Rust's, and `git clone` is git's.
                    !line.contains("git")
                        && !before.is_alphanumeric()
                        && !"._:".contains(before)
                        && !after.is_alphanumeric()
                        && after != '('
                });
                if stands {
                    broken.push(file.at(index, &format!("`{word}`: we say {better}")));
                }
            }
        }
    }
    none(&broken);
}
