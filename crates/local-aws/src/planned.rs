//! What is planned to go wrong: a list that control calls fill, and that the calls of AWS use up.

use std::sync::{Mutex, MutexGuard};

use crate::lock;

/// What is still to come, in the order in which it was asked for.
pub struct Planned<T>(Mutex<Vec<T>>);

impl<T> Default for Planned<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Planned<T> {
    /// Adds one at the end.
    pub fn add(&self, wanted: T) {
        self.lock().push(wanted);
    }

    /// All that is still to come.
    pub fn all(&self) -> Vec<T> {
        self.lock().clone()
    }

    /// The list itself, for using it up.
    pub fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        lock(&self.0)
    }
}
