//! The decision, case by case and on any lanes.

use super::*;
use proptest::prelude::*;
use replication::RunId;
use std::collections::BTreeSet;

const LIVE: u32 = 3;
const OWN: u32 = 4;

fn run(day: u32) -> Run {
    Run::from_identifier(&format!("orders-202611{day:02}t000000z-0000")).unwrap()
}

/// A target as `4 AVAILABLE` or `4 UNAVAILABLE AUTH_FAILURE`: its day, how it is, and why. Day 9 is no copy.
fn target(text: &str) -> DbProxyTargetSeen {
    let mut words = text.split(' ');
    let mut next = || words.next().unwrap_or_default();
    DbProxyTargetSeen {
        identifier: run(next().parse().unwrap()).identifier(),
        health: DbProxyHealth::of(next()),
        reason: next().to_owned(),
    }
}

/// Lanes `lane-1`, `lane-2`, …: the target of each. A lane whose secret says the copy's login ends in `!`.
fn lanes(targets: &[&str]) -> Vec<LaneSeen> {
    let lane = |(index, text): (usize, &&str)| LaneSeen {
        db_proxy_name: format!("lane-{}", index + 1),
        endpoint: format!("lane-{}.example", index + 1),
        targets: Some(text.trim_end_matches('!'))
            .filter(|it| !it.is_empty())
            .map(target)
            .into_iter()
            .collect(),
        lane_secret_id: format!("secret-{}", index + 1),
        knows_login: text.ends_with('!'),
    };
    targets.iter().enumerate().map(lane).collect()
}

#[derive(Debug)]
struct World {
    copies: Vec<CopySeen>,
    live: LiveRuns,
    live_host: Option<&'static str>,
    pinned: Option<String>,
    pin: Pin,
}

/// The copies of five days; that of day 3 is live by the first lane, and day 4 needs a lane.
fn world() -> World {
    World {
        copies: (1..=5).map(|day| CopySeen { run: run(day), within_grace: false }).collect(),
        live: Some([run(LIVE).id].into()),
        live_host: Some("LANE-1.example"),
        pinned: None,
        pin: Pin::Respect,
    }
}

fn waited(last: Option<&str>) -> Waiting {
    Waiting { looks: u32::from(last.is_some()), status: last.map(str::to_owned), ..Waiting::default() }
}

impl World {
    fn plan(&self, lanes: &[LaneSeen], waiting: &Waiting) -> Result<Act, Error> {
        let seen = Seen {
            lanes,
            copies: &self.copies,
            live: self.live.clone(),
            live_host: self.live_host,
            pinned: self.pinned.as_deref(),
        };
        let wanted = Wanted { pin: self.pin, db_port: 5444, deadline: Deadline::constant::<3_600>() };
        plan(&run(OWN), &seen, &wanted, waiting)
    }

    /// What becomes of these lanes after a look that saw `last`.
    fn says(&self, targets: &[&str], last: Option<&str>) -> String {
        match self.plan(&lanes(targets), &waited(last)) {
            Ok(Act::Deregister { lane, db_instance_identifier: it }) => {
                format!("deregister {} in {}", it[13..15].trim_start_matches('0'), lane + 1)
            }
            Ok(Act::WriteSecret { lane }) => format!("write {}", lane + 1),
            Ok(Act::Register { lane }) => format!("register in {}", lane + 1),
            Ok(Act::Wait(look)) => format!("wait: {}", look.reason),
            Ok(Act::Done { lane: Some(lane), .. }) => format!("done in {}", lane + 1),
            Ok(Act::Done { look, lane: None }) => look.reason,
            Err(error) => error.to_string(),
        }
    }
}

#[track_caller]
fn check(world: &World, targets: &[&str], last: Option<&str>, expected: &str) {
    let got = world.says(targets, last);
    let whole = got == expected || (got.starts_with("wait") && got.contains(expected));
    assert!(whole && !expected.is_empty(), "{targets:?} after {last:?}: {got:?}, not {expected:?}");
}

// Invariant: the lane secret says the copy's login before the copy becomes a target.
#[test]
fn a_lanes_secret_is_written_before_the_copy_is_registered() {
    let world = world();
    check(&world, &["3 AVAILABLE", ""], None, "write 2");
    check(&world, &["3 AVAILABLE", "!"], Some("writing"), "register in 2");
    let new = "4 UNAVAILABLE PENDING_PROXY_CAPACITY!";
    check(&world, &["3 AVAILABLE", new], Some("registering"), "PENDING_PROXY_CAPACITY");
    check(&world, &["3 AVAILABLE", "4 REGISTERING!"], Some("registering"), "is registered");
    check(&world, &["3 AVAILABLE", "4 AVAILABLE!"], Some("registering"), "looking once more");
    check(&world, &["3 AVAILABLE", "4 AVAILABLE!"], Some(AVAILABLE), "done in 2");
    // Nothing is done twice.
    check(&world, &["3 AVAILABLE", "4 AVAILABLE!"], None, "done in 2");
    // Its password was changed since it got this lane.
    check(&world, &["3 AVAILABLE", "4 AVAILABLE"], None, "write 2");
    check(&world, &["3 AVAILABLE", "4 UNAVAILABLE AUTH_FAILURE"], Some(AVAILABLE), "write 2");
}

#[test]
fn an_empty_lane_comes_before_an_outlived_copys_and_the_oldest_copy_goes_first() {
    let world = world();
    check(&world, &["3 AVAILABLE", "2 AVAILABLE"], None, "deregister 2 in 2");
    check(&world, &["3 AVAILABLE", "2 UNAVAILABLE", "1 AVAILABLE"], None, "deregister 1 in 3");
    check(&world, &["3 AVAILABLE", "1 AVAILABLE", ""], None, "write 3");
    // Somebody was faster: the lane that was written before is tried first.
    check(&world, &["3 AVAILABLE", "", "!"], Some("writing"), "register in 3");
}

#[test]
fn what_somebody_needs_is_waited_for_and_named() {
    let name = |day: u32, why: &str| format!("DB instance {} has it, which is {why}", run(day).identifier());
    let taken = |world: &World, targets: &[&str], reason: &str| {
        check(world, targets, None, "every lane is taken");
        check(world, targets, None, reason);
    };
    let plain = world();
    taken(&plain, &["3 AVAILABLE", "5 AVAILABLE"], &name(5, "newer"));
    taken(&plain, &["3 AVAILABLE", "9 AVAILABLE"], "is its target, which is no copy of this replication");
    taken(&plain, &["", "5 AVAILABLE"], "lane-1: the application's secret names it");
    let elsewhere = World { live_host: Some("db.example"), ..world() };
    taken(&elsewhere, &["3 AVAILABLE", "5 AVAILABLE"], &name(3, "live"));
    let mut graced = world();
    graced.copies[1].within_grace = true;
    taken(&graced, &["3 AVAILABLE", "2 AVAILABLE"], &name(2, "within cutoverGraceHours"));
    let silent = World { live: None, live_host: None, ..world() };
    let perhaps = name(2, "perhaps live, as the application's secret does not say");
    taken(&silent, &["3 AVAILABLE", "2 AVAILABLE"], &perhaps);
    check(&silent, &["3 AVAILABLE", ""], None, "write 2");
}

#[test]
fn a_run_that_will_not_go_live_takes_no_lane() {
    let none = ["3 AVAILABLE", ""];
    let pinned = World { pinned: Some(run(LIVE).id.to_string()), ..world() };
    let reason = format!("the replication is pinned to run {}: the copy takes no lane", run(LIVE).id);
    check(&pinned, &none, None, &reason);
    check(&World { pin: Pin::Set, ..pinned }, &none, None, "write 2");
    let newer = World { live: Some([run(5).id].into()), ..world() };
    check(&newer, &none, None, &format!("run {} is live and newer: the copy takes no lane", run(5).id));
    check(&World { pin: Pin::Set, ..newer }, &none, None, "write 2");
}

#[test]
fn a_copy_that_the_proxy_does_not_get_into_is_told_after_five_minutes() {
    let world = world();
    let fails = |reason: &str| {
        let lanes = lanes(&["3 AVAILABLE", &format!("4 UNAVAILABLE {reason}!")]);
        for last in [None, Some("registering"), Some("refused")] {
            assert!(matches!(world.plan(&lanes, &waited(last)), Ok(Act::Wait(_))), "{reason} {last:?}");
        }
        let error = world.plan(&lanes, &waited(Some("refused twice"))).unwrap_err();
        format!("{} {error}", error.name())
    };
    let refused = fails("AUTH_FAILURE");
    assert!(refused.starts_with("Snapferry.ProxyLoginRefused"), "{refused}");
    assert!(refused.contains("lane-2") && refused.contains("secret-2"), "{refused}");
    for reason in ["UNREACHABLE", "CONNECTION_FAILED"] {
        let failed = fails(reason);
        assert!(failed.starts_with("Snapferry.TargetNotHealthy"), "{failed}");
        assert!(failed.contains(reason) && failed.contains("port 5444"), "{failed}");
    }
}

fn any_lanes() -> impl Strategy<Value = Vec<LaneSeen>> {
    let states =
        prop::sample::select(vec!["AVAILABLE", "REGISTERING", "UNAVAILABLE AUTH_FAILURE", "UNAVAILABLE"]);
    let lane = (prop::option::of((1_u32..7, states)), any::<bool>());
    prop::collection::vec(lane, 2..4).prop_map(|all| {
        let text = |(target, knows): (Option<(u32, &str)>, bool)| {
            let target = target.map(|(day, state)| format!("{day} {state}")).unwrap_or_default();
            format!("{target}{}", if knows { "!" } else { "" })
        };
        let texts: Vec<String> = all.into_iter().map(text).collect();
        lanes(&texts.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

proptest! {
    // Invariant: the lane of the live copy, and what others need, is left alone.
    // Invariant: a copy is registered only where the lane secret says its login.
    #[test]
    fn nothing_that_anybody_needs_is_touched_on_any_lanes(
        lanes in any_lanes(),
        live in prop::option::of(prop::collection::btree_set(1_u32..=5, 0..3)),
        host in prop::sample::select(vec![None, Some("lane-1.example"), Some("lane-2.example"), Some("db.example")]),
        graces in prop::collection::vec(any::<bool>(), 5),
        last in prop::sample::select(vec![None, Some("writing"), Some("registering"), Some(AVAILABLE)]),
    ) {
        let mut world = World { live_host: host, ..world() };
        world.live = live.map(|days| days.into_iter().map(|day| run(day).id).collect::<BTreeSet<RunId>>());
        for (copy, within_grace) in world.copies.iter_mut().zip(graces) {
            copy.within_grace = within_grace;
        }
        let own = run(OWN).identifier();
        let of_others = |lane: &LaneSeen| lane.targets.iter().any(|it| it.identifier != own);
        match world.plan(&lanes, &waited(last)) {
            Ok(Act::Deregister { lane, db_instance_identifier }) => {
                let copy = world.copies.iter().find(|it| it.run.identifier() == db_instance_identifier);
                let copy = copy.expect("no copy of this replication");
                let live = world.live.as_ref().is_none_or(|it| it.contains(&copy.run.id));
                prop_assert!(!live && !copy.within_grace && copy.run.id < run(OWN).id);
                prop_assert!(world.live_host != Some(lanes[lane].endpoint.as_str()));
            }
            Ok(Act::WriteSecret { lane }) => prop_assert!(!of_others(&lanes[lane]) && !lanes[lane].knows_login),
            Ok(Act::Register { lane }) => {
                prop_assert!(lanes[lane].targets.is_empty() && lanes[lane].knows_login);
                prop_assert!(world.live_host != Some(lanes[lane].endpoint.as_str()));
            }
            Ok(Act::Done { lane: Some(lane), .. }) => {
                prop_assert!(lanes[lane].knows_login);
                let is_own = |it: &DbProxyTargetSeen| it.identifier == own && it.health == DbProxyHealth::Available;
                prop_assert!(lanes[lane].targets.len() == 1 && lanes[lane].targets.iter().all(is_own));
            }
            _ => {}
        }
    }
}
