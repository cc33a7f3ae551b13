//! The loops over traders and their groups: where a group's numbers stand is as good as random, so memory is sent for.

use super::LINE;
use super::prefetch::prefetch;
use crate::accounts::narrow::Number;
use crate::real::Real;
use pulp::{Simd, WithSimd};

/// Inflows that are gathered before they are used.
const SPAN: usize = 256;

/// A number for every group. Padded to a power of two, so that a masked index needs no check.
#[derive(Clone, Debug)]
pub struct ByGroup<T>(Vec<T>);

impl<T: Copy + Default> ByGroup<T> {
    pub fn new(values: impl IntoIterator<Item = T>) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        values.resize(values.len().next_power_of_two(), T::default());
        Self(values)
    }

    #[inline(always)]
    fn of(&self, group: impl Number) -> T {
        self.0[masked(group, self.0.len())]
    }
}

/// A group as an index into a slice of `len`, a power of two; spelled so that the compiler leaves the index unchecked.
#[inline(always)]
fn masked(group: impl Number, len: usize) -> usize {
    let mask = len - 1;
    assert!(mask < len);
    group.into() as usize & mask
}

/// `row = scale * table[g]` with g each trader's group.
#[inline(always)]
fn gather<F: Real>(row: &mut [F], groups: &[impl Number], table: &ByGroup<f64>, scale: f64) {
    let entries = row.iter_mut().zip(groups);
    entries.for_each(|(x, &g)| *x = F::from_f64(table.of(g) * scale));
}

kernel! {
    /// `m = keep * m + scale * inflow[g] * rho` with g each trader's group: a tax within groups on a tile. A few
    /// inflows are gathered, then used; what will be read `next` is sent for while the processor is busy with the groups.
    fn affine_by_group<F, N>(
        m: &'a mut [F],
        rho: &'a [F],
        groups: &'a [N],
        keep: F,
        inflow: &'a ByGroup<f64>,
        scale: f64,
        next: &'a [F]
    ), _s {
        let mut row = [F::ZERO; SPAN];
        let spans = m.chunks_mut(SPAN).zip(rho.chunks(SPAN)).zip(groups.chunks(SPAN));
        for (span, ((m, rho), groups)) in spans.enumerate() {
            let (lines, rest) = groups.as_chunks::<LINE>();
            for (line, groups) in lines.iter().enumerate() {
                let start = line * LINE;
                prefetch(next, span * SPAN + start);
                prefetch(groups, 2 * SPAN);
                gather(&mut row[start..start + LINE], groups, inflow, scale);
            }
            gather(&mut row[groups.len() - rest.len()..], rest, inflow, scale);
            m.iter_mut().zip(rho).zip(&row).for_each(|((x, &r), &inflow)| *x = keep * *x + inflow * r);
        }
    }
}

/// Adds each trader's `(m, rho * m) * units` to its group's sums.
#[inline(always)]
fn scatter<F: Real>(sums: &mut [[f64; 2]], m: &[F], rho: &[F], groups: &[impl Number], units: [f64; 2]) {
    for ((x, r), &g) in m.iter().zip(rho).zip(groups) {
        let x = x.to_f64();
        let sum = &mut sums[masked(g, sums.len())];
        *sum = [sum[0] + x * units[0], sum[1] + x * r.to_f64() * units[1]];
    }
}

kernel! {
    /// Adds each trader's `(m, rho * m) * units` to its group's sums, whose number is a power of two. The next tile's
    /// entries, which follow `m` and `rho`, are sent for meanwhile.
    fn add_groups<F, N>(sums: &'a mut [[f64; 2]], m: &'a [F], rho: &'a [F], groups: &'a [N], units: [f64; 2]), _s {
        let traders = m.len();
        let (lines, rest) = m.as_chunks::<LINE>();
        for (line, m) in lines.iter().enumerate() {
            let at = line * LINE..(line + 1) * LINE;
            prefetch(m, traders);
            prefetch(&rho[at.clone()], traders);
            scatter(sums, m, &rho[at.clone()], &groups[at], units);
        }
        let at = traders - rest.len()..;
        scatter(sums, rest, &rho[at.clone()], &groups[at], units);
    }
}
