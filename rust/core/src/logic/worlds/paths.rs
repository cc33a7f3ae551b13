//! Shortest and all paths through a diagram.

use super::Work;
use super::diagram::Diagram;
use super::weight::Weight;
use biodivine_lib_bdd::BddPointer;
use std::cmp::Ordering;

impl Diagram {
    /// The values of all variables, in `work.truths`, at which the sum of `work.weights` over the true ones is least. A variable
    /// whose weight is 0 or whose values tie is false where it can be.
    ///
    /// Against each variable's better value the other costs |weight|: the least sum of such costs is a shortest path.
    pub fn shortest<W: Weight>(&self, work: &mut Work<W>) {
        work.values.clear();
        work.values.resize(self.bdd.size(), W::zero());
        work.high.clear();
        work.high.resize(self.bdd.size(), false);
        let costs = |weight: &W, sign| (weight.sign() == sign).then(|| weight.clone());
        for pointer in self.bdd.pointers().skip(2) {
            let weight = &work.weights[self.level_of(pointer)];
            let (no, yes) = (self.bdd.low_link_of(pointer), self.bdd.high_link_of(pointer));
            let low = (!no.is_zero()).then(|| match costs(weight, Ordering::Less) {
                Some(cost) => work.values[no.to_index()].plus(&cost.negated()),
                None => work.values[no.to_index()].clone(),
            });
            let high = (!yes.is_zero()).then(|| match costs(weight, Ordering::Greater) {
                Some(cost) => work.values[yes.to_index()].plus(&cost),
                None => work.values[yes.to_index()].clone(),
            });
            let (value, is_high) = match (low, high) {
                (Some(low), Some(high)) if high.compare(&low) == Ordering::Less => (high, true),
                (Some(low), _) => (low, false),
                (None, Some(high)) => (high, true),
                (None, None) => (W::zero(), false), // in no reduced diagram
            };
            work.values[pointer.to_index()] = value;
            work.high[pointer.to_index()] = is_high;
        }
        self.trace(work);
    }

    fn trace<W: Weight>(&self, work: &mut Work<W>) {
        work.truths.clear();
        let better = work.weights.iter().map(|weight| weight.sign() == Ordering::Less);
        work.truths.extend(better);
        let mut pointer = self.bdd.root_pointer();
        while !pointer.is_terminal() {
            let high = work.high[pointer.to_index()];
            work.truths[self.level_of(pointer)] = high;
            pointer = if high {
                self.bdd.high_link_of(pointer)
            } else {
                self.bdd.low_link_of(pointer)
            };
        }
    }

    /// The joint values that the variables of these levels (from the root down) have in some world, bit i for the i-th; None if
    /// they are more than `limit`.
    pub fn patterns(&self, levels: &[usize], limit: usize) -> Option<Vec<u128>> {
        // how many of them lie above a level
        let above: Vec<usize> = (0..=self.variables().len())
            .map(|level| levels.partition_point(|&one| one < level))
            .collect();
        // those from `rank` to below the level of a node are free; every set belongs to a path that some world takes
        let widened = |set: &[u128], rank: usize, to: BddPointer| -> Option<Vec<u128>> {
            let mut set = set.to_vec();
            for bit in rank..above[self.level_of(to)] {
                let raised: Vec<u128> = set.iter().map(|pattern| pattern | 1 << bit).collect();
                set.extend(raised);
                if set.len() > limit {
                    return None;
                }
            }
            Some(set)
        };
        let mut sets: Vec<Vec<u128>> = vec![Vec::new(), vec![0]];
        for pointer in self.bdd.pointers().skip(2) {
            let level = self.level_of(pointer);
            let (rank, below) = (above[level], above[level + 1]);
            let (no, yes) = (self.bdd.low_link_of(pointer), self.bdd.high_link_of(pointer));
            let bit = if below > rank { 1 << rank } else { 0 };
            let mut set = if no.is_zero() {
                Vec::new()
            } else {
                widened(&sets[no.to_index()], below, no)?
            };
            if !yes.is_zero() {
                let high = widened(&sets[yes.to_index()], below, yes)?;
                set.extend(high.iter().map(|pattern| pattern | bit));
            }
            set.sort_unstable();
            set.dedup();
            if set.len() > limit {
                return None;
            }
            sets.push(set);
        }
        let root = self.bdd.root_pointer();
        widened(&sets[root.to_index()], 0, root)
    }
}
