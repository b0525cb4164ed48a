//! The failures that each function documents are those that it can end in, and its tasks retry the retryable ones.

use crate::floors::{CALLS, PURE, Package, steps};
use crate::machines::{Machine, errors, function_of};
use crate::rust::{Function, functions, reached};
use crate::tree::{File, file, files_named, kebab, none};
use std::collections::{BTreeMap, BTreeSet};
use step::ErrorName;

/// A function's `handle`, with what it says and what it can do.
struct Handle {
    /// The function, such as `stage-secret`.
    function: String,
    path: String,
    /// The names between `Errors:` and `Source:` of its comment.
    documented: BTreeSet<String>,
    /// The names of the errors that what it reaches makes.
    raised: BTreeSet<String>,
    /// The services that what it reaches calls.
    services: BTreeSet<String>,
}

/// The names of a type's variants: `Unusable::Binary` -> `SecretBinary`.
type Names = BTreeMap<String, BTreeSet<String>>;

/// Of errors that know their own name. One whose `name` does not look at itself has one name for all.
fn names_of_types(among: &[&Function]) -> Names {
    let mut names = Names::new();
    for it in among.iter().filter(|it| it.name == "name") {
        let Some(of) = &it.of else { continue };
        for (variant, made) in &it.arms {
            names.entry(format!("{of}::{variant}")).or_default().extend(error_names(made));
        }
        if it.arms.is_empty() {
            names.entry(format!("{of}::")).or_default().extend(error_names(&it.made));
        }
    }
    names
}

fn error_names(made: &BTreeSet<String>) -> impl Iterator<Item = String> {
    made.iter().filter_map(|it| it.strip_prefix("ErrorName::")).map(str::to_owned)
}

/// What a step's `failures!` declares: `Gone(String) => SnapshotNotFound`, and of other crates what it lists.
fn declared(error: &File, of_others: Names) -> Names {
    let body =
        error.text.split("failures! {").nth(1).unwrap_or_else(|| panic!("{}", error.at(0, "no failures!")));
    let (own, others) = body.split_once("\n    from {").unwrap_or((body, ""));
    // `StageTimedOut` and `InvalidRequest` are in every list, and named as their types.
    let listed = |of: &str| others.contains(&format!("{of})")) || of == "CallFailed";
    let mut names: Names =
        of_others.into_iter().filter(|(key, _)| listed(key.split("::").next().unwrap())).collect();
    let (mut variant, mut rest) = (String::new(), own);
    while let Some(at) = rest.find("=> ") {
        // The last word in upper case that begins a line before it.
        for line in rest[..at].lines().map(str::trim_start).filter(|it| it.starts_with(char::is_uppercase)) {
            variant = word(line);
        }
        rest = &rest[at + 3..];
        names.entry(format!("Error::{variant}")).or_default().insert(word(rest));
    }
    names
}

/// A service as error names call it.
fn capital(word: &str) -> String {
    if word == "cloudformation" {
        return "CloudFormation".to_owned();
    }
    let (first, rest) = word.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_ascii_alphanumeric()).collect()
}

/// The folder of a function's own modules, when its crate has several functions.
fn own_folder(step: &Package, binary: &str) -> Option<String> {
    (step.binaries.len() > 1).then(|| format!("{}/src/{}/", step.folder, binary.replace('-', "_")))
}

fn handles(step: &Package, below: &BTreeMap<&str, Vec<Function>>) -> Vec<Handle> {
    let below: Vec<&Function> =
        below.iter().filter(|(name, _)| step.knows(name)).flat_map(|(_, it)| it).collect();
    let error = file(&format!("{}/src/error.rs", step.folder));
    let names = declared(&error, names_of_types(&below));
    let folders: Vec<String> = step.binaries.iter().filter_map(|it| own_folder(step, it)).collect();
    let handle = |binary: &String| {
        let folder = own_folder(step, binary);
        let others: Vec<&String> = folders.iter().filter(|it| Some(*it) != folder.as_ref()).collect();
        let sources = files_named(&format!("{}/src", step.folder), ".rs").into_iter();
        let sources = sources.filter(|file| !others.iter().any(|it| file.path.starts_with(it.as_str())));
        let own: Vec<Function> = sources.flat_map(|file| functions(&file)).collect();
        let handles = || own.iter().filter(|it| it.name == "handle");
        let is_own = |it: &&Function| folder.as_ref().is_some_and(|folder| it.path.starts_with(folder));
        let handle = handles().find(is_own).or_else(|| handles().next()).unwrap();
        // What gives an error its name makes none.
        let is_name = |it: &&Function| match it.of.as_deref() {
            Some("Service" | "CallFailed") => true,
            of => of.is_some() && it.name == "name",
        };
        let among = own.iter().chain(below.iter().copied()).filter(|it| !is_name(it));
        let among: Vec<&Function> = among.collect();
        let made = reached(handle, &among).into_iter().flat_map(|it| &it.made);
        let made: BTreeSet<&str> = made.map(String::as_str).collect();
        // A signed client is of the service that it was wired for.
        let wired = among.iter().filter(|it| it.of.as_deref() == Some("Clients"));
        let signed = wired.flat_map(|it| &it.made).filter_map(|it| it.strip_prefix("SignedClient::"));
        let services = made.iter().filter_map(|it| it.strip_prefix("Service::").map(str::to_owned));
        let services = services.chain(signed.map(capital)).collect();
        Handle {
            function: binary.clone(),
            path: handle.path.clone(),
            documented: documented(handle),
            raised: made.iter().flat_map(|it| raised(it, &names)).collect(),
            services,
        }
    };
    step.binaries.iter().map(handle).collect()
}

/// The names of errors that making this value raises.
fn raised(made: &str, names: &Names) -> Vec<String> {
    let of = made.split("::").next().unwrap_or_default();
    if let Some(names) = names.get(made).or_else(|| names.get(&format!("{of}::"))) {
        return names.iter().cloned().collect();
    }
    let name = made.strip_prefix("ErrorName::").unwrap_or(made);
    let known = ErrorName::ALL.iter().any(|it| it.as_str() == format!("Snapferry.{name}"));
    known.then(|| name.to_owned()).into_iter().collect()
}

fn documented(handle: &Function) -> BTreeSet<String> {
    let doc = handle.doc.join("\n");
    let errors = doc.split("Errors:").nth(1).unwrap_or_default().split("Source:").next().unwrap();
    let names = errors.split('`').skip(1).step_by(2);
    names.map(|name| name.trim_start_matches("Snapferry.").to_owned()).collect()
}

fn all() -> Vec<Handle> {
    let read = |name: &'static str| {
        let files = files_named(&format!("crates/{name}/src"), ".rs");
        (name, files.iter().flat_map(functions).collect())
    };
    let below = PURE.iter().chain(CALLS).copied().map(read).collect();
    steps().iter().flat_map(|step| handles(step, &below)).collect()
}

/// Failures that a function reaches by the code that it shares, but never ends in, each with the reason.
const NEVER: &[(&[&str], &str, &str)] = &[
    (
        &[
            "restore",
            "stage-secret",
            "check-reach",
            "register-targets",
            "promote-secret",
            "choose-copy",
            "prune",
        ],
        "ClusterNotServed",
        "it acts on DB instances that Restore made, which are in no cluster",
    ),
    (&["share"], "ClusterNotServed", "Snapshot refuses the source before"),
    (&["end-sessions"], "ClusterNotServed", "RDS is called by the other functions of its crate"),
    (&["end-sessions"], "RdsUnavailable", "RDS is called by the other functions of its crate"),
    (
        &["fence", "unfence"],
        "SecretsManagerUnavailable",
        "secrets are read by the other function of their crate",
    ),
    (&["verify-writer"], "ActivityNotStopped", "it stops nothing: Verify does"),
];

// R1, R17: errors are swallowed, and the cause is only in logs; a binary secret crashes the update.
#[test]
fn every_function_documents_the_failures_that_it_can_end_in() {
    let mut broken = Vec::new();
    // Receive answers each message of a batch by itself, and fails as a whole only for what is no batch.
    for it in all().iter().filter(|it| it.function != "receive") {
        let calls =
            |end: &str| it.services.iter().map(|service| format!("{service}{end}")).collect::<BTreeSet<_>>();
        // A refusal may be a fact to go by; that a service does not answer is always told.
        let (unavailable, refused) = (calls("Unavailable"), calls("Refused"));
        let never = NEVER.iter().filter(|(functions, ..)| functions.contains(&it.function.as_str()));
        let never: BTreeSet<String> = never.map(|(_, name, _)| (*name).to_owned()).collect();
        let reached: BTreeSet<String> = it.raised.union(&unavailable).cloned().collect();
        let must: BTreeSet<String> = reached.difference(&never).cloned().collect();
        for name in must.difference(&it.documented) {
            broken.push(format!("{}: {} does not document {name}", it.path, it.function));
        }
        for name in it.documented.iter().filter(|name| !must.contains(*name) && !refused.contains(*name)) {
            broken.push(format!("{}: {} documents {name}, which it does not raise", it.path, it.function));
        }
        broken.extend(
            never.difference(&reached).map(|name| format!("{}: {name} needs no reason", it.function)),
        );
    }
    none(&broken);
}

#[test]
fn a_task_retries_what_its_function_documents_as_retryable_and_nothing_else() {
    let (handles, mut broken) = (all(), Vec::new());
    for machine in Machine::all() {
        for (name, task) in machine.tasks() {
            let retried = errors(task, "Retry").into_iter().filter_map(|it| it.strip_prefix("Snapferry."));
            let retried: BTreeSet<&str> = retried.collect();
            let function = kebab(function_of(name));
            let Some(handle) = handles.iter().find(|it| it.function == function) else {
                broken.push(machine.at(name, "no crate has its handle"));
                continue;
            };
            let documented = handle.documented.iter().map(String::as_str);
            let retryable: BTreeSet<&str> = documented.filter(|it| it.ends_with("Unavailable")).collect();
            if retried != retryable {
                broken.push(
                    machine
                        .at(name, &format!("retries {retried:?}, {} documents {retryable:?}", handle.path)),
                );
            }
        }
    }
    none(&broken);
}
