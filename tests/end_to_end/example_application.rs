//! The example application through its HTTP API, while the live database changes under it.

use crate::part::part;
use crate::{roll_back, run, world};
use anyhow::{Result, ensure};
use tests::{Example, REPLICATION, World, Write};

#[tokio::test]
async fn an_application_that_follows_its_secret_loses_no_acknowledged_write() -> Result<()> {
    let mut world = world().await?;
    world.create_source().await?;
    let example = Example::deploy(&world).await?;
    part("without a live copy it says so", async {
        let write = example.write("too-early").await?;
        assert_eq!(write.status, 503, "{write:?}");
        assert!(write.said.contains("leads to no database"), "{write:?}");
        Ok(())
    })
    .await?;
    let first = copy(&run(&world).await?);
    part("it writes to the live copy and reads from it", async {
        let write = example.write("one").await?;
        assert_eq!((write.status, &write.said), (201, &first), "{write:?}");
        assert_eq!(example.write("one").await?.status, 201, "a repetition is harmless");
        assert_eq!(example.entries().await?, (vec!["one".to_owned()], first.clone()));
        Ok(())
    })
    .await?;
    let second = part("a cut-over loses nothing", async {
        let writer = example.write_on("cut-over");
        let second = copy(&run(&world).await?);
        // What the application knew a moment ago is no longer so.
        assert_eq!(example.write("after").await?.said, second);
        all_are_kept(&world, &writer.end().await?, [&first, &second]).await?;
        Ok(second)
    })
    .await?;
    part("a rollback loses nothing", async {
        let writer = example.write_on("rollback");
        roll_back(&world, "previous").await?;
        assert_eq!(example.write("back").await?.said, first);
        all_are_kept(&world, &writer.end().await?, [&second, &first]).await
    })
    .await?;
    world.local_aws.stop().await
}

fn copy(run: &str) -> String {
    format!("{REPLICATION}-{run}")
}

/// Every write was acknowledged, first by one copy and from some write on by the other, and each is where it was said to be.
async fn all_are_kept(world: &World, writes: &[Write], copies: [&str; 2]) -> Result<()> {
    let refused: Vec<&Write> = writes.iter().filter(|it| !it.is_acknowledged()).collect();
    ensure!(refused.is_empty(), "refused: {refused:?}");
    let mut said: Vec<&str> = writes.iter().map(|it| it.said.as_str()).collect();
    said.dedup();
    ensure!(said == copies, "{said:?} is not {copies:?}");
    for (identifier, kept) in world.entries_in(copies).await? {
        let lost = writes.iter().filter(|it| it.said == identifier && !kept.contains(&it.id));
        let lost: Vec<&str> = lost.map(|it| it.id.as_str()).collect();
        ensure!(lost.is_empty(), "{identifier} lacks {lost:?}");
    }
    Ok(())
}
