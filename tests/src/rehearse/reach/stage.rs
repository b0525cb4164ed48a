//! Callers that write without a pause, while one event after the other is played.

use super::report::{By, Kind, Played, Written};
use ::tests::{Example, SecretWatch, World, Writer};
use anyhow::{Context, Result};
use executions::Screen;
use std::time::{Duration, Instant};

/// How many callers write at once. Each request has a function of its own, and each function a connection.
pub const CALLERS: usize = 2;
/// An event is over when so many writes in a row were acknowledged by the new live copy, for each caller.
const ENOUGH: usize = 20;
/// If that never comes.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the callers and the watch are for.
pub struct Stage<'a> {
    world: &'a World,
    by: By,
    watch: SecretWatch,
    writers: Vec<Writer>,
    played: Vec<Played>,
}

impl<'a> Stage<'a> {
    /// Lets the callers begin, and waits until each of them writes to the live copy.
    pub async fn open(world: &'a World, by: By, example: &Example) -> Result<Self> {
        let watch = SecretWatch::of(world)?;
        // No two stages write the same entry.
        let now = jiff::Timestamp::now().as_millisecond();
        let writers = (0..CALLERS).map(|caller| example.write_on(&format!("{now}-{caller}"))).collect();
        let this = Self { world, by, watch, writers, played: Vec::new() };
        this.land_in(&world.application_secret().await?.db_instance_identifier).await;
        Ok(this)
    }

    /// Plays an event, and waits until writes land where it leads.
    pub async fn play(
        &mut self,
        kind: Kind,
        screen: &Screen,
        what: &str,
        event: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let began = Instant::now();
        let all = async {
            event.await?;
            let copy = self.world.application_secret().await?.db_instance_identifier;
            self.land_in(&copy).await;
            Ok::<_, anyhow::Error>(copy)
        };
        let copy = screen.during(what, all).await?;
        let moved = match kind {
            Kind::Failover => began,
            _ => self.watch.line().last_change().context("the application's secret did not move")?,
        };
        self.played.push(Played { by: self.by, kind, copy, began, moved, ended: Instant::now() });
        Ok(())
    }

    /// Waits until writes of each caller were acknowledged by this copy; gives up quietly, since the report tells.
    async fn land_in(&self, copy: &str) {
        let began = Instant::now();
        let lands = |writer: &Writer| {
            let writes = writer.so_far();
            let since = writes.iter().rev().take_while(|it| it.began >= began);
            since.take_while(|it| it.is_acknowledged() && it.said == copy).count() >= ENOUGH
        };
        while began.elapsed() < PATIENCE && !self.writers.iter().all(lands) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends the callers, and looks where each entry is.
    pub async fn close(self) -> Result<(Vec<Played>, Written)> {
        let mut callers = Vec::new();
        for writer in self.writers {
            callers.push(writer.end().await?);
        }
        let line = self.watch.line();
        let kept = self.world.entries_in(line.databases()).await?;
        Ok((self.played, Written { callers, line, kept }))
    }
}
