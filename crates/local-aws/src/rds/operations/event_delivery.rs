//! Events go to EventBridge, whose rules lead them on: to functions, state machines, queues and topics.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::rds::Rds;
use crate::{ministack::Client, rds::model::events::Event};

/// Delivers every event, once and at once unless a misbehaviour is planned for it.
pub async fn deliver(rds: Arc<Rds>, ministack: Client, mut events: UnboundedReceiver<Event>) {
    while let Some(event) = events.recv().await {
        if rds.outages().unanswered(&[&event.place.region]).is_some() {
            tracing::info!("{} of {} is lost with its Region", id(&event), event.arn);
            continue;
        }
        let planned = rds.misbehaviours().event_is_delivered(&event.identifier, &id(&event));
        let Some((times, after_seconds)) = planned else {
            put(&ministack, &event).await;
            continue;
        };
        let (clock, ministack) = (rds.clock, ministack.clone());
        tokio::spawn(async move {
            clock.pass(std::time::Duration::from_secs(after_seconds.into())).await;
            for _ in 0..times {
                put(&ministack, &event).await;
            }
        });
    }
}

async fn put(ministack: &Client, event: &Event) {
    if let Err(error) = ministack.put_event(&event.place, &entry(event)).await {
        tracing::error!("cannot deliver {} of {}: {error:#}", id(event), event.arn);
    }
}

fn id(event: &Event) -> String {
    format!("RDS-EVENT-{}", event.what.id)
}

/// An entry of PutEvents. Source: EventBridge reference of events, `aws.rds`.
fn entry(event: &Event) -> Value {
    let (kind, source_type) = match event.is_of_instance() {
        true => ("RDS DB Instance Event", "DB_INSTANCE"),
        false => ("RDS DB Snapshot Event", "SNAPSHOT"),
    };
    let detail = json!({
        "EventCategories": [event.what.category],
        "SourceType": source_type,
        "SourceArn": event.arn,
        "Date": event.at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "Message": event.what.message,
        "SourceIdentifier": event.identifier,
        "EventID": id(event),
    });
    json!({ "Source": "aws.rds", "DetailType": kind, "Detail": detail.to_string(), "Resources": [event.arn] })
}
