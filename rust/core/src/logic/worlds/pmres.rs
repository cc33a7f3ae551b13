//! The cheapest world by unsatisfiable cores (Narodytska and Bacchus 2014, resolution for maximum satisfiability): assume
//! every literal's better value; whatever subset cannot hold together costs at least its least weight, which is paid, and is
//! replaced by what costs only if more than one of it fails.

use super::search::Solver;
use super::weight::Weight;
use batsat::Lit;
use std::cmp::Ordering;

/// Leaves the solver in the world where the sum of the weights of true literals is least.
pub(super) fn minimise<W: Weight>(solver: &mut Solver, weights: Vec<(Lit, W)>) {
    let mut soft: Vec<(Lit, W)> = Vec::new();
    for (literal, weight) in weights {
        match weight.sign() {
            Ordering::Less => soft.push((literal, weight.negated())),
            Ordering::Equal => {}
            Ordering::Greater => soft.push((!literal, weight)),
        }
    }
    loop {
        let assumed: Vec<Lit> = soft.iter().map(|(literal, _)| *literal).collect();
        if solver.solve(&assumed) || solver.stopped() {
            return;
        }
        let core = solver.core(&assumed);
        let core = shrunk(solver, core);
        if core.is_empty() {
            return; // no world at all, which a group never is
        }
        relax(solver, &core, &mut soft);
    }
}

/// The core without what it does not need: each is left out once.
fn shrunk(solver: &mut Solver, mut core: Vec<Lit>) -> Vec<Lit> {
    for literal in core.clone() {
        let without: Vec<Lit> = core.iter().copied().filter(|&one| one != literal).collect();
        if without.len() < core.len() && !solver.solve(&without) {
            core = solver.core(&without);
        }
    }
    core
}

/// Pays the least weight of a core. In a world where m > 0 of its literals fail, m - 1 of the new ones do.
fn relax<W: Weight>(solver: &mut Solver, core: &[Lit], soft: &mut Vec<(Lit, W)>) {
    let weights = soft.iter().filter(|(literal, _)| core.contains(literal));
    let least = weights
        .map(|(_, weight)| weight.clone())
        .reduce(|a, b| match a.compare(&b) {
            Ordering::Greater => b,
            _ => a,
        });
    let Some(least) = least else { return };
    let paid = least.negated();
    for (_, weight) in soft.iter_mut().filter(|(literal, _)| core.contains(literal)) {
        *weight = weight.plus(&paid);
    }
    soft.retain(|(_, weight)| weight.sign() == Ordering::Greater);
    // from the last: `later` is true if all after this one hold
    let mut rest = core.iter().rev();
    let Some(&last) = rest.next() else { return };
    let mut later = last;
    for &literal in rest {
        let fine = solver.new_literal(); // literal | later
        solver.add(&[!fine, literal, later]);
        solver.add(&[fine, !literal]);
        solver.add(&[fine, !later]);
        soft.push((fine, least.clone()));
        let both = solver.new_literal(); // literal & later
        solver.add(&[!both, literal]);
        solver.add(&[!both, later]);
        solver.add(&[both, !literal, !later]);
        later = both;
    }
}
