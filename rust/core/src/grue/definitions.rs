//! Definitions: the most probable history of redefinitions behind each trader's money (Viterbi's algorithm on the tax).

use crate::accounts::book::Book;
use crate::accounts::entered::Entered;
use crate::accounts::groups::Groups;
use crate::grue::kernel::Rows;
use crate::grue::levy::Weights;
use crate::real::Real;
use crate::scaled::Scaled;
use std::collections::HashMap;

/// No redefinition yet.
pub const NONE: u32 = u32::MAX;

/// A redefinition at index `clock`, from `source`, whose own last redefinition was `before`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    pub clock: u64,
    pub source: u32,
    pub before: u32,
}

/// For each trader, the best single history that ends in it.
#[derive(Clone, Debug)]
pub struct Histories<F> {
    /// The money of that one history, in the units of the wealth book.
    pub scores: Book<F>,
    /// Its last redefinition.
    pub last: Vec<u32>,
    /// -log2 of its hazards, survivals and kernel terms.
    pub tax_bits: Vec<f64>,
}

/// A kernel as the histories see it.
pub enum Steps<'a> {
    Anything(&'a Weights),
    WithinGroups(&'a Weights, &'a Groups),
    /// The rows; who has not entered receives nothing.
    Rows(&'a Rows),
}

impl<F: Real> Histories<F> {
    #[must_use]
    pub fn new(scores: Book<F>) -> Self {
        let n = scores.len();
        Self {
            scores,
            last: vec![NONE; n],
            tax_bits: vec![0.0; n],
        }
    }

    /// Before index `clock`: every trader's best history either stays, or is another trader's best history redefined.
    pub fn levy(&mut self, nodes: &mut Vec<Node>, clock: u64, hazard: f64, steps: &Steps<'_>, rho: &Entered<F>) {
        let n = self.last.len();
        let scores: Vec<_> = (0..n).map(|j| self.scores.value(j)).collect();
        let (stay, switch) = match steps {
            Steps::Anything(weights) => {
                let best = two_best(&scores, 1, |_| 0);
                let keep = (1.0 - hazard * weights.total).max(0.0);
                let stay = (0..n)
                    .map(|j| Scaled::new(keep, 0) + rho.value(j) * hazard)
                    .collect::<Vec<_>>();
                let switch = (0..n)
                    .map(|j| (other(best[0], j), rho.value(j) * hazard))
                    .collect::<Vec<_>>();
                (stay, switch)
            }
            Steps::WithinGroups(weights, groups) => {
                let best = two_best(&scores, groups.count, |j| groups.of(j));
                let share = |j: usize| rho.value(j) * hazard;
                let keep = |j: usize| (1.0 - hazard * weights.entered[groups.of(j)]).max(0.0);
                let stay = (0..n).map(|j| Scaled::new(keep(j), 0) + share(j)).collect::<Vec<_>>();
                let switch = (0..n)
                    .map(|j| (other(best[groups.of(j)], j), share(j)))
                    .collect::<Vec<_>>();
                (stay, switch)
            }
            Steps::Rows(rows) => by_rows(rows, hazard, &scores, rho),
        };
        let before = (self.last.clone(), self.tax_bits.clone());
        let mut made = HashMap::new();
        let mut next = scores.clone();
        for j in 0..n {
            let (source, share) = switch[j];
            let stayed = scores[j] * stay[j];
            let switched = source.map_or(Scaled::ZERO, |i| scores[i as usize] * share);
            if let (Some(i), true) = (source, switched > stayed) {
                next[j] = switched;
                self.tax_bits[j] = before.1[i as usize] - share.log2();
                self.last[j] = *made.entry(i).or_insert_with(|| {
                    nodes.push(Node {
                        clock,
                        source: i,
                        before: before.0[i as usize],
                    });
                    u32::try_from(nodes.len() - 1).expect("fewer than 2^32 redefinitions")
                });
            } else {
                next[j] = stayed;
                if !stay[j].is_zero() {
                    self.tax_bits[j] = before.1[j] - stay[j].log2();
                }
            }
        }
        self.scores = Book::from_values(n, |j| next[j]);
    }

    /// Makes room for new traders, each with the history of its source.
    pub fn grow(&mut self, sources: impl Iterator<Item = usize>) {
        for source in sources {
            self.last.push(self.last[source]);
            self.tax_bits.push(self.tax_bits[source]);
        }
    }

    /// The redefinitions behind trader j's best history, oldest first: (index, the trader until then).
    #[must_use]
    pub fn path(&self, nodes: &[Node], j: usize) -> Vec<(u64, u32)> {
        let mut path = Vec::new();
        let mut at = self.last[j];
        while at != NONE {
            let node = nodes[at as usize];
            path.push((node.clock, node.source));
            at = node.before;
        }
        path.reverse();
        path
    }
}

type Best = [Option<u32>; 2];

/// The best and second best scores' traders by group; the first of equals.
fn two_best(scores: &[Scaled], groups: usize, group: impl Fn(usize) -> usize) -> Vec<Best> {
    let mut best: Vec<Best> = vec![[None, None]; groups];
    for (j, &score) in scores.iter().enumerate().filter(|(_, s)| !s.is_zero()) {
        let [first, second] = &mut best[group(j)];
        let beats = |held: &Option<u32>| held.is_none_or(|i| score > scores[i as usize]);
        let trader = u32::try_from(j).ok();
        if beats(first) {
            *second = *first;
            *first = trader;
        } else if beats(second) {
            *second = trader;
        }
    }
    best
}

fn other(best: Best, j: usize) -> Option<u32> {
    if best[0].is_some_and(|i| i as usize == j) {
        best[1]
    } else {
        best[0]
    }
}

type Switches = Vec<(Option<u32>, Scaled)>;

fn by_rows<F: Real>(rows: &Rows, hazard: f64, scores: &[Scaled], rho: &Entered<F>) -> (Vec<Scaled>, Switches) {
    let n = scores.len();
    let mut stay = vec![1.0; n];
    let mut switch: Switches = vec![(None, Scaled::ZERO); n];
    for i in 0..n {
        for (k, share) in rows.row(i).filter(|&(k, _)| k != i && !rho.is_absent(k)) {
            stay[i] -= hazard * share;
            let held = switch[k].0.map_or(Scaled::ZERO, |s| scores[s as usize] * switch[k].1);
            if scores[i] * (hazard * share) > held {
                switch[k] = (u32::try_from(i).ok(), Scaled::new(hazard * share, 0));
            }
        }
    }
    (
        stay.into_iter().map(|s| Scaled::new(f64::max(s, 0.0), 0)).collect(),
        switch,
    )
}
