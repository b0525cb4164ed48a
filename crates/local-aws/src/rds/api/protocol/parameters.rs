//! The parameters of a request of the query protocol.

use std::collections::BTreeMap;

use crate::rds::model::{identifiers, refusal::Refusal, settings, tags::Tags};

/// `Action=…&Name=value&List.Member.1=…`.
#[derive(Debug, Clone, Default)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// From a form body, and from the query string, which the protocol allows too.
    pub fn parse(query: Option<&str>, body: &[u8]) -> Self {
        let query = query.unwrap_or_default().as_bytes();
        Self(
            [query, body]
                .into_iter()
                .flat_map(form_urlencoded::parse)
                .map(|(n, v)| (n.into(), v.into()))
                .collect(),
        )
    }

    /// The operation.
    pub fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
    }

    /// A parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter that the operation cannot do without.
    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        let value = self.get(name).ok_or_else(|| Refusal::MissingParameter(name.to_owned()))?;
        if value.trim().is_empty() {
            let message = format!("The parameter {name} must be provided and must not be blank.");
            return Err(Refusal::InvalidParameterValue(message));
        }
        Ok(value)
    }

    /// The identifier of a DB instance, which may not be an ARN.
    pub fn instance(&self, name: &str) -> Result<String, Refusal> {
        identifiers::instance(name, self.required(name)?)
    }

    /// The identifier of a manual DB snapshot, which may not be an ARN.
    pub fn snapshot(&self, name: &str) -> Result<String, Refusal> {
        identifiers::snapshot(name, self.required(name)?)
    }

    /// A boolean; absent is false.
    pub fn flag(&self, name: &str) -> Result<bool, Refusal> {
        self.get(name).map_or(Ok(false), |value| settings::boolean(name, value))
    }

    /// An integer.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.get(name).map(|value| settings::integer(name, value)).transpose()
    }

    /// A name, in lower case as RDS keeps it.
    pub fn name(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_lowercase)
    }

    /// The list `Name.Member.1`, `Name.Member.2`, …; `member` as an element's name is understood too, as AWS does.
    /// An absent list differs from an empty one: it changes nothing.
    pub fn list(&self, name: &str, member: &str) -> Option<Vec<String>> {
        let of = |member: &str| -> Vec<String> {
            let values = (1..).map_while(|n| self.0.get(&format!("{name}.{member}.{n}")));
            values.cloned().collect()
        };
        let values = [of(member), of("member")].into_iter().find(|values| !values.is_empty());
        values.or_else(|| self.0.contains_key(name).then(Vec::new))
    }

    /// `Tags.Tag.N.Key` and `.Value`.
    pub fn tags(&self) -> Result<Option<Tags>, Refusal> {
        let prefix = |n: usize| {
            ["Tag", "member"].map(|member| format!("Tags.{member}.{n}")).into_iter().find(|prefix| {
                self.0.contains_key(&format!("{prefix}.Key"))
                    || self.0.contains_key(&format!("{prefix}.Value"))
            })
        };
        let mut pairs = Vec::new();
        for prefix in (1..).map_while(prefix) {
            let key = self.required(&format!("{prefix}.Key"))?;
            pairs.push((key.to_owned(), self.get(&format!("{prefix}.Value")).unwrap_or_default().to_owned()));
        }
        if pairs.is_empty() { Ok(None) } else { Tags::checked(pairs).map(Some) }
    }

    /// `Filters.Filter.N.Name` and `.Values.Value.M`: the names and the values that pass.
    pub fn filters(&self) -> impl Iterator<Item = (&str, Vec<String>)> {
        let name = |n: usize| Some((n, self.get(&format!("Filters.Filter.{n}.Name"))?));
        (1..).map_while(name).map(|(n, name)| {
            let values = self.list(&format!("Filters.Filter.{n}.Values"), "Value");
            (name, values.unwrap_or_default())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_tags_and_filters_are_read_as_sdks_write_them() {
        let body = "Action=X&Port=5433&Ok=true&ValuesToAdd.AttributeValue.1=1&ValuesToAdd.AttributeValue.2=2\
            &TagKeys.member.1=k&Tags.Tag.1.Key=a&Tags.Tag.1.Value=b+c&Tags.Tag.2.Key=empty\
            &Filters.Filter.1.Name=engine&Filters.Filter.1.Values.Value.1=postgres";
        let parameters = Parameters::parse(Some("Version=2014-10-31"), body.as_bytes());
        assert_eq!((parameters.action(), parameters.get("Version")), ("X", Some("2014-10-31")));
        assert_eq!(parameters.integer("Port"), Ok(Some(5433)));
        assert_eq!((parameters.flag("Ok"), parameters.flag("Absent")), (Ok(true), Ok(false)));
        assert_eq!(parameters.list("ValuesToAdd", "AttributeValue"), Some(vec!["1".into(), "2".into()]));
        assert_eq!(parameters.list("TagKeys", "member"), Some(vec!["k".into()]));
        assert_eq!(parameters.list("ValuesToRemove", "AttributeValue"), None);
        let tags = parameters.tags().unwrap().unwrap();
        assert_eq!((tags.get("a"), tags.get("empty")), (Some("b c"), Some("")));
        let filters: Vec<_> = parameters.filters().collect();
        assert_eq!(filters, [("engine", vec!["postgres".into()])]);
        assert_eq!(parameters.required("Nothing"), Err(Refusal::MissingParameter("Nothing".into())));
        let blank = Parameters::parse(Some("Name=+"), b"");
        assert_eq!(blank.required("Name").unwrap_err().code().0, "InvalidParameterValue");
    }
}
