//! YAML with its lines and CloudFormation's short tags, so that no form of a value escapes a check.

use saphyr::{LoadableYamlNode, MarkedYaml, YamlData};

/// A value, and the line that it begins at, counted from 0.
pub struct Node {
    pub line: usize,
    /// `Sub` of `!Sub …`.
    pub tag: Option<String>,
    pub kind: Kind,
}

pub enum Kind {
    /// A scalar as it reads; what is no string is empty, as nothing here asks for it.
    Text(String),
    List(Vec<Node>),
    /// In the file's order, each key with the line that it stands on.
    Map(Vec<Entry>),
}

/// A key and its value.
pub struct Entry {
    pub key: String,
    /// Counted from 0.
    pub line: usize,
    pub value: Node,
}

impl Node {
    /// The one document of a file.
    pub fn parse(text: &str) -> Self {
        let documents = MarkedYaml::load_from_str(text).unwrap();
        let [document] = documents.as_slice() else { panic!("{} documents", documents.len()) };
        Self::of(document)
    }

    fn of(node: &MarkedYaml<'_>) -> Self {
        let line = node.span.start.line().saturating_sub(1);
        let kind = match &node.data {
            YamlData::Tagged(tag, inner) => {
                return Self { line, tag: Some(tag.suffix.clone()), ..Self::of(inner) };
            }
            YamlData::Sequence(items) => Kind::List(items.iter().map(Self::of).collect()),
            YamlData::Mapping(entries) => Kind::Map(entries.iter().map(Entry::of).collect()),
            data => Kind::Text(text(data)),
        };
        Self { line, tag: None, kind }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The value below these keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    pub fn entries(&self) -> &[Entry] {
        if let Kind::Map(entries) = &self.kind { entries } else { &[] }
    }

    pub fn text(&self) -> Option<&str> {
        if let Kind::Text(text) = &self.kind { Some(text) } else { None }
    }

    /// The scalars of a list, or the one that stands for a list of one.
    pub fn texts(&self) -> Vec<&str> {
        match &self.kind {
            Kind::Text(text) => vec![text],
            Kind::List(items) => items.iter().flat_map(Self::texts).collect(),
            Kind::Map(_) => Vec::new(),
        }
    }

    /// This node and every one below it.
    pub fn all(&self) -> Vec<&Node> {
        let below: Vec<&Node> = match &self.kind {
            Kind::Text(_) => Vec::new(),
            Kind::List(items) => items.iter().collect(),
            Kind::Map(entries) => entries.iter().map(|entry| &entry.value).collect(),
        };
        [self].into_iter().chain(below.into_iter().flat_map(Self::all)).collect()
    }
}

impl Entry {
    fn of((key, value): (&MarkedYaml<'_>, &MarkedYaml<'_>)) -> Self {
        Self { key: text(&key.data), line: key.span.start.line().saturating_sub(1), value: Node::of(value) }
    }
}

fn text<'a>(data: &YamlData<'a, MarkedYaml<'a>>) -> String {
    let number = || data.as_integer().map(|it| it.to_string());
    data.as_str().map(str::to_owned).or_else(number).unwrap_or_default()
}

#[test]
fn every_form_of_a_star_is_one_star() {
    for form in ["Resource: '*'", "Resource: ['*']", "Resource:\n- \"*\"", "{Resource: '*'}"] {
        assert_eq!(Node::parse(form).get("Resource").unwrap().texts(), ["*"], "{form}");
    }
    let tagged = Node::parse("a: 1\nb: !Sub '${Key}'\n");
    let sub = tagged.get("b").unwrap();
    assert_eq!((sub.line, sub.tag.as_deref(), sub.text()), (1, Some("Sub"), Some("${Key}")));
}
