//! The values of parameter groups, on their way to servers.

use crate::rds::model::{engine::Engine, groups::GroupKind, state::State};

/// Leaves the values of its parameter group beside the data of a DB instance, where its server finds them at its next
/// start.
pub(super) fn hand_over(state: &State, resource_id: &str) {
    let Some(instance) = state.instances.get(resource_id) else { return };
    let group = (instance.place.clone(), GroupKind::Parameters, instance.parameter_group());
    let values = state.groups.get(&group).map(|it| &it.values);
    let lines = values.into_iter().flatten().map(|(name, value)| format!("--{name}={value}\n"));
    // A PostgreSQL that follows another one takes no writes anyway.
    let follows = instance.replica.is_some() && instance.database.engine == Engine::MariaDb;
    let lines = lines.chain(follows.then(|| "--read-only\n".to_owned()));
    let file = instance.directory.path().with_extension("parameters");
    if let Err(error) = std::fs::write(&file, lines.collect::<String>()) {
        tracing::error!("cannot write {}: {error}", file.display());
    }
}
