//! Every order in which calls may take effect, up to so many pauses: an actor that could go on and is passed over, for
//! as long as the others like.

use std::sync::Arc;
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;

/// Those who act on one account, each in its own order.
pub trait Actors: Clone + 'static {
    /// All that the actor of this number does; it passes its gate before each of its calls.
    fn act(&self, number: usize, gate: Gate) -> impl Future<Output = ()>;
}

/// Where an actor waits before each of its calls.
#[derive(Debug, Clone)]
pub struct Gate {
    actor: usize,
    arrived: mpsc::UnboundedSender<Arrival>,
    go: Arc<Notify>,
}

#[derive(Debug)]
enum Arrival {
    AtTheGate(usize),
    Resting(usize),
    AtTheEnd,
    Panicked,
}

impl Gate {
    /// Completes when it is this actor's turn.
    pub async fn pass(&self) {
        self.arrived.send(Arrival::AtTheGate(self.actor)).unwrap();
        self.go.notified().await;
    }

    /// The same for one that waits for others: they go first, unless they pause.
    pub async fn rest(&self) {
        self.arrived.send(Arrival::Resting(self.actor)).unwrap();
        self.go.notified().await;
    }
}

/// How often one may look again while another pauses: then the pause is over.
const PATIENCE: usize = 4;

/// A choice: who was there, who of them rests or pauses, and who was taken.
#[derive(Debug, Clone)]
struct Turn {
    ready: Vec<usize>,
    resting: Vec<usize>,
    paused: Vec<usize>,
    rests: Vec<usize>,
    taken: usize,
}

impl Turn {
    /// What it costs to take this one after `last`: one pause, when somebody is passed over who would go on.
    fn cost(&self, last: Option<usize>, taken: usize) -> usize {
        let may_pause = self.rests[taken] <= PATIENCE;
        let awake = |it: &usize| {
            self.ready.contains(it) && !self.resting.contains(it) && !(may_pause && self.paused.contains(it))
        };
        let passed_over = match last.filter(awake) {
            Some(last) => last != taken,
            None => self.resting.contains(&taken) && self.ready.iter().any(awake),
        };
        usize::from(passed_over)
    }
}

/// Runs every schedule with at most so many `pauses`; `check` is told the order in which calls took effect. Answers how
/// many schedules there are.
pub async fn exhaust<A: Actors>(
    actors: usize,
    pauses: usize,
    begin: impl Fn() -> A,
    check: impl Fn(&A, &[usize]),
) -> usize {
    let mut open: Vec<Vec<usize>> = vec![Vec::new()];
    let mut schedules = 0;
    while let Some(prefix) = open.pop() {
        let play = begin();
        let turns = one(actors, &prefix, &play).await;
        let taken: Vec<usize> = turns.iter().map(|turn| turn.taken).collect();
        check(&play, &taken);
        schedules += 1;
        // Every other choice at every later turn, while it costs no more than is allowed.
        let (mut cost, mut last) = (0, None);
        for (at, turn) in turns.iter().enumerate() {
            for other in turn.ready.iter().filter(|other| at >= prefix.len() && **other != turn.taken) {
                if cost + turn.cost(last, *other) <= pauses {
                    open.push([&taken[..at], &[*other]].concat());
                }
            }
            cost += turn.cost(last, turn.taken);
            last = Some(turn.taken);
        }
    }
    schedules
}

/// Tells the end of an actor, even of one that panicked: its panic is told by the runtime, and fails the check.
struct End(mpsc::UnboundedSender<Arrival>);

impl Drop for End {
    fn drop(&mut self) {
        let end = if std::thread::panicking() { Arrival::Panicked } else { Arrival::AtTheEnd };
        let _ = self.0.send(end);
    }
}

async fn one<A: Actors>(actors: usize, prefix: &[usize], play: &A) -> Vec<Turn> {
    let local = LocalSet::new();
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let goes: Vec<Arc<Notify>> = (0..actors).map(|_| Arc::default()).collect();
    for (actor, go) in goes.iter().enumerate() {
        let gate = Gate { actor, arrived: arrived.clone(), go: go.clone() };
        let (play, arrived) = (play.clone(), arrived.clone());
        local.spawn_local(async move {
            let _end = End(arrived);
            play.act(actor, gate).await;
        });
    }
    let all = async {
        let (mut ready, mut resting, mut running) = (Vec::new(), Vec::new(), actors);
        let (mut paused, mut rests) = (Vec::<usize>::new(), vec![0; actors]);
        let mut turns: Vec<Turn> = Vec::new();
        loop {
            while running > 0 {
                match arrivals.recv().await.unwrap() {
                    Arrival::AtTheGate(actor) => ready.push(actor),
                    Arrival::Resting(actor) => {
                        ready.push(actor);
                        resting.push(actor);
                        rests[actor] += 1;
                    }
                    Arrival::AtTheEnd => {}
                    Arrival::Panicked => panic!("an actor panicked in {turns:?}"),
                }
                running -= 1;
            }
            ready.sort_unstable();
            let Some(first) = ready.first() else { return turns };
            let last = turns.last().map(|turn| turn.taken);
            let turn = Turn {
                ready: ready.clone(),
                resting: resting.clone(),
                paused: paused.clone(),
                rests: rests.clone(),
                taken: *first,
            };
            // Unless the prefix says otherwise: an actor that costs nothing, and of those the last one.
            let cheap = last.filter(|it| ready.contains(it) && turn.cost(last, *it) == 0);
            let cheap = cheap.or_else(|| ready.iter().copied().find(|it| turn.cost(last, *it) == 0));
            let taken = prefix.get(turns.len()).copied().or(cheap).unwrap_or(*first);
            if turn.cost(last, taken) > 0 {
                paused.extend(ready.iter().filter(|it| **it != taken && !resting.contains(it)));
            }
            paused.retain(|it| *it != taken);
            turns.push(Turn { taken, ..turn });
            ready.retain(|it| *it != taken);
            resting.retain(|it| *it != taken);
            running = 1;
            goes[taken].notify_one();
        }
    };
    local.run_until(all).await
}
