//! Tags, which every service lists in a type of its own.

use step::Tags;

/// Tags by key, from a service's list of them; `pair` takes one apart. A tag without a value counts as an empty one.
pub fn tags<T>(listed: Option<Vec<T>>, pair: impl Fn(T) -> (Option<String>, Option<String>)) -> Tags {
    let pairs = listed.unwrap_or_default().into_iter().map(pair);
    pairs.filter_map(|(key, value)| Some((key?, value.unwrap_or_default()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_without_a_value_is_kept_and_one_without_a_key_is_not() {
        let text = |it: &str| Some(it.to_owned());
        let list = vec![(text("snapferry:keep"), None), (None, text("x")), (text("team"), text("orders"))];
        let expected = [("snapferry:keep", ""), ("team", "orders")];
        let expected: Tags = expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        assert_eq!(tags(Some(list), |it| it), expected);
        assert_eq!(tags(None::<Vec<_>>, |it| it), Tags::new());
    }
}
