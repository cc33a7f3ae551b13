//! An order of variables in which those of one formula stand close together: a diagram must remember what lies between.

use std::collections::VecDeque;

/// Which variables share a formula.
struct Links<'a> {
    of: &'a [Vec<usize>],
    /// By variable: its links.
    by: Vec<Vec<usize>>,
}

/// An order of `count` variables that keeps few links open at a time, greedily: it begins at an end and always takes the variable
/// that closes the most links for those it opens; ties go to the link that has been open longest.
pub(super) fn arrange(count: usize, links: &[Vec<usize>]) -> Vec<usize> {
    let mut by = vec![Vec::new(); count];
    for (link, variables) in links.iter().enumerate() {
        variables.iter().for_each(|&variable| by[variable].push(link));
    }
    let links = Links { of: links, by };
    let mut seen = vec![false; count];
    let mut order = Vec::with_capacity(count);
    for first in 0..count {
        if !seen[first] {
            let end = links.farthest(links.farthest(first));
            links.sweep(end, &mut seen, &mut order);
        }
    }
    order
}

impl Links<'_> {
    fn neighbours(&self, variable: usize) -> impl Iterator<Item = usize> + '_ {
        self.by[variable].iter().flat_map(|&link| self.of[link].iter().copied())
    }

    /// The last variable of a walk through the component in width.
    fn farthest(&self, from: usize) -> usize {
        let mut seen = vec![false; self.by.len()];
        let mut queue = VecDeque::from([from]);
        seen[from] = true;
        let mut last = from;
        while let Some(variable) = queue.pop_front() {
            last = variable;
            for next in self.neighbours(variable) {
                if !std::mem::replace(&mut seen[next], true) {
                    queue.push_back(next);
                }
            }
        }
        last
    }

    fn sweep(&self, from: usize, seen: &mut [bool], order: &mut Vec<usize>) {
        // what each link still waits for, and when it was opened
        let mut left: Vec<usize> = self.of.iter().map(Vec::len).collect();
        let mut opened = vec![usize::MAX; self.of.len()];
        let mut frontier = vec![from];
        seen[from] = true;
        while !frontier.is_empty() {
            let cost = |&variable: &usize| {
                let links = self.by[variable].iter();
                let (mut balance, mut oldest) = (0, usize::MAX);
                for &link in links {
                    balance += i64::from(opened[link] == usize::MAX && left[link] > 1);
                    balance -= i64::from(opened[link] != usize::MAX && left[link] == 1);
                    oldest = oldest.min(opened[link]);
                }
                (balance, oldest, variable)
            };
            let Some(best) = (0..frontier.len()).min_by_key(|&at| cost(&frontier[at])) else {
                return;
            };
            let variable = frontier.swap_remove(best);
            for &link in &self.by[variable] {
                left[link] -= 1;
                opened[link] = opened[link].min(order.len());
            }
            order.push(variable);
            for next in self.neighbours(variable) {
                if !std::mem::replace(&mut seen[next], true) {
                    frontier.push(next);
                }
            }
        }
    }
}
