//! Decides which failover it is; sees only its arguments.

use crate::{Error, Input, Response};
use failover::{Approval, Epochs, Manifest, Mode, Region, Values};

/// The Region that goes out of service.
pub fn other_region(manifest: &Manifest, to: &Region) -> Result<Region, Error> {
    manifest.other_region(to).cloned().ok_or_else(|| {
        let regions: Vec<&str> = manifest.regions.iter().map(Region::as_str).collect();
        let (group, regions) = (manifest.group.to_string(), regions.join(" and "));
        Error::NotInTheRegion { group, regions, to: to.to_string() }
    })
}

/// The failover, with all that its steps need.
pub fn answer(
    input: Input,
    from: Region,
    manifest: &Manifest,
    values: &Values,
    epochs: &Epochs,
    execution_name: &str,
) -> Result<Response, Error> {
    let begun = epochs.begin(&input.group, &input.to, execution_name, input.give_up.as_ref())?;
    if input.mode == Mode::Unplanned || manifest.approval == Approval::Always {
        return Err(Error::ApprovalNotServed);
    }
    // A resolved manifest has every value, so nothing of it is left out.
    let layers = manifest.resolved(values)?.directed(&input.to).unwrap_or_default();
    Ok(Response {
        group: input.group,
        epoch: begun.epoch,
        is_resumed: begun.is_resumed,
        mode: input.mode,
        from,
        to: input.to,
        reason: input.reason,
        give_up: input.give_up,
        drain_seconds: manifest.limits.drain_seconds,
        layers,
    })
}
