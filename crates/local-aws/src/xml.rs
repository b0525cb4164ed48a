//! Answers as a small tree of elements, rendered by `quick-xml`.

use std::{fmt::Display, io};

use quick_xml::{Writer, events::BytesText};

/// An element with text or with children.
#[derive(Debug, Clone)]
pub struct Element {
    name: String,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Text(String),
    Children(Vec<Element>),
}

impl Element {
    /// An element without content.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), content: Content::Children(Vec::new()) }
    }

    /// An element with text.
    pub fn of_text(name: impl Into<String>, text: impl Display) -> Self {
        Self { name: name.into(), content: Content::Text(text.to_string()) }
    }

    /// Adds a child.
    pub fn child(mut self, child: Self) -> Self {
        match &mut self.content {
            Content::Children(children) => children.push(child),
            Content::Text(_) => self.content = Content::Children(vec![child]),
        }
        self
    }

    /// Adds a child with text.
    pub fn text(self, name: impl Into<String>, text: impl Display) -> Self {
        self.child(Self::of_text(name, text))
    }

    /// Adds a child if there is text: AWS leaves out an element that has no value.
    pub fn maybe(self, name: &'static str, text: Option<impl Display>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// Adds a list, also an empty one.
    pub fn list(self, name: &'static str, members: impl IntoIterator<Item = Self>) -> Self {
        let list = members.into_iter().fold(Self::new(name), Self::child);
        self.child(list)
    }

    /// The XML, with the service's namespace on the root.
    pub fn render(&self, namespace: &str) -> io::Result<String> {
        let mut writer = Writer::new(Vec::new());
        self.write(&mut writer, Some(namespace))?;
        String::from_utf8(writer.into_inner()).map_err(io::Error::other)
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>, namespace: Option<&str>) -> io::Result<()> {
        let mut element = writer.create_element(self.name.as_str());
        if let Some(namespace) = namespace {
            element = element.with_attribute(("xmlns", namespace));
        }
        match &self.content {
            Content::Text(text) => element.write_text_content(BytesText::new(text))?,
            Content::Children(children) => element.write_inner_content(|writer| {
                children.iter().try_for_each(|child| child.write(writer, None))
            })?,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_is_rendered_with_lists_and_escapes() {
        let tags =
            [("a", "1 & 2")].map(|(key, value)| Element::new("Tag").text("Key", key).text("Value", value));
        let xml =
            Element::new("R").text("N", 5).maybe("Absent", None::<i32>).list("TagList", tags).list("L", []);
        assert_eq!(
            xml.render("http://rds.amazonaws.com/doc/2014-10-31/").unwrap(),
            "<R xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><N>5</N>\
             <TagList><Tag><Key>a</Key><Value>1 &amp; 2</Value></Tag></TagList><L></L></R>"
        );
    }
}
