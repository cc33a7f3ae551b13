//! The sums over traders of a clearing pass: what each can buy, and how demand changes with the prices.
//!
//! Traders come in blocks: a row of `stride` numbers for each outcome, a multiple of [`LANES`], the rest filled with zeros.
//! Sums have 8 interleaved lanes, added pairwise.

use super::logs;
use super::prefetch::prefetch;
use super::vector::Vector;
use pulp::{Simd, WithSimd};

pub const LANES: usize = 8;

kernel! {
    /// Every trader's `budgets_i = sum_k weights_k a_ik` and `spent_i = stakes_i / budgets_i` (0 where the budget is 0). The
    /// block that stands behind this is sent for.
    fn budgets(block: &'a [f64], weights: &'a [f64], stakes: &'a [f64], budgets: &'a mut [f64], spent: &'a mut [f64]), s {
        let stride = stakes.len();
        let zero = s.splat_f64s(0.0);
        let stakes = f64::split::<S>(stakes).0;
        let outs = f64::split_mut::<S>(budgets).0.iter_mut().zip(f64::split_mut::<S>(spent).0);
        let width = stride / stakes.len().max(1);
        for (j, (&u, (budget, share))) in stakes.iter().zip(outs).enumerate() {
            let at = j * width..(j + 1) * width;
            let mut sum = zero;
            for (k, (row, &weight)) in block.chunks_exact(stride).zip(weights).enumerate() {
                prefetch(block, block.len() + (j * weights.len() + k) * width);
                let a = f64::split::<S>(&row[at.clone()]).0[0];
                sum = s.add_f64s(sum, s.mul_f64s(a, s.splat_f64s(weight)));
            }
            *budget = sum;
            let bought = s.greater_than_f64s(sum, zero);
            *share = s.select_f64s(bought, s.div_f64s(u, sum), zero);
        }
    }
}

/// The lanes of a sum, added pairwise.
#[inline(always)]
fn add_lanes<S: Simd>(sum: &[S::f64s]) -> f64 {
    let mut lanes = [0.0; LANES];
    let held: &[f64] = bytemuck::cast_slice(sum);
    lanes.copy_from_slice(&held[..LANES]);
    for width in [4, 2, 1] {
        (0..width).for_each(|i| lanes[i] += lanes[i + width]);
    }
    lanes[0]
}

/// Two rows and two others, each of the two times each of the others and the factors, summed, where W vectors are
/// the lanes: `[a.c, a.d, b.c, b.d]`.
#[inline(always)]
fn four_sums<S: Simd, const W: usize>(s: S, [a, b]: [&[f64]; 2], [c, d]: [&[f64]; 2], factors: &[f64]) -> [f64; 4] {
    let zero = s.splat_f64s(0.0);
    // each in a name of its own: an array of arrays the compiler leaves in memory
    let (mut ac, mut ad, mut bc, mut bd) = ([zero; W], [zero; W], [zero; W], [zero; W]);
    let (a, b) = (
        f64::split::<S>(a).0.chunks_exact(W),
        f64::split::<S>(b).0.chunks_exact(W),
    );
    let (c, d) = (
        f64::split::<S>(c).0.chunks_exact(W),
        f64::split::<S>(d).0.chunks_exact(W),
    );
    for (((a, b), (c, d)), f) in a.zip(b).zip(c.zip(d)).zip(f64::split::<S>(factors).0.chunks_exact(W)) {
        for i in 0..W {
            let (a, b) = (s.mul_f64s(a[i], f[i]), s.mul_f64s(b[i], f[i]));
            ac[i] = s.add_f64s(ac[i], s.mul_f64s(a, c[i]));
            ad[i] = s.add_f64s(ad[i], s.mul_f64s(a, d[i]));
            bc[i] = s.add_f64s(bc[i], s.mul_f64s(b, c[i]));
            bd[i] = s.add_f64s(bd[i], s.mul_f64s(b, d[i]));
        }
    }
    [ac, ad, bc, bd].map(|sum| add_lanes::<S>(&sum))
}

kernel! {
    /// Adds the lower triangle of `block diag(factors) block^T`, a symmetric matrix, to `sums` (row-major), each product
    /// times `weights_k weights_l`.
    wide fn add_products(block: &'a [f64], factors: &'a [f64], weights: &'a [f64], sums: &'a mut [f64]), s {
        let (n, stride) = (weights.len(), factors.len());
        for k in (0..n).step_by(2) {
            let after = (k + 1).min(n - 1);
            for l in (0..=k).step_by(2) {
                let next = (l + 1).min(n - 1);
                let [left, right] = [[k, after], [l, next]].map(|rows| rows.map(|r| &block[r * stride..(r + 1) * stride]));
                let dots = match LANES * size_of::<f64>() / size_of::<S::f64s>() {
                    1 => four_sums::<S, 1>(s, left, right, factors),
                    2 => four_sums::<S, 2>(s, left, right, factors),
                    4 => four_sums::<S, 4>(s, left, right, factors),
                    _ => four_sums::<S, LANES>(s, left, right, factors),
                };
                let mut add = |k: usize, l: usize, dot: f64| sums[k * n + l] += weights[k] * weights[l] * dot;
                add(k, l, dots[0]);
                if next > l && next <= k {
                    add(k, next, dots[1]);
                }
                if after > k {
                    add(after, l, dots[2]);
                    if next > l {
                        add(after, next, dots[3]);
                    }
                }
            }
        }
    }
}

kernel! {
    /// `factors = spent / budgets`; 0 where the budget is 0.
    fn curvatures(spent: &'a [f64], budgets: &'a [f64], factors: &'a mut [f64]), _s {
        for ((f, &v), &budget) in factors.iter_mut().zip(spent).zip(budgets) {
            *f = if budget > 0.0 { v / budget } else { 0.0 };
        }
    }
}

kernel! {
    /// `ratios = row * factor`; `tops` are raised to them.
    fn ratios(row: &'a [f64], factor: f64, ratios: &'a mut [f64], tops: &'a mut [f64]), _s {
        for ((y, top), &x) in ratios.iter_mut().zip(tops).zip(row) {
            *y = x * factor;
            *top = if *y > *top { *y } else { *top };
        }
    }
}

kernel! {
    /// `log2( (row / price * scales)^powers / budgets ) - excess`: what a unit staked grows by in an isoelastic market; -inf
    /// where nothing could be bought.
    wide fn log2_growth(
        row: &'a [f64],
        price: f64,
        scales: &'a [f64],
        budgets: &'a [f64],
        powers: &'a [f64],
        excess: f64,
        out: &'a mut [f64]
    ), _s {
        let traders = row.iter().zip(scales).zip(budgets.iter().zip(powers));
        for (y, ((&x, &scale), (&budget, &p))) in out.iter_mut().zip(traders) {
            let growth = logs::log2(x / price * scale) * p - logs::log2(budget) - excess;
            *y = if budget > 0.0 { growth } else { f64::NEG_INFINITY };
        }
    }
}
