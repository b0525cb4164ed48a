//! Lists of planned faults and misbehaviours: the control routes fill them, and calls of AWS use them up.

use std::{
    fmt::Debug,
    sync::{Mutex, MutexGuard},
};

use crate::lock;

/// What is still to come, in the order in which it was asked for.
pub struct Planned<T>(Mutex<Vec<T>>);

impl<T> Default for Planned<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone + Debug> Planned<T> {
    /// Adds one at the end.
    pub fn add(&self, wanted: T) {
        tracing::info!("planned: {wanted:?}");
        self.lock().push(wanted);
    }

    /// All that is still to come.
    pub fn pending(&self) -> Vec<T> {
        self.lock().clone()
    }

    /// Forgets what is still to come.
    pub fn forget(&self) {
        self.lock().clear();
    }

    /// The list itself, to use it up.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        lock(&self.0)
    }
}
