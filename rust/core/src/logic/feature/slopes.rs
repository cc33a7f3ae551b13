//! How features change with today's prices: one backward sweep for each feature, whatever the number of prices
//! (Linnainmaa 1970).

use super::program::{Program, Source, Step};

impl Program {
    /// Fills `out` with the features' values and `slopes` (features x prices, row-major) with how each changes with every price
    /// of today. At a kink the slope is that of one side.
    pub fn slopes(&self, prices: &[f64], work: &mut Vec<f64>, out: &mut [f64], slopes: &mut [f64]) {
        self.values((), prices, work, out);
        slopes.fill(0.0);
        let mut back = vec![0.0; self.steps.len()];
        for (root, row) in self.roots.iter().zip(slopes.chunks_exact_mut(prices.len())) {
            self.sweep(*root as usize, work, &mut back, row);
        }
    }

    /// Adds up what a small change of every step does to the step `root`; `back` is all 0, and is left so.
    fn sweep(&self, root: usize, values: &[f64], back: &mut [f64], row: &mut [f64]) {
        back[root] = 1.0;
        for at in (0..=root).rev() {
            let by = std::mem::take(&mut back[at]);
            if by == 0.0 {
                continue;
            }
            let value = |i: u32| values[i as usize];
            match self.steps[at] {
                Step::Constant(_) => {}
                Step::Leaf(leaf) => {
                    if let Source::Today(price) = self.sources[leaf as usize] {
                        row[price as usize] += by;
                    }
                }
                Step::Sum(a, b) => {
                    back[a as usize] += by;
                    back[b as usize] += by;
                }
                Step::Product(a, b) => {
                    back[a as usize] += by * value(b);
                    back[b as usize] += by * value(a);
                }
                // the same side as `Number for f64` takes
                Step::Most(a, b) => back[if value(a) < value(b) { b } else { a } as usize] += by,
                Step::Least(a, b) => back[if value(b) < value(a) { b } else { a } as usize] += by,
                Step::SafeReciprocal(a) if value(a) > 1.0 => back[a as usize] -= by / (value(a) * value(a)),
                Step::SafeReciprocal(_) => {}
            }
        }
    }
}
