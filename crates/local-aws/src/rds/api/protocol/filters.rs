//! Filters of a Describe: a resource passes when it has, for each filter, one of the filter's values.
//!
//! RDS takes an identifier that the request names beside its filters for one more value of the filter of that name. So
//! an unknown identifier is no error as long as the filter finds something.
//! Source: github.com/getmoto/moto#3669, seen on AWS. That a malformed identifier is refused as one of
//! `Filter: db-instance-id` is seen on AWS too.

use super::parameters::Parameters;
use crate::rds::model::{identifiers, refusal::Refusal};

/// A filter that a Describe knows.
pub struct Filter {
    name: &'static str,
    /// Its values are names or ARNs of this kind; any text where it is none.
    kind: Option<&'static str>,
    /// The parameter whose value is one more value of this filter.
    parameter: Option<&'static str>,
}

impl Filter {
    /// A filter whose values may be any text.
    pub const fn of_words(name: &'static str) -> Self {
        Self { name, kind: None, parameter: None }
    }

    /// A filter whose values are names or ARNs of `db`, `snapshot` or `cluster`.
    pub const fn of_names(name: &'static str, kind: &'static str) -> Self {
        Self { name, kind: Some(kind), parameter: None }
    }

    /// The same filter, with the value of this parameter.
    pub const fn and(self, parameter: &'static str) -> Self {
        Self { parameter: Some(parameter), ..self }
    }

    fn check(&self, values: &[String]) -> Result<(), Refusal> {
        let Self { name, kind, .. } = self;
        if values.is_empty() {
            let message = format!("The values of filter {name} must not be empty.");
            return Err(Refusal::InvalidParameterCombination(message));
        }
        let Some(kind) = kind else { return Ok(()) };
        values.iter().try_for_each(|it| identifiers::name_or_arn(&format!("Filter: {name}"), it, kind))
    }
}

/// The filters of one request.
pub struct Filters(Vec<(&'static str, Vec<String>)>);

impl Filters {
    /// Those that the request gives, each of which must be known.
    pub fn of(parameters: &Parameters, known: &[Filter]) -> Result<Self, Refusal> {
        let mut all: Vec<(&Filter, Vec<String>)> = Vec::new();
        for (name, values) in parameters.filters() {
            let Some(filter) = known.iter().find(|it| it.name == name) else {
                return Err(Refusal::InvalidParameterValue(format!("Unrecognized filter name: {name}")));
            };
            all.push((filter, values));
        }
        for filter in known {
            let named = filter.parameter.and_then(|name| parameters.get(name)).filter(|it| !it.is_empty());
            let Some(named) = named.map(str::to_owned) else { continue };
            match all.iter_mut().find(|(it, values)| it.name == filter.name && !values.is_empty()) {
                Some((_, values)) => values.push(named),
                None => all.push((filter, vec![named])),
            }
        }
        all.iter().try_for_each(|(filter, values)| filter.check(values))?;
        Ok(Self(all.into_iter().map(|(filter, values)| (filter.name, values)).collect()))
    }

    /// Does something pass that `has` a value for the filter of that name?
    pub fn pass(&self, has: impl Fn(&str, &str) -> bool) -> bool {
        self.0.iter().all(|(name, values)| values.iter().any(|value| has(name, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Filter; 2] =
        [Filter::of_names("db-instance-id", "db").and("DBInstanceIdentifier"), Filter::of_words("engine")];

    fn check(query: &str, expected: Result<bool, &str>) {
        let filters = Filters::of(&Parameters::parse(Some(query), b""), &KNOWN);
        let passes = filters.map(|filters| {
            filters.pass(|name, value| match name {
                "engine" => value == "postgres",
                _ => value == "orders",
            })
        });
        assert_eq!(passes.map_err(|it| it.code().0), expected, "{query}");
    }

    #[test]
    fn an_identifier_is_one_more_value_of_its_filter() {
        let filter = |n: usize, name: &str, value: &str| {
            format!("&Filters.Filter.{n}.Name={name}&Filters.Filter.{n}.Values.Value.1={value}")
        };
        let (orders, postgres) = (filter(1, "db-instance-id", "orders"), filter(2, "engine", "postgres"));
        check("", Ok(true));
        check(&orders, Ok(true));
        check(&filter(1, "db-instance-id", "payroll"), Ok(false));
        check(&format!("DBInstanceIdentifier=none{orders}{postgres}"), Ok(true));
        check(&format!("DBInstanceIdentifier=orders{}", filter(1, "db-instance-id", "payroll")), Ok(true));
        check(&format!("DBInstanceIdentifier=orders{}", filter(1, "engine", "mysql")), Ok(false));
        check("DBInstanceIdentifier=or--ders", Err("InvalidParameterValue"));
        check("DBInstanceIdentifier=", Ok(true));
        check(&filter(1, "db-instance-id", "arn:aws:rds:eu-west-1:1:db:"), Err("InvalidParameterValue"));
        check(
            &filter(1, "db-instance-id", "arn:aws:rds:eu-west-1:1:cluster:x"),
            Err("InvalidParameterValue"),
        );
        check(&filter(1, "tag:team", "orders"), Err("InvalidParameterValue"));
        check("Filters.Filter.1.Name=none&Filters.Filter.1.Values=", Err("InvalidParameterValue"));
        check("Filters.Filter.1.Name=engine&Filters.Filter.1.Values=", Err("InvalidParameterCombination"));
    }
}
