//! DescribeAccountAttributes: the quotas that the local AWS has.

use std::sync::Arc;

use super::protocol::{answer::Outcome, request::Request, xml::Element};
use crate::rds::{model::quotas, operations::rds::Rds};

/// DescribeAccountAttributes.
pub fn describe(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let state = rds.state();
    let quotas = quotas::all(&state, request.place);
    let quotas = quotas.map(|(name, used, most)| {
        Element::new("AccountQuota").text("AccountQuotaName", name).text("Used", used).text("Max", most)
    });
    Ok(vec![quotas.into_iter().fold(Element::new("AccountQuotas"), Element::child)])
}
