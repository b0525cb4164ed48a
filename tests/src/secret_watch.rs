//! Somebody who looks at the application's secret again and again.

use crate::{TimeLine, World};
use anyhow::Result;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// The time line of the live database, from now on.
#[derive(Debug)]
pub struct SecretWatch {
    line: Arc<Mutex<TimeLine>>,
    looking: JoinHandle<()>,
}

impl SecretWatch {
    /// Looks at the application's secret of this world.
    pub fn of(world: &World) -> Result<Self> {
        let line = Arc::<Mutex<TimeLine>>::default();
        let account = world.target.clone();
        let secret = world.target_outputs.get("ApplicationSecretArn")?.to_owned();
        let seen = Arc::clone(&line);
        let looking = tokio::spawn(async move {
            loop {
                let asked = Instant::now();
                // A look that fails says nothing.
                if let Ok(says) = account.secret(&secret).await {
                    let mut line = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    line.saw(&says.db_instance_identifier, asked, Instant::now());
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        Ok(Self { line, looking })
    }

    /// What was seen so far.
    pub fn line(&self) -> TimeLine {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for SecretWatch {
    fn drop(&mut self) {
        self.looking.abort();
    }
}
