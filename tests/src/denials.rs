//! What no role may do with what is not Snapferry's: `tests/denials.toml`, as its tests and the README read it.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The kinds of things that Snapferry makes, and others too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Kind {
    Instance,
    Snapshot,
    Secret,
    Key,
    LogGroup,
    TargetGroup,
}

/// What a thing looks like that is not Snapferry's, or is not any function's to touch; the file says it in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the file says what each is")]
pub enum Looks {
    Foreign,
    Named,
    NamedCopy,
    Tagged,
    Own,
}

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denials {
    actions: BTreeMap<Kind, Vec<String>>,
    reasons: BTreeMap<String, String>,
    /// What is not denied.
    pub allowed: Vec<Allowed>,
}

/// What a role is rightly allowed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowed {
    /// The account and the step.
    pub role: String,
    /// As policies name it.
    pub action: String,
    /// What kind of thing.
    pub on: Kind,
    /// Which of them.
    pub looks: Vec<Looks>,
    /// The letter of the reason.
    pub reason: String,
}

impl Denials {
    /// As it is in this checkout.
    pub fn read() -> Result<Self> {
        toml::from_str(include_str!("../denials.toml")).context("tests/denials.toml")
    }

    /// Every column: an action on a kind of thing.
    pub fn columns(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.actions.iter().flat_map(|(kind, actions)| actions.iter().map(|action| (*kind, action.as_str())))
    }

    /// What a role is allowed in a column.
    pub fn allowed(&self, role: &str, (kind, action): (Kind, &str)) -> Option<&Allowed> {
        self.allowed.iter().find(|it| it.role == role && it.on == kind && it.action == action)
    }

    /// The letters of the reasons, each with its words.
    pub fn reasons(&self) -> impl Iterator<Item = (&str, &str)> {
        self.reasons.iter().map(|(letter, words)| (letter.as_str(), words.as_str()))
    }

    /// The whole matrix, as `tests/denials.md` shows it.
    pub fn to_markdown(&self, roles: &[String]) -> Result<String> {
        let mut text = String::from("| Role |");
        for (kind, action) in self.columns() {
            write!(text, " `{action}`, {} |", in_words(kind))?;
        }
        writeln!(text, "\n|---|{}", "---|".repeat(self.columns().count()))?;
        for role in roles {
            write!(text, "| {role} |")?;
            for column in self.columns() {
                match self.allowed(role, column) {
                    Some(it) => write!(text, " {}: {} |", it.reason, in_words_of(&it.looks))?,
                    None => text.push_str(" denied |"),
                }
            }
            text.push('\n');
        }
        text.push('\n');
        for (letter, words) in self.reasons() {
            writeln!(text, "- {letter}: {words}")?;
        }
        Ok(text)
    }
}

fn in_words_of(looks: &[Looks]) -> String {
    let words = looks.iter().map(|looks| match looks {
        Looks::Foreign => "foreign",
        Looks::Named | Looks::NamedCopy => "named alike",
        Looks::Tagged => "tagged alike",
        Looks::Own => "own",
    });
    words.collect::<Vec<_>>().join(", ")
}

/// What kind of thing, in words.
pub fn in_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Instance => "DB instance",
        Kind::Snapshot => "DB snapshot",
        Kind::Secret => "secret",
        Kind::Key => "key",
        Kind::LogGroup => "log group",
        Kind::TargetGroup => "target group",
    }
}
