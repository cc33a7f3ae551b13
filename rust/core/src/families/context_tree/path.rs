//! One context's path through its tree: what every node on it believes, and the price at each.

use super::forest::{Counts, DEEPEST, End, Forest, visits};
use super::odds::{NodeTax, Odds, Prior};
use crate::error::Result;

/// The nodes that a context awakens, from the empty context to the longest, and the prices they clear at.
///
/// On the path `q_D = p_D` and `q_d = beta_d p_d + (1 - beta_d) q_(d+1)`: each node is a market of two accounts, "stop
/// here" and "descend" (Willems, Shtarkov, Tjalkens 1995, in the form of conditional probabilities).
#[derive(Clone, Debug)]
pub struct Path {
    /// How many of the nodes are in the forest, and where.
    pub inner: usize,
    pub nodes: [u32; DEEPEST],
    pub end: End,
    /// How many bet against a subtree: the inner ones, and those that the end stands for.
    pub markets: usize,
    /// By depth: each outcome's probability in the node's belief.
    beliefs: [[f64; 2]; DEEPEST],
    /// By depth: the odds, the tax that is due included.
    odds: [Odds; DEEPEST],
    /// By depth: each outcome's price; one more than markets.
    prices: [[f64; 2]; DEEPEST + 1],
}

/// What all nodes have in common.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What is added to each count of a belief.
    pub estimator: f64,
    /// What "stop here" and "descend" start with.
    pub prior: Prior,
    pub tax: Option<NodeTax>,
}

/// The belief of a node: each outcome's count and `a` more, Krichevsky-Trofimov for `a = 1/2`.
#[inline(always)]
fn belief(counts: Counts, a: f64) -> [f64; 2] {
    let [n0, n1] = counts.map(f64::from);
    let all = n0 + n1 + 2.0 * a;
    [(n0 + a) / all, (n1 + a) / all]
}

impl Path {
    pub fn new() -> Self {
        Self {
            inner: 0,
            nodes: [0; DEEPEST],
            end: End::Unborn,
            markets: 0,
            beliefs: [[0.5; 2]; DEEPEST],
            odds: [Odds {
                value: 1.0,
                exponent: 0,
            }; DEEPEST],
            prices: [[0.5; 2]; DEEPEST + 1],
        }
    }

    /// The price of each outcome.
    pub fn price(&self) -> [f64; 2] {
        self.prices[0]
    }

    /// Finds the context's path and clears it.
    pub fn clear(&mut self, forest: &Forest, tree: usize, context: u64, rules: &Rules) -> Result<()> {
        (self.inner, self.end) = forest.descend(tree, context, &mut self.nodes);
        for d in 0..self.inner {
            let node = &forest.nodes[self.nodes[d] as usize];
            self.beliefs[d] = belief(node.counts, rules.estimator);
            self.odds[d] = match &rules.tax {
                Some(tax) => node.odds.taxed(tax.hazard(visits(node.counts))?, rules.prior),
                None => node.odds,
            };
        }
        let below = self.below(forest, rules)?;
        self.prices[self.markets] = below;
        for d in (0..self.markets).rev() {
            let (beta, p, q) = (self.odds[d].share(), self.beliefs[d], self.prices[d + 1]);
            self.prices[d] = [q[0] + beta * (p[0] - q[0]), q[1] + beta * (p[1] - q[1])];
        }
        Ok(())
    }

    /// The price at the end of the path, where nobody bets against a subtree.
    fn below(&mut self, forest: &Forest, rules: &Rules) -> Result<[f64; 2]> {
        self.markets = self.inner;
        let full = !forest.has_room();
        match self.end {
            End::Leaf { leaf, shared } => {
                let counts = forest.leaves[leaf].counts;
                let own = belief(counts, rules.estimator);
                if let Some(tax) = &rules.tax {
                    // the nodes that a leaf stands for are taxed too; it moves nothing, but a schedule may have ended
                    tax.hazard(visits(counts))?;
                }
                if shared == forest.depth || full {
                    return Ok(own);
                }
                // the nodes that the context shares with the leaf have its counts, and the odds they started with
                self.markets = shared + 1;
                self.beliefs[self.inner..=shared].fill(own);
                self.odds[self.inner..=shared].fill(rules.prior.odds());
                Ok([0.5; 2])
            }
            // whoever will never be born forecasts as the node above
            End::Unborn if full && self.inner > 0 => Ok(self.beliefs[self.inner - 1]),
            End::Unborn => Ok([0.5; 2]),
        }
    }

    /// Settles every market on the path and counts the outcome; gives birth to nodes while there is room.
    pub fn settle(&self, forest: &mut Forest, tree: usize, context: u64, outcome: usize) {
        let settled = |d: usize| self.odds[d].settled(self.beliefs[d][outcome], self.prices[d + 1][outcome]);
        for d in 0..self.inner {
            let node = &mut forest.nodes[self.nodes[d] as usize];
            node.odds = settled(d);
            node.counts[outcome] += 1;
        }
        let above = self.inner.checked_sub(1).map(|last| self.nodes[last]);
        match self.end {
            End::Leaf { .. } if self.markets > self.inner => {
                let grown = (self.inner..self.markets).map(settled);
                forest.split(tree, above, context, self.inner, outcome, grown);
            }
            End::Leaf { leaf, .. } => forest.leaves[leaf].counts[outcome] += 1,
            End::Unborn if forest.has_room() => forest.sprout(tree, above, context, self.inner, outcome),
            End::Unborn => {}
        }
    }
}
