//! The decision, case by case and on any lanes.

use super::*;
use proptest::prelude::*;
use replication::RunId;

const LIVE: u32 = 3;
const OWN: u32 = 4;

fn run(day: u32) -> Run {
    Run::from_identifier(&format!("orders-202611{day:02}t000000z-0000")).unwrap()
}

/// The copy of a day, at the address 10.0.0.<day>.
fn copy(day: u32) -> CopySeen {
    let addresses = [format!("10.0.0.{day}")].into();
    CopySeen { run: run(day), addresses, port: 5432, within_grace: false }
}

/// A target as `4 healthy`: its day and how it is; with a port, `4:5433 healthy`.
fn target(text: &str) -> TargetSeen {
    let (place, state) = text.split_once(' ').unwrap();
    let (day, port) = place.split_once(':').unwrap_or((place, "5432"));
    TargetSeen {
        id: format!("10.0.0.{day}"),
        port: port.parse().unwrap(),
        health: Health::of(state),
        reason: "Target.Reason".to_owned(),
    }
}

/// Lanes at the ports 6001, 6002, …: the targets of each, with commas between.
fn lanes(targets: &[&str]) -> Vec<LaneSeen> {
    let lane = |(index, targets): (u16, &&str)| LaneSeen {
        target_group_arn: format!("lane-{}", index + 1),
        port: 6001 + index,
        targets: targets.split(", ").filter(|it| !it.is_empty()).map(target).collect(),
    };
    (0..).zip(targets).map(lane).collect()
}

fn deadline() -> Deadline {
    Deadline::constant::<3_600>()
}

#[derive(Debug)]
struct World {
    copies: Vec<CopySeen>,
    live: Option<BTreeSet<RunId>>,
    live_port: Option<u16>,
    pinned: Option<String>,
    pin: Pin,
}

/// The copies of five days; that of day 3 is live at the port 6001, and day 4 needs a lane.
fn world() -> World {
    World {
        copies: (1..=5).map(copy).collect(),
        live: Some([run(LIVE).id].into()),
        live_port: Some(6001),
        pinned: None,
        pin: Pin::Respect,
    }
}

impl World {
    fn plan(&self, lanes: &[LaneSeen], waiting: &Waiting) -> Result<Act, Error> {
        let ranges = ["10.0.0.0/24".to_owned()];
        let seen = Seen {
            lanes,
            copies: &self.copies,
            live: self.live.clone(),
            live_port: self.live_port,
            pinned: self.pinned.as_deref(),
            ranges: &ranges,
        };
        let own = self.copies.iter().find(|it| it.run == run(OWN)).unwrap();
        let wanted = Wanted { pin: self.pin, from: "sg-lb", deadline: deadline() };
        plan(own, &seen, &wanted, waiting)
    }

    /// What becomes of these lanes after a look that saw `last`.
    fn says(&self, targets: &[&str], last: Option<&str>) -> String {
        let waiting = Waiting {
            looks: last.iter().len() as u32,
            status: last.map(str::to_owned),
            ..Waiting::default()
        };
        let days = |targets: Vec<(String, u16)>| {
            let days = targets.into_iter().map(|(id, _)| id.rsplit('.').next().unwrap().to_owned());
            days.collect::<Vec<_>>().join(" ")
        };
        match self.plan(&lanes(targets), &waiting) {
            Ok(Act::Register { lane, targets }) => format!("register {} in {}", days(targets), lane + 1),
            Ok(Act::Deregister { lane, targets }) => format!("deregister {} in {}", days(targets), lane + 1),
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

#[test]
fn a_copy_takes_a_free_lane_becomes_healthy_and_is_alone_there() {
    let world = world();
    check(&world, &["3 healthy", ""], None, "register 4 in 2");
    check(&world, &["3 healthy", "4 initial"], Some("registering"), "Target.Reason");
    check(&world, &["3 healthy", "4 healthy"], Some("registering"), "looking once more");
    check(&world, &["3 healthy", "4 healthy"], Some(HEALTHY), "done in 2");
    // Nothing is done twice.
    check(&world, &["3 healthy", "4 healthy"], None, "done in 2");
}

#[test]
fn an_outlived_copy_leaves_its_lane_only_once_the_new_one_is_healthy_there() {
    let world = world();
    check(&world, &["3 healthy", "2 healthy"], None, "register 4 in 2");
    check(&world, &["3 healthy", "2 healthy, 4 initial"], Some("registering"), "is registered");
    check(&world, &["3 healthy", "2 healthy, 4 healthy"], Some("registering"), "looking once more");
    check(&world, &["3 healthy", "2 healthy, 4 healthy"], None, "looking once more");
    check(&world, &["3 healthy", "2 healthy, 4 healthy"], Some(HEALTHY), "deregister 2 in 2");
    check(&world, &["3 healthy", "2 draining, 4 healthy"], Some(LEAVING), "10.0.0.2:5432 leaves port 6002");
    check(&world, &["3 healthy", "4 healthy"], Some(LEAVING), "done in 2");
    // It fell ill meanwhile.
    check(&world, &["3 healthy", "2 healthy, 4 unhealthy"], Some(HEALTHY), "is not healthy");
    check(&world, &["3 healthy", "2 healthy, 4 healthy"], Some("refused"), "looking once more");
}

#[test]
fn an_empty_lane_comes_before_an_outlived_one_and_the_oldest_goes_first() {
    let world = world();
    check(&world, &["3 healthy", "2 healthy", ""], None, "register 4 in 3");
    check(&world, &["3 healthy", "2 healthy", "1 healthy"], None, "register 4 in 3");
    check(&world, &["3 healthy", "2 draining", "1 healthy"], None, "register 4 in 3");
    // A target that goes still gets connections for two minutes.
    check(&world, &["3 healthy", "2 draining"], None, "its last targets are going");
    // The way back to a copy that is going itself.
    check(&world, &["3 healthy", "", "4 draining"], None, "register 4 in 3");
    // The address that a database had before a failover.
    check(&world, &["3 healthy", "99 unhealthy"], None, "register 4 in 2");
    check(&world, &["3 healthy", "99 unhealthy, 4 healthy"], Some(HEALTHY), "deregister 99 in 2");
}

#[test]
fn what_somebody_needs_is_waited_for_and_named() {
    let name = |day: u32, why: &str| format!("DB instance {} has it, which is {why}", run(day).identifier());
    let taken = |world: &World, targets: &[&str], reason: &str| {
        check(world, targets, None, "every lane is taken");
        check(world, targets, None, reason);
    };
    let plain = world();
    taken(&plain, &["3 healthy", "5 healthy"], &name(5, "newer"));
    taken(&plain, &["3 healthy", "99 healthy"], "10.0.0.99:5432 is in it, which is no copy's address");
    taken(&plain, &["3 healthy", "2:5433 healthy"], "others registered 10.0.0.2:5433 in it");
    taken(&plain, &["3 healthy", "2:5433 unhealthy"], "others registered 10.0.0.2:5433 in it");
    taken(&plain, &["", "5 healthy"], "port 6001: the application's secret names its port");
    let elsewhere = World { live_port: Some(5432), ..world() };
    taken(&elsewhere, &["3 healthy", "5 healthy"], &name(3, "live"));
    taken(&elsewhere, &["3 unhealthy", "5 healthy"], &name(3, "live"));
    let mut graced = world();
    graced.copies[1].within_grace = true;
    taken(&graced, &["3 healthy", "2 healthy"], &name(2, "within cutoverGraceHours"));
    let silent = World { live: None, live_port: None, ..world() };
    taken(
        &silent,
        &["3 healthy", "2 healthy"],
        &name(2, "perhaps live, as the application's secret does not say"),
    );
    check(&silent, &["3 healthy", ""], None, "register 4 in 2");
    // A newer run came into the same lane: it will have it.
    check(&plain, &["3 healthy", "5 healthy, 4 healthy"], Some(HEALTHY), "port 6002 is shared");
}

#[test]
fn a_run_that_will_not_go_live_takes_no_lane() {
    let none = ["3 healthy", ""];
    let pinned = World { pinned: Some(run(LIVE).id.to_string()), ..world() };
    let reason = format!("the replication is pinned to run {}: the copy takes no lane", run(LIVE).id);
    check(&pinned, &none, None, &reason);
    let newer = World { live: Some([run(5).id].into()), ..world() };
    check(&newer, &none, None, &format!("run {} is live and newer: the copy takes no lane", run(5).id));
    // A rollback goes back on purpose, and so does a run that the replication is pinned to.
    for pin in [Pin::Set, Pin::Release] {
        check(&World { pin, ..newer_live() }, &none, None, "register 4 in 2");
        check(
            &World { pin, pinned: Some(run(LIVE).id.to_string()), ..world() },
            &none,
            None,
            "register 4 in 2",
        );
    }
    let own = World { pinned: Some(run(OWN).id.to_string()), ..newer_live() };
    check(&own, &none, None, "register 4 in 2");
    let live_itself = World { live: Some([run(OWN).id].into()), live_port: Some(6001), ..world() };
    check(&live_itself, &["4 healthy", ""], None, "done in 1");
}

fn newer_live() -> World {
    World { live: Some([run(5).id].into()), ..world() }
}

// Invariant: only addresses within the DB subnet group's subnets are registered.
#[test]
fn a_stray_address_is_never_registered() {
    for (addresses, part) in [
        (vec![], "leads to no address"),
        (vec!["192.0.2.1"], "leads to 192.0.2.1, which is in none of the subnets"),
        (vec!["10.0.0.4", "192.0.2.1"], "leads to 192.0.2.1"),
    ] {
        let mut world = world();
        world.copies[3].addresses = addresses.iter().map(|it| (*it).to_owned()).collect();
        for last in [None, Some("refused")] {
            let got = world.says(&["3 healthy", ""], last);
            assert!(got.starts_with("wait") && got.contains(part), "{got}");
        }
        let waiting = Waiting { looks: 2, status: Some("refused twice".to_owned()), ..Waiting::default() };
        let error = world.plan(&lanes(&["3 healthy", ""]), &waiting).unwrap_err();
        assert_eq!(error.name().as_str(), "Snapferry.TargetAddressUnknown");
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn a_copy_that_the_load_balancer_does_not_reach_is_told_with_the_group_to_open() {
    let world = world();
    for state in ["unhealthy", "unused"] {
        let waiting = Waiting { looks: 3, status: Some("refused twice".to_owned()), ..Waiting::default() };
        let error = world.plan(&lanes(&["3 healthy", &format!("4 {state}")]), &waiting).unwrap_err();
        assert_eq!(error.name().as_str(), "Snapferry.TargetNotHealthy");
        let text = error.to_string();
        assert!(text.contains("10.0.0.4:5432 (Target.Reason)") && text.contains("let sg-lb in at port 5432"));
    }
}

#[test]
fn every_address_of_the_copy_is_a_target() {
    let mut world = world();
    world.copies[3].addresses.insert("10.0.0.40".to_owned());
    check(&world, &["3 healthy", "4 healthy"], None, "register 40 in 2");
    check(&world, &["3 healthy", "4 healthy, 40 initial"], Some("registering"), "is registered");
    check(&world, &["3 healthy", "4 healthy, 40 healthy"], Some(HEALTHY), "done in 2");
}

#[test]
fn what_an_act_leaves_behind_is_remembered() {
    let (lane, targets) = (0, Vec::new());
    assert_eq!(after(&Act::Register { lane, targets: targets.clone() }), "registering");
    assert_eq!(after(&Act::Deregister { lane, targets }), LEAVING);
}

fn any_target() -> impl Strategy<Value = TargetSeen> {
    let states =
        prop::sample::select(vec!["initial", "healthy", "unhealthy", "draining", "unused", "unavailable"]);
    (1_u32..8, prop::sample::select(vec![5432_u16, 5432, 5432, 5433]), states)
        .prop_map(|(day, port, state)| target(&format!("{day}:{port} {state}")))
}

fn any_lanes() -> impl Strategy<Value = Vec<LaneSeen>> {
    let targets = prop::collection::vec(any_target(), 0..4);
    prop::collection::vec(targets, 2..4).prop_map(|all| {
        let lane = |(index, mut targets): (u16, Vec<TargetSeen>)| {
            targets.sort_by_key(TargetSeen::to_string);
            targets.dedup_by_key(|it| it.to_string());
            LaneSeen { target_group_arn: format!("lane-{index}"), port: 6001 + index, targets }
        };
        (0..).zip(all).map(lane).collect()
    })
}

fn any_world() -> impl Strategy<Value = World> {
    let days = prop::option::of(prop::collection::btree_set(1_u32..=5, 0..3));
    let pin = prop::sample::select(vec![Pin::Respect, Pin::Set, Pin::Release]);
    (days, prop::option::of(6001_u16..6004), pin, prop::collection::vec(any::<bool>(), 5)).prop_map(
        |(days, live_port, pin, graces)| {
            let mut copies: Vec<CopySeen> = (1..=5).map(copy).collect();
            for (copy, within_grace) in copies.iter_mut().zip(graces) {
                copy.within_grace = within_grace;
            }
            let live = days.map(|days| days.into_iter().map(|day| run(day).id).collect());
            World { copies, live, live_port, pinned: None, pin }
        },
    )
}

fn any_last() -> impl Strategy<Value = Option<&'static str>> {
    prop::option::of(prop::sample::select(vec![
        "registering",
        HEALTHY,
        LEAVING,
        "lanes taken",
        "not healthy yet",
    ]))
}

proptest! {
    // Invariant: no group is emptied: a target goes only while another one of its group is healthy.
    // Invariant: the lane of the live copy, and what others need, is left alone.
    #[test]
    fn nothing_that_anybody_needs_is_touched_on_any_lanes(
        world in any_world(), lanes in any_lanes(), last in any_last(),
    ) {
        let looks = u32::from(last.is_some());
        let waiting = Waiting { looks, status: last.map(str::to_owned), ..Waiting::default() };
        let own = &world.copies[3];
        match world.plan(&lanes, &waiting) {
            Ok(Act::Deregister { lane, targets }) => {
                let all = &lanes[lane].targets;
                let goes = |it: &TargetSeen| targets.contains(&(it.id.clone(), it.port));
                let healthy = |it: &&TargetSeen| it.health == Health::Healthy && !goes(it);
                prop_assert!(all.iter().any(|it| healthy(&it) && own.is(it)), "the copy is healthy there");
                for it in all.iter().filter(|it| goes(it)) {
                    prop_assert!(!own.is(it) && it.port == own.port);
                    let copy = world.copies.iter().find(|copy| copy.is(it));
                    if let Some(copy) = copy {
                        let live = world.live.as_ref().is_none_or(|it| it.contains(&copy.run.id));
                        prop_assert!(!live && !copy.within_grace && copy.run.id < own.run.id, "{it} is needed");
                    } else {
                        prop_assert_eq!(it.health, Health::Unhealthy, "a stranger that serves is left alone");
                    }
                }
            }
            Ok(Act::Register { lane, targets }) => {
                prop_assert!(targets.iter().all(|(id, port)| own.addresses.contains(id) && *port == own.port));
                let holds_own = lanes[lane].targets.iter().any(|it| own.is(it));
                prop_assert!(holds_own || world.live_port != Some(lanes[lane].port), "the live copy's lane");
            }
            Ok(Act::Done { lane: Some(lane), .. }) => {
                let all = &lanes[lane].targets;
                prop_assert!(!all.is_empty());
                prop_assert!(all.iter().all(|it| own.is(it) && it.health == Health::Healthy), "{all:?}");
            }
            _ => {}
        }
    }
}
