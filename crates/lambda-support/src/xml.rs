//! What an answer in XML says.

use aws_smithy_xml::decode::{Document, try_data};

/// The text of every element of this name, in order. What is no XML has none.
pub fn texts(xml: &str, element: &str) -> Vec<String> {
    let (mut document, mut texts) = (Document::new(xml), Vec::new());
    while let Some(start) = document.next_start_element() {
        if start.matches(element)
            && let Ok(text) = try_data(&mut document)
        {
            texts.push(text.into_owned());
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_of_a_name_gives_its_text() {
        let xml = "<a xmlns=\"x\"><set><item><cidrBlock>10.0.0.0/24</cidrBlock><b/></item><item><cidrBlock>10.0.1.0/24\
                   </cidrBlock></item></set></a>";
        assert_eq!(texts(xml, "cidrBlock"), ["10.0.0.0/24", "10.0.1.0/24"]);
        assert_eq!(texts(xml, "vpcId"), [""; 0]);
        assert_eq!(texts("no XML", "vpcId"), [""; 0]);
    }
}
