//! One request: its caller, its parameters, and the statements that allowed it.

use std::sync::Mutex;

use super::parameters::Parameters;
use crate::{caller::Caller, lock, place::Place};

/// A request that is being answered.
pub struct Request<'a> {
    /// Its caller.
    pub caller: &'a Caller,
    /// The caller's account, and the Region that the request is for.
    pub place: &'a Place,
    /// Its parameters.
    pub parameters: &'a Parameters,
    allowed_by: Mutex<Vec<String>>,
}

impl<'a> Request<'a> {
    /// A request that no statement has allowed yet.
    pub fn new(caller: &'a Caller, place: &'a Place, parameters: &'a Parameters) -> Self {
        Self { caller, place, parameters, allowed_by: Mutex::default() }
    }

    /// Remembers statements that allowed something that the request needs.
    pub fn allowed_by(&self, statements: impl IntoIterator<Item = String>) {
        let mut all = lock(&self.allowed_by);
        for statement in statements {
            if !all.contains(&statement) {
                all.push(statement);
            }
        }
    }

    /// All statements that allowed it; none for an account's root user.
    pub fn into_allowed_by(self) -> Vec<String> {
        if self.caller.is_root() { vec![] } else { std::mem::take(&mut *lock(&self.allowed_by)) }
    }
}
