//! Answers: the result of an operation or a refusal, as RDS words them.

use super::xml::Element;
use crate::rds::model::refusal::Refusal;

/// The namespace of every answer.
pub const NAMESPACE: &str = "http://rds.amazonaws.com/doc/2014-10-31/";

/// The result of an operation: the children of its `…Result` element, none where the operation has no result.
pub type Outcome = Result<Vec<Element>, Refusal>;

/// An answer for the wire, and what the record keeps of it.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The wire code of an error.
    pub error: Option<&'static str>,
    /// The statements that allowed it.
    pub allowed_by: Vec<String>,
    /// The XML.
    pub body: String,
    /// The request's identifier.
    pub request_id: String,
}

/// The root element of a success.
pub fn succeeded(action: &str, children: Vec<Element>, request_id: &str) -> Element {
    let mut response = Element::new(format!("{action}Response"));
    if !children.is_empty() {
        let result = children.into_iter().fold(Element::new(format!("{action}Result")), Element::child);
        response = response.child(result);
    }
    response.child(Element::new("ResponseMetadata").text("RequestId", request_id))
}

/// The root element of a refusal.
pub fn refused(refusal: &Refusal, request_id: &str) -> Element {
    let (code, status) = refusal.code();
    let error = Element::new("Error")
        .text("Type", if status < 500 { "Sender" } else { "Receiver" })
        .text("Code", code)
        .text("Message", refusal.message());
    Element::new("ErrorResponse").child(error).text("RequestId", request_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Rule of AWS: answers and errors have the shapes and codes of botocore's model.
    #[test]
    fn error_answer_is_what_sdks_parse() {
        let xml = refused(&Refusal::DbSnapshotNotFound("o<1".into()), "r-1").render(NAMESPACE).unwrap();
        assert_eq!(
            xml,
            "<ErrorResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><Error><Type>Sender</Type>\
             <Code>DBSnapshotNotFound</Code><Message>DBSnapshot o&lt;1 not found.</Message></Error>\
             <RequestId>r-1</RequestId></ErrorResponse>"
        );
        assert_eq!(Refusal::InternalFailure(String::new()).code(), ("InternalFailure", 500));
    }
}
