//! Calls that get no answer, because a Region is away.

use axum::response::Response;

use super::{calls::Relay, record::Call, wire};
use crate::{caller::Caller, outages::Calls};

impl Relay {
    /// The end of a call that is for a Region that is away, or comes from there. The record has it at once.
    pub(super) async fn away(&self, call: &Call, caller: Option<&Caller>) -> Option<Response> {
        let regions: Vec<&str> =
            [Some(call.region.as_str()), caller.and_then(Caller::region)].into_iter().flatten().collect();
        let how = self.rds.outages().unanswered(&regions)?;
        self.record.push(Call { error: Some("RegionIsAway".to_owned()), ..call.clone() });
        if how == Calls::Hang {
            self.rds.outages().pass(&regions).await;
        }
        Some(wire::closed())
    }
}
