//! Looks into every database of the instance before anything else is done: stops what acts by itself there, and notes
//! what is to be told.

use crate::plan::{Refusal, cut};
use crate::server::Server;
use crate::session::{Session, refusal};
use crate::trouble::Trouble;
use replication::{SqlName, Verification};
use secret::Connection;
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long all databases may take together.
pub(crate) const SURVEY_SECONDS: u64 = 60;
/// Databases that nothing demands to look into are left out after this time.
const UNASKED_SECONDS: u64 = 30;
/// How many names of each kind are told: an answer of a step has a size.
const MOST_TOLD: usize = 50;

/// What was found in the databases of the instance.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    /// What the snapshot brought that would act by itself, and does not any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<String>,
    /// What goes on acting by itself, as the settings say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept_active: Vec<String>,
    /// The databases that Verify was in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<DatabaseSeen>,
    /// The databases with tables in which no assertion and no statement looked at a row, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_looked_into: Vec<NotLookedInto>,
}

/// A database that Verify was in.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseSeen {
    /// Its name.
    pub name: String,
    /// How many statements of `postRestoreSql` run in it.
    pub statements: usize,
    /// How many assertions read it.
    pub assertions: usize,
    /// What else is to be told of it.
    #[serde(flatten)]
    pub facts: Facts,
}

/// What is to be told of a database.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// How many tables it has.
    pub tables: usize,
    /// Tables that are empty in every copy: UNLOGGED ones of PostgreSQL, and those of MySQL's engine MEMORY.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emptied_tables: Vec<String>,
    /// Ways from it to other servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
}

/// A database in which no row was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotLookedInto {
    /// Its name.
    pub name: String,
    /// Why not.
    pub reason: String,
}

/// What acts by itself, in words.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    pub(crate) stopped: Vec<String>,
    pub(crate) kept: Vec<String>,
}

/// Something that acts by itself and could not be stopped.
#[derive(Debug)]
pub(crate) struct NotStopped {
    what: String,
    refusal: Refusal,
    cure: String,
}

impl NotStopped {
    /// From what the database says.
    pub(crate) fn of(what: &str, cure: &str) -> impl Fn(sqlx::Error) -> Self + use<> {
        let (what, cure) = (what.to_owned(), cure.to_owned());
        move |error| Self { what: what.clone(), refusal: refusal(&error), cure: cure.clone() }
    }

    /// For a reason of our own.
    pub(crate) fn because(what: &str, reason: &str, cure: &str) -> Self {
        Self { what: what.to_owned(), refusal: Refusal::refused(reason), cure: cure.to_owned() }
    }
}

impl From<NotStopped> for Trouble {
    fn from(NotStopped { what, refusal, cure }: NotStopped) -> Self {
        match refusal {
            Refusal::Lost(reason) => Self::NotReachable(reason),
            refusal => Self::NotStopped { what: cut(&what), reason: refusal.to_string(), cure },
        }
    }
}

/// A database of PostgreSQL, as the catalogue that all share tells.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) closed: Option<String>,
    pub(crate) has_subscriptions: bool,
}

/// Looks into every database.
pub(crate) async fn survey(
    server: &mut Server,
    login: &Connection,
    wanted: &Verification,
) -> Result<Survey, Trouble> {
    let limit = Duration::from_secs(SURVEY_SECONDS);
    let looked = timeout(limit, async {
        match &mut server.session {
            Session::MySql(_) => of_mysql(server, wanted).await,
            Session::Postgres(_) => of_postgres(server, login, wanted).await,
        }
    });
    let mut survey = looked.await.unwrap_or_else(|_| {
        let reason = format!("looking into all databases took longer than {SURVEY_SECONDS} s");
        Err(Trouble::NotReachable(reason))
    })?;
    let unread =
        survey.databases.iter().filter(|it| it.facts.tables > 0 && it.statements + it.assertions == 0);
    let unread: Vec<_> = unread
        .map(|it| NotLookedInto {
            name: it.name.clone(),
            reason: "no assertion and no statement names it".to_owned(),
        })
        .collect();
    survey.not_looked_into.extend(unread);
    survey.databases.sort_by(|one, other| one.name.cmp(&other.name));
    survey.stopped.sort();
    survey.kept_active.sort();
    Ok(survey.shortened())
}

async fn of_postgres(
    server: &mut Server,
    login: &Connection,
    wanted: &Verification,
) -> Result<Survey, Trouble> {
    let began = Instant::now();
    let initial = server.initial.clone();
    let Session::Postgres(first) = &mut server.session else { return Ok(Survey::default()) };
    let mut entries = first.databases().await.map_err(unreadable)?;
    let is_named = |name: &str| name == initial || names(wanted).any(|it| it.as_str() == name);
    let is_asked = |it: &Entry| is_named(&it.name) || it.has_subscriptions;
    entries.sort_by_key(|it| (!is_asked(it), it.name != crate::postgres::DEFAULT_DATABASE));
    let mut survey = Survey::default();
    for entry in entries {
        let mut closed = entry.closed.clone();
        if began.elapsed().as_secs() >= UNASKED_SECONDS && !is_asked(&entry) {
            closed.get_or_insert_with(|| "no time was left for it".to_owned());
        }
        if let Some(reason) = closed {
            survey.not_looked_into.push(NotLookedInto { name: entry.name, reason });
            continue;
        }
        let mut other = None;
        let session = match entry.name == initial {
            true => &mut server.session,
            false => match Session::connect(login, Some(&entry.name), server.limit_seconds).await? {
                Some(session) => other.insert(session),
                None => continue,
            },
        };
        let Session::Postgres(session) = session else { continue };
        let Activity { stopped, kept } = session.stop(&wanted.keep_active).await?;
        survey.stopped.extend(stopped);
        survey.kept_active.extend(kept);
        let facts = session.facts().await.map_err(unreadable)?;
        let count = |it: &Option<SqlName>| it.as_ref().map_or(&*initial, SqlName::as_str) == entry.name;
        survey.databases.push(DatabaseSeen {
            statements: wanted.post_restore_sql.iter().filter(|it| count(&it.database)).count(),
            assertions: wanted.assertions.iter().filter(|it| count(&it.database)).count(),
            facts,
            name: entry.name.clone(),
        });
        if let Some(session) = other.filter(|_| is_named(&entry.name)) {
            server.others.insert(entry.name, session);
        }
    }
    Ok(survey)
}

async fn of_mysql(server: &mut Server, wanted: &Verification) -> Result<Survey, Trouble> {
    let initial = server.initial.clone();
    let Session::MySql(session) = &mut server.session else { return Ok(Survey::default()) };
    let Activity { stopped, kept } = session.stop(&wanted.keep_active).await?;
    let databases = session.databases().await.map_err(unreadable)?;
    // A statement may name a table with its database.
    let looks_into = |sql: &str, database: &Option<SqlName>, name: &str| {
        database.as_ref().map_or(&*initial, SqlName::as_str) == name || sql.contains(&format!("{name}."))
    };
    let seen = |(name, facts): (String, Facts)| DatabaseSeen {
        statements: wanted
            .post_restore_sql
            .iter()
            .filter(|it| looks_into(&it.sql, &it.database, &name))
            .count(),
        assertions: wanted.assertions.iter().filter(|it| looks_into(&it.sql, &it.database, &name)).count(),
        facts,
        name,
    };
    let databases = databases.into_iter().map(seen).collect();
    Ok(Survey { stopped, kept_active: kept, databases, not_looked_into: Vec::new() })
}

/// The databases that the settings name.
fn names(wanted: &Verification) -> impl Iterator<Item = &SqlName> {
    let statements = wanted.post_restore_sql.iter().filter_map(|it| it.database.as_ref());
    statements.chain(wanted.assertions.iter().filter_map(|it| it.database.as_ref()))
}

fn unreadable(error: sqlx::Error) -> Trouble {
    NotStopped::of("what acts by itself", "Let the master user read the catalogue")(error).into()
}

impl Survey {
    /// What is told in the step's reason.
    pub fn words(&self) -> String {
        let emptied = self.databases.iter().flat_map(|it| &it.facts.emptied_tables);
        let links = self.databases.iter().flat_map(|it| &it.facts.links);
        let not: Vec<String> =
            self.not_looked_into.iter().map(|it| format!("{} ({})", it.name, it.reason)).collect();
        let parts = [
            ("stopped: ", listed(self.stopped.iter())),
            ("still active, as the settings say: ", listed(self.kept_active.iter())),
            ("empty in every copy (UNLOGGED or MEMORY): ", listed(emptied)),
            ("leads to other servers: ", listed(links)),
            ("not looked into: ", listed(not.iter())),
        ];
        parts.into_iter().filter_map(|(what, names)| Some(format!("; {what}{}", names?))).collect()
    }

    /// No more of each kind than can be told.
    fn shortened(mut self) -> Self {
        let of_each =
            self.databases.iter_mut().flat_map(|it| [&mut it.facts.emptied_tables, &mut it.facts.links]);
        for names in of_each.chain([&mut self.stopped, &mut self.kept_active]) {
            let more = names.len().saturating_sub(MOST_TOLD);
            names.truncate(MOST_TOLD);
            names.iter_mut().for_each(|it| *it = cut(it));
            names.extend((more > 0).then(|| format!("{more} more")));
        }
        self.databases.truncate(MOST_TOLD);
        let more = self.not_looked_into.len().saturating_sub(MOST_TOLD);
        self.not_looked_into.truncate(MOST_TOLD);
        let more = (more > 0).then(|| NotLookedInto {
            name: format!("{more} more"),
            reason: "too many to be told".to_owned(),
        });
        self.not_looked_into.extend(more);
        self
    }
}

/// A few names and how many more there are; `None` when there is none.
fn listed<'a>(names: impl Iterator<Item = &'a String>) -> Option<String> {
    const FEW: usize = 5;
    let names: BTreeSet<&String> = names.collect();
    let mut told: Vec<String> = names.iter().take(FEW).map(|it| cut(it)).collect();
    let more = names.len().saturating_sub(FEW);
    told.extend((more > 0).then(|| format!("{more} more")));
    (!told.is_empty()).then(|| told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, emptied: &[&str]) -> DatabaseSeen {
        let emptied_tables = emptied.iter().map(|it| (*it).to_owned()).collect();
        let facts = Facts { emptied_tables, ..Facts::default() };
        DatabaseSeen { name: name.to_owned(), facts, ..DatabaseSeen::default() }
    }

    #[test]
    fn a_survey_is_told_in_few_words() {
        assert_eq!(Survey::default().words(), "");
        let survey = Survey {
            stopped: (0..9).map(|n| format!("event shop.e{n}")).collect(),
            databases: vec![seen("shop", &["carts"])],
            not_looked_into: vec![NotLookedInto { name: "crm".to_owned(), reason: "r".to_owned() }],
            ..Survey::default()
        };
        assert_eq!(
            survey.words(),
            "; stopped: event shop.e0, event shop.e1, event shop.e2, event shop.e3, event shop.e4, 4 more\
             ; empty in every copy (UNLOGGED or MEMORY): carts; not looked into: crm (r)"
        );
    }

    #[test]
    fn a_server_with_very_many_names_is_told_in_part() {
        let names: Vec<String> = (0..70).map(|n| format!("{n}\n{}", "x".repeat(500))).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let survey = Survey {
            databases: (0..70).map(|n| seen(&n.to_string(), &names)).collect(),
            not_looked_into: (0..70)
                .map(|n| NotLookedInto { name: n.to_string(), reason: String::new() })
                .collect(),
            ..Survey::default()
        };
        let survey = survey.shortened();
        assert_eq!((survey.databases.len(), survey.not_looked_into.len()), (50, 51));
        let told = &survey.databases[0].facts.emptied_tables;
        assert_eq!((told.len(), told.last().unwrap().as_str()), (51, "20 more"));
        assert!(told.iter().all(|it| it.chars().count() <= 120 && !it.contains('\n')));
    }
}
