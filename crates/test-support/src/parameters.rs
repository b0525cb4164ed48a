//! Two Regions with SSM parameters and exports of CloudFormation in each.

use crate::{Calls, Pauses, config_of};
use lambda_support::Config;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// What is in a Region.
#[derive(Debug, Clone, Default)]
pub struct Region {
    /// Its SSM parameters.
    pub parameters: BTreeMap<String, String>,
    /// Its exports.
    pub exports: BTreeMap<String, String>,
}

/// Every Region that a test has.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    state: Arc<Mutex<BTreeMap<String, Region>>>,
    silent: Arc<Mutex<BTreeSet<String>>>,
    /// What was sent, in order.
    pub calls: Calls,
}

impl Parameters {
    /// Looks at a Region, or changes it.
    pub fn at<T>(&self, region: &str, see: impl FnOnce(&mut Region) -> T) -> T {
        see(self.state.lock().unwrap().entry(region.to_owned()).or_default())
    }

    /// Puts a parameter into a Region.
    pub fn put(&self, region: &str, name: &str, value: &str) {
        self.at(region, |it| it.parameters.insert(name.to_owned(), value.to_owned()));
    }

    /// The parameter of a Region.
    pub fn get(&self, region: &str, name: &str) -> Option<Value> {
        let text = self.at(region, |it| it.parameters.get(name).cloned())?;
        Some(serde_json::from_str(&text).unwrap())
    }

    /// Nothing answers in this Region any more.
    pub fn silence(&self, region: &str) {
        self.silent.lock().unwrap().insert(region.to_owned());
    }

    /// A configuration of a function in this Region.
    pub fn config(&self, region: &str) -> Config {
        let it = self.clone();
        let answer = move |region: &str, call: &Value| match it.silent.lock().unwrap().contains(region) {
            true => json!({"__type": "InternalServerError"}),
            false => it.at(region, |there| answer(there, call)),
        };
        config_of(answer, &self.calls, &Pauses::default()).in_region(region)
    }

    /// The names of all calls that changed something.
    pub fn changes(&self) -> Vec<Value> {
        self.calls.sent().into_iter().filter(|it| it["Action"] == "PutParameter").collect()
    }
}

fn answer(region: &mut Region, call: &Value) -> Value {
    let text = |key: &str| call[key].as_str().unwrap_or_default().to_owned();
    match call["Action"].as_str().unwrap() {
        "GetParameter" => match region.parameters.get(&text("Name")) {
            Some(value) => json!({"Parameter": {"Name": call["Name"], "Value": value}}),
            None => json!({"__type": "ParameterNotFound"}),
        },
        "PutParameter" if region.parameters.contains_key(&text("Name")) && call["Overwrite"] != true => {
            json!({"__type": "ParameterAlreadyExists", "message": "it is there"})
        }
        "PutParameter" => {
            region.parameters.insert(text("Name"), text("Value"));
            json!({"Version": 1})
        }
        // One a page, so that pages are followed.
        "DescribeParameters" => {
            let path = format!("{}/", call["ParameterFilters"][0]["Values"][0].as_str().unwrap());
            let below: Vec<Value> = region
                .parameters
                .keys()
                .filter(|name| name.starts_with(&path))
                .map(|name| json!({"Name": name}))
                .collect();
            let at: usize = text("NextToken").parse().unwrap_or_default();
            let next = (at + 1 < below.len()).then(|| (at + 1).to_string());
            json!({"Parameters": below.get(at).into_iter().collect::<Vec<_>>(), "NextToken": next})
        }
        "ListExports" => {
            let at: usize = text("NextToken").parse().unwrap_or_default();
            let export =
                |(name, value)| format!("<member><Name>{name}</Name><Value>{value}</Value></member>");
            let page: String = region.exports.iter().skip(at).take(1).map(export).collect();
            let next = (at + 1 < region.exports.len()).then(|| format!("<NextToken>{}</NextToken>", at + 1));
            json!({"xml": format!("<R><Exports>{page}</Exports>{}</R>", next.unwrap_or_default())})
        }
        other => panic!("nobody answers {other}"),
    }
}
