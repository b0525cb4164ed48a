//! The files of the checkout, and the places where one breaks a rule.

use crate::floors::{APART, Package, packages};
use std::path::{Path, PathBuf};

/// The root of the checkout.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A text file of the checkout.
pub struct File {
    /// From the checkout's root.
    pub path: String,
    pub text: String,
}

impl File {
    /// `path:line: what`, as compilers say it; `index` counts from 0.
    pub fn at(&self, index: usize, what: &str) -> String {
        format!("{}:{}: {what}", self.path, index + 1)
    }

    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap()
    }

    /// The lines that are compiled into the product: neither comments nor tests.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let product = self.text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
        product.enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// One file of the checkout.
pub fn file(path: &str) -> File {
    let text =
        std::fs::read_to_string(checkout().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    File { path: path.to_owned(), text }
}

/// Every text file below a folder of the checkout; what tools make is left out.
pub fn files(folder: &str) -> Vec<File> {
    let (mut files, mut folders) = (Vec::new(), vec![checkout().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let made = ["target", ".local", ".git", "__pycache__", "mutants.out"]
                .iter()
                .any(|it| path.ends_with(it));
            if path.is_dir() && !made {
                folders.push(path);
            } else if let (false, Ok(text)) = (made, std::fs::read_to_string(&path)) {
                let path = path.strip_prefix(checkout()).unwrap().to_string_lossy();
                files.push(File { path: path.trim_start_matches("./").to_owned(), text });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

/// Every file below a folder whose name ends so.
pub fn files_named(folder: &str, end: &str) -> Vec<File> {
    files(folder).into_iter().filter(|file| file.path.ends_with(end)).collect()
}

/// The sources of what is deployed.
pub fn product() -> Vec<File> {
    let deployed = |it: &Package| !APART.contains(&it.name.as_str());
    let folders = packages().into_iter().filter(deployed).map(|it| it.folder);
    folders.flat_map(|folder| files_named(&format!("{folder}/src"), ".rs")).collect()
}

/// The name of every function that a test attribute stands before, with where it stands.
pub fn tests_of_the_tree() -> Vec<(String, String)> {
    let mut tests = Vec::new();
    for file in files(".").iter().filter(|file| file.path.ends_with(".rs")) {
        let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
        for (index, line) in lines.iter().enumerate() {
            let signature = line.strip_prefix("async ").unwrap_or(line);
            let Some(rest) = signature.strip_prefix("fn ") else { continue };
            let marks = lines[..index].iter().rev().take_while(|line| line.starts_with("#["));
            if marks.into_iter().any(|mark| mark.starts_with("#[test]") || mark.starts_with("#[tokio::test"))
            {
                tests.push((rest.split('(').next().unwrap().to_owned(), file.at(index, "")));
            }
        }
    }
    tests
}

/// `CopyAndReencrypt` as `copy-and-reencrypt`.
pub fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

/// Fails with every place that breaks the rule.
#[track_caller]
pub fn none(broken: &[String]) {
    assert!(broken.is_empty(), "{} broken:\n{}\n", broken.len(), broken.join("\n"));
}
