//! The cases that passed, so that a run of all of them goes on where it was ended.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What decides whether a case passes.
const DECISIVE: [&str; 5] = ["crates", "statemachines", "cloudformation", "tests", "Cargo.lock"];

/// A file with a line for each case that passed, with the commit of what decides that.
pub struct Passed {
    file: PathBuf,
    commit: String,
    cases: BTreeSet<String>,
}

impl Passed {
    /// Those that passed with the files as they are now; none where they are not committed.
    pub fn load(checkout: &Path) -> Result<Self> {
        let git = |arguments: &[&str]| {
            let output =
                Command::new("git").arg("-C").arg(checkout).args(arguments).args(DECISIVE).output()?;
            ensure!(
                output.status.success(),
                "git {arguments:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        };
        let mut commit = git(&["log", "-1", "--format=%h", "--"])?;
        if !git(&["status", "--porcelain", "--"])?.is_empty() {
            commit = format!("{commit}+{}", std::process::id());
        }
        let file = checkout.join(".local/faults-passed");
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.strip_prefix(&format!("{commit} ")));
        let cases = lines.map(str::to_owned).collect();
        Ok(Self { file, commit, cases })
    }

    pub fn contains(&self, case: &str) -> bool {
        self.cases.contains(case)
    }

    pub fn add(&mut self, case: String) -> Result<()> {
        let file = OpenOptions::new().create(true).append(true).open(&self.file);
        writeln!(file.context("cannot remember what passed")?, "{} {case}", self.commit)?;
        self.cases.insert(case);
        Ok(())
    }
}
