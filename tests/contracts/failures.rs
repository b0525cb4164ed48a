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
fn names_of_types(among: &[Function]) -> Names {
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

/// What a step's `failures!` declares: `Gone(String) => SnapshotNotFound`.
fn declared(error: &File) -> Names {
    let mut names = Names::new();
    let body =
        error.text.split("failures! {").nth(1).unwrap_or_else(|| panic!("{}", error.at(0, "no failures!")));
    let (mut variant, mut rest) = (String::new(), body);
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

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_ascii_alphanumeric()).collect()
}

/// The folder of a function's own modules, when its crate has several functions.
fn own_folder(step: &Package, binary: &str) -> Option<String> {
    (step.binaries.len() > 1).then(|| format!("{}/src/{}/", step.folder, binary.replace('-', "_")))
}

fn handles(step: &Package) -> Vec<Handle> {
    let below = functions_below(step);
    let names = [names_of_types(&below), declared(&file(&format!("{}/src/error.rs", step.folder)))];
    let names: Names = names.into_iter().flatten().collect();
    let folders: Vec<String> = step.binaries.iter().filter_map(|it| own_folder(step, it)).collect();
    let handle = |binary: &String| {
        let own = own_folder(step, binary);
        let others: Vec<&String> = folders.iter().filter(|it| Some(*it) != own.as_ref()).collect();
        let sources = files_named(&format!("{}/src", step.folder), ".rs").into_iter();
        let sources = sources.filter(|file| !others.iter().any(|it| file.path.starts_with(it.as_str())));
        let mut among: Vec<Function> = sources.flat_map(|file| functions(&file)).collect();
        let place = among.iter().position(|it| it.name == "handle").unwrap();
        let handle = among.remove(place);
        among.extend(functions_below(step));
        let reached = reached(&handle, &among);
        let made: BTreeSet<&str> = reached.iter().flat_map(|it| &it.made).map(String::as_str).collect();
        Handle {
            function: binary.clone(),
            path: handle.path.clone(),
            documented: documented(&handle),
            raised: made.iter().flat_map(|it| raised(it, &names)).collect(),
            services: made.iter().filter_map(|it| it.strip_prefix("Service::")).map(str::to_owned).collect(),
        }
    };
    step.binaries.iter().map(handle).collect()
}

/// The functions of the crates that the step is built on.
fn functions_below(step: &Package) -> Vec<Function> {
    let below = PURE.iter().chain(CALLS).filter(|name| step.knows(name));
    let files = below.flat_map(|name| files_named(&format!("crates/{name}/src"), ".rs"));
    files.flat_map(|file| functions(&file)).collect()
}

/// The names of errors that making this value raises.
fn raised(made: &str, names: &Names) -> Vec<String> {
    if let Some(names) = names.get(made) {
        return names.iter().cloned().collect();
    }
    let (of, _) = made.split_once("::").unwrap_or((made, ""));
    if let Some(names) = names.get(&format!("{of}::")) {
        return names.iter().cloned().collect();
    }
    // `StageTimedOut` and `InvalidRequest` are named as their errors.
    let known = ErrorName::ALL.iter().any(|it| it.as_str() == format!("Snapferry.{made}"));
    known.then(|| made.to_owned()).into_iter().collect()
}

fn documented(handle: &Function) -> BTreeSet<String> {
    let doc = handle.doc.join("\n");
    let errors = doc.split("Errors:").nth(1).unwrap_or_default().split("Source:").next().unwrap();
    let names = errors.split('`').skip(1).step_by(2);
    names.map(|name| name.trim_start_matches("Snapferry.").to_owned()).collect()
}

fn all() -> Vec<Handle> {
    steps().iter().flat_map(handles).collect()
}

/// Of a call: `RdsUnavailable` and `RdsRefused`.
fn is_of_a_call(name: &str) -> bool {
    name.ends_with("Unavailable")
        || name.ends_with("Refused") && !["HandoffRefused", "LoginRefused", "PasswordRefused"].contains(&name)
}

// R1, R17: errors are swallowed, and the cause is only in logs; a binary secret crashes the update.
#[test]
fn every_function_documents_the_failures_that_it_can_end_in() {
    let mut broken = Vec::new();
    // Receive answers each message of a batch by itself, and fails as a whole only for what is no batch.
    for it in all().iter().filter(|it| it.function != "receive") {
        let own: BTreeSet<&String> = it.documented.iter().filter(|name| !is_of_a_call(name)).collect();
        let raised: BTreeSet<&String> = it.raised.iter().collect();
        for name in raised.difference(&own) {
            broken.push(format!("{}: {} does not document {name}", it.path, it.function));
        }
        for name in own.difference(&raised) {
            broken.push(format!("{}: {} documents {name}, which it does not raise", it.path, it.function));
        }
        // A refusal may be a fact to go by; a service that does not answer is always told.
        let of_calls: BTreeSet<&String> = it.documented.iter().filter(|name| is_of_a_call(name)).collect();
        let named =
            |end: &str| it.services.iter().map(|service| format!("{service}{end}")).collect::<BTreeSet<_>>();
        let (unavailable, refused) = (named("Unavailable"), named("Refused"));
        for name in unavailable.iter().filter(|name| !of_calls.contains(name)) {
            broken.push(format!("{}: {} does not document {name}", it.path, it.function));
        }
        for name in of_calls.iter().filter(|name| !unavailable.contains(**name) && !refused.contains(**name))
        {
            broken.push(format!("{}: {} documents {name}, but makes no such call", it.path, it.function));
        }
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
