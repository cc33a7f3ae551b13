//! The loops in which the time goes, one pass over a tile each, in the widest vectors that the processor has.
//!
//! Sums are added in a fixed shape: 32 interleaved lanes within a run of 1024 traders, the lanes pairwise, the runs in
//! order in f64, and without fused multiply-add. So a sum has the same bits on every processor.
//!
//! Tried, and slower: leaving the sums and extremes to the compiler's own vectoriser, which breaks interleaved lanes up
//! again (2 to 4 times the time); AVX-512, but for what computes far more than it reads (`wide`); sending for half of the
//! next row's lines in the check and for the others in the multiplication, or into the first-level cache (up to a tenth
//! slower); four running minima in the check (no change).

pub mod eight;
pub mod prefetch;
pub mod vector;

use crate::accounts::narrow::Number;
use crate::real::{Real, pow2};
use prefetch::prefetch;
use pulp::{Arch, Simd, WithSimd};
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use pulp::{Scalar, x86::V3};
use std::sync::LazyLock;
use vector::Vector;

const LANES: usize = 32;
pub const RUN: usize = 1024;
/// Numbers in a line of the cache, or half of one.
const LINE: usize = 8;

/// Runs a loop in vectors of at most 256 bits: most wait for memory, and gain nothing from wider ones.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    static NARROW: LazyLock<Option<V3>> = LazyLock::new(V3::try_new);
    match *NARROW {
        Some(simd) => Simd::vectorize(simd, op),
        None => Simd::vectorize(Scalar, op),
    }
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
pub use dispatch_wide as dispatch;

/// Runs a loop in the widest vectors of this processor: logarithms, products of many rows, several rounds at once.
pub fn dispatch_wide<Op: WithSimd>(op: Op) -> Op::Output {
    static WIDEST: LazyLock<Arch> = LazyLock::new(Arch::new);
    WIDEST.dispatch(op)
}

/// Defines a kernel: a function whose body is compiled for every kind of vector, one of which is chosen at run time.
macro_rules! kernel {
    ($(#[$doc:meta])* fn $name:ident<$($rest:tt)*) => { kernel! { @any dispatch, $(#[$doc])* fn $name<$($rest)* } };
    // in the widest vectors
    ($(#[$doc:meta])* wide fn $name:ident<$($rest:tt)*) => { kernel! { @any dispatch_wide, $(#[$doc])* fn $name<$($rest)* } };
    (
        @any $run:ident,
        $(#[$doc:meta])*
        fn $name:ident<$float:ident $(, $number:ident)?>($($arg:ident: $type:ty),*) $(-> $out:ty)?, $simd:ident $body:block
    ) => {
        $(#[$doc])*
        pub fn $name<'a, $float: Real $(, $number: Number)?>($($arg: $type),*) $(-> $out)? {
            struct Kernel<'a, $float $(, $number)?> {
                $($arg: $type,)*
                of: std::marker::PhantomData<&'a $float>,
            }
            impl<'a, $float: Real $(, $number: Number)?> WithSimd for Kernel<'a, $float $(, $number)?> {
                type Output = kernel!(@out $($out)?);
                #[inline(always)]
                fn with_simd<S: Simd>(self, $simd: S) -> Self::Output {
                    let Self { $($arg,)* .. } = self;
                    $body
                }
            }
            $crate::lanes::$run(Kernel { $($arg,)* of: std::marker::PhantomData })
        }
    };
    // the same for f64 alone
    ($(#[$doc:meta])* fn $name:ident $($rest:tt)*) => { kernel! { @f64 dispatch, $(#[$doc])* fn $name $($rest)* } };
    ($(#[$doc:meta])* wide fn $name:ident $($rest:tt)*) => { kernel! { @f64 dispatch_wide, $(#[$doc])* fn $name $($rest)* } };
    (
        @f64 $run:ident,
        $(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)?, $simd:ident $body:block
    ) => {
        $(#[$doc])*
        pub fn $name<'a>($($arg: $type),*) $(-> $out)? {
            struct Kernel<'a> {
                $($arg: $type,)*
                of: std::marker::PhantomData<&'a ()>,
            }
            impl<'a> WithSimd for Kernel<'a> {
                type Output = kernel!(@out $($out)?);
                #[inline(always)]
                fn with_simd<S: Simd>(self, $simd: S) -> Self::Output {
                    let Self { $($arg,)* .. } = self;
                    $body
                }
            }
            $crate::lanes::$run(Kernel { $($arg,)* of: std::marker::PhantomData })
        }
    };
    (@out) => { () };
    (@out $out:ty) => { $out };
}

pub mod budgets;
pub mod extent;
pub mod groups;
pub mod growth;
pub mod logs;
pub mod several;

use extent::extent_run;
pub use extent::{Extent, extent, extremes, least};

/// How many vectors make up the 32 lanes.
#[inline(always)]
const fn vectors<F: Vector, S: Simd>() -> usize {
    LANES * size_of::<F>() / size_of::<F::V<S>>()
}

/// The lanes of a run, added pairwise: the upper half to the lower, until one is left.
#[inline(always)]
fn add_lanes<F: Real, S: Simd>(s: S, sums: &mut [F::V<S>]) -> f64 {
    let mut width = vectors::<F, S>() / 2;
    while width > 0 {
        for i in 0..width {
            sums[i] = F::vadd(s, sums[i], sums[i + width]);
        }
        width /= 2;
    }
    let mut lanes = [F::ZERO; LANES];
    let mut width = size_of::<F::V<S>>() / size_of::<F>();
    lanes[..width].copy_from_slice(bytemuck::cast_slice(&sums[..1]));
    while width > 1 {
        width /= 2;
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
    }
    lanes[0].to_f64()
}

/// Adds the terms past the last whole 32, lane by lane.
#[inline(always)]
fn add_rest<F: Real, S: Simd>(s: S, sums: &mut [F::V<S>; LANES], rest: impl Iterator<Item = F>) {
    let mut lanes = [F::ZERO; LANES];
    lanes.iter_mut().zip(rest).for_each(|(lane, term)| *lane = term);
    for (sum, &terms) in sums.iter_mut().zip(F::split::<S>(&lanes).0) {
        *sum = F::vadd(s, *sum, terms);
    }
}

/// Adds `term(a, b)` over a run in the fixed shape; the terms may change `a`.
#[inline(always)]
fn accumulate_run<F: Real, S: Simd>(
    s: S,
    a: &mut [F],
    b: &[F],
    vector_term: impl Fn(&mut F::V<S>, F::V<S>) -> F::V<S>,
    term: impl Fn(&mut F, F) -> F,
) -> f64 {
    let per = vectors::<F, S>();
    let whole = a.len() / LANES * LANES;
    let (head_a, rest_a) = a.split_at_mut(whole);
    let (head_b, rest_b) = b.split_at(whole);
    let mut sums = [F::splat(s, F::ZERO); LANES];
    let (xs, ys) = (F::split_mut::<S>(head_a).0, F::split::<S>(head_b).0);
    for (x, y) in xs.chunks_exact_mut(per).zip(ys.chunks_exact(per)) {
        for i in 0..per {
            sums[i] = F::vadd(s, sums[i], vector_term(&mut x[i], y[i]));
        }
    }
    if !rest_a.is_empty() {
        add_rest::<F, S>(s, &mut sums, rest_a.iter_mut().zip(rest_b).map(|(x, &y)| term(x, y)));
    }
    add_lanes::<F, S>(s, &mut sums)
}

/// Adds up the runs of a tile.
#[inline(always)]
fn accumulate<F: Real, S: Simd>(
    s: S,
    a: &mut [F],
    b: &[F],
    vector_term: impl Fn(&mut F::V<S>, F::V<S>) -> F::V<S>,
    term: impl Fn(&mut F, F) -> F,
) -> f64 {
    let runs = a.chunks_mut(RUN).zip(b.chunks(RUN));
    runs.map(|(a, b)| accumulate_run(s, a, b, &vector_term, &term))
        .fold(0.0, |total, sum| total + sum)
}

/// The same over what is only read.
#[inline(always)]
fn accumulate_ref<F: Real, S: Simd>(
    s: S,
    a: &[F],
    b: &[F],
    vector_term: impl Fn(F::V<S>, F::V<S>) -> F::V<S>,
    term: impl Fn(F, F) -> F,
) -> f64 {
    let per = vectors::<F, S>();
    let mut total = 0.0;
    for (run_a, run_b) in a.chunks(RUN).zip(b.chunks(RUN)) {
        let whole = run_a.len() / LANES * LANES;
        let (head_a, rest_a) = run_a.split_at(whole);
        let (head_b, rest_b) = run_b.split_at(whole);
        let mut sums = [F::splat(s, F::ZERO); LANES];
        let (xs, ys) = (F::split::<S>(head_a).0, F::split::<S>(head_b).0);
        for (x, y) in xs.chunks_exact(per).zip(ys.chunks_exact(per)) {
            for i in 0..per {
                sums[i] = F::vadd(s, sums[i], vector_term(x[i], y[i]));
            }
        }
        if !rest_a.is_empty() {
            add_rest::<F, S>(s, &mut sums, rest_a.iter().zip(rest_b).map(|(&x, &y)| term(x, y)));
        }
        total += add_lanes::<F, S>(s, &mut sums);
    }
    total
}

kernel! {
    /// `sum m`
    fn sum<F>(m: &'a [F]) -> f64, s { accumulate_ref(
            s,
            m,
            m,
            #[inline(always)]
            |x, _| x,
            #[inline(always)]
            |x, _| x,
        ) }
}

kernel! {
    /// `sum m * row`
    fn dot<F>(m: &'a [F], row: &'a [F]) -> f64, s {
        accumulate_ref(
            s,
            m,
            row,
            #[inline(always)]
            |x, y| F::vmul(s, x, y),
            #[inline(always)]
            |x, y| x * y,
        )
    }
}

kernel! {
    /// [`dot`] of at most a run, and whether no entry of the row is below 0; the row is added to `totals`. So forecasts are
    /// weighed and checked in one pass. `next` is what will be read after the row, and is sent for meanwhile.
    fn weigh_in<F>(m: &'a [F], row: &'a [F], totals: &'a mut [F], next: &'a [F]) -> (f64, bool), s {
        debug_assert!(m.len() <= RUN, "the runs of a longer one are added apart");
        let per = vectors::<F, S>();
        let line = 64 / size_of::<F>();
        let zero = F::splat(s, F::ZERO);
        let (mut sums, mut least) = ([zero; LANES], [zero; 2]);
        let whole = m.len() / LANES * LANES;
        let ((m, m_rest), (row, row_rest)) = (m.split_at(whole), row.split_at(whole));
        let (totals, totals_rest) = totals.split_at_mut(whole);
        let (ms, xs) = (F::split::<S>(m).0.chunks_exact(per), F::split::<S>(row).0.chunks_exact(per));
        let totals = F::split_mut::<S>(totals).0.chunks_exact_mut(per);
        for (chunk, ((m, x), total)) in ms.zip(xs).zip(totals).enumerate() {
            (0..LANES).step_by(line).for_each(|i| prefetch(next, chunk * LANES + i));
            for i in 0..per {
                sums[i] = F::vadd(s, sums[i], F::vmul(s, m[i], x[i]));
                total[i] = F::vadd(s, total[i], x[i]);
                least[i % 2] = F::vmin(s, least[i % 2], x[i]);
            }
        }
        if !m_rest.is_empty() {
            add_rest::<F, S>(s, &mut sums, m_rest.iter().zip(row_rest).map(|(&m, &x)| m * x));
            totals_rest.iter_mut().zip(row_rest).for_each(|(total, &x)| *total += x);
        }
        let least: &[F] = bytemuck::cast_slice(&least);
        let positive = least.iter().chain(row_rest).all(|x| *x >= F::ZERO);
        (add_lanes::<F, S>(s, &mut sums), positive)
    }
}

#[inline(always)]
fn multiply_run<F: Real, S: Simd>(s: S, m: &mut [F], row: &[F]) -> f64 {
    accumulate_run(
        s,
        m,
        row,
        #[inline(always)]
        |x, y| {
            *x = F::vmul(s, *x, y);
            *x
        },
        #[inline(always)]
        |x, y| {
            *x *= y;
            *x
        },
    )
}

kernel! {
    /// `m *= row`, returning the new `sum m`: settlement and price in one pass. Equals [`dot`] bit for bit.
    fn multiply<F>(m: &'a mut [F], row: &'a [F]) -> f64, s {
        m.chunks_mut(RUN).zip(row.chunks(RUN)).fold(0.0, |sum, (m, row)| sum + multiply_run(s, m, row))
    }
}

/// What [`check_and_multiply`] has done: up to which entry, the sum of it, and what it found in the row.
pub struct Multiplied {
    pub done: usize,
    pub sum: f64,
    pub extent: Extent,
}

kernel! {
    /// [`extent`] and [`multiply`] in one, run by run, so that the row is multiplied while more of it is on its way. Stops
    /// before a run with an invalid entry, or a positive one below `least`. Where `tile_by_tile`, the next tile's mantissas,
    /// which follow `m`, are sent for too.
    fn check_and_multiply<F>(
        m: &'a mut [F],
        row: &'a [F],
        next: &'a [F],
        least: f64,
        tile_by_tile: bool
    ) -> Multiplied, s {
        let traders = m.len();
        let mut all = Multiplied { done: 0, sum: 0.0, extent: Extent::ONES };
        for (run, (m, row)) in m.chunks_mut(RUN).zip(row.chunks(RUN)).enumerate() {
            let found = extent_run(
                s,
                row,
                #[inline(always)]
                |i| {
                    prefetch(next, run * RUN + i);
                    if tile_by_tile {
                        prefetch(m, traders + i);
                    }
                },
            );
            all.extent = all.extent.and(found);
            if !found.valid || found.least < least {
                return all;
            }
            all.sum += multiply_run(s, m, row);
            all.done += row.len();
        }
        all
    }
}

kernel! {
    /// `m = keep * m + inflow * rho`, returning `2^-TOP * sum rho * m` of before: a rank-one tax on a tile.
    fn affine<F>(m: &'a mut [F], rho: &'a [F], keep: F, inflow: F) -> f64, s {
        let (keeps, inflows, units) = (F::splat(s, keep), F::splat(s, inflow), F::splat(s, F::UNIT));
        accumulate(
            s,
            m,
            rho,
            #[inline(always)]
            |x, r| {
                let given_back = F::vmul(s, F::vmul(s, units, r), *x);
                *x = F::vadd(s, F::vmul(s, keeps, *x), F::vmul(s, inflows, r));
                given_back
            },
            #[inline(always)]
            |x, r| {
                let given_back = F::UNIT * r * *x;
                *x = keep * *x + inflow * r;
                given_back
            },
        )
    }
}

kernel! {
    /// `m += factor * other`
    fn add_scaled<F>(m: &'a mut [F], other: &'a [F], factor: F), _s {
        m.iter_mut().zip(other).for_each(|(x, &y)| *x += factor * y);
    }
}

kernel! {
    /// `m *= factor`
    fn scale<F>(m: &'a mut [F], factor: F), _s { m.iter_mut().for_each(|x| *x *= factor) }
}

kernel! {
    /// Brings drained mantissas nearer to their window by one block, up or down.
    fn move_blocks<F, N>(m: &'a mut [F], depths: &'a mut [N]), _s {
        let (low, high) = (F::from_f64(pow2(F::LOW)), F::from_f64(pow2(F::LOW + F::BLOCK)));
        let (fall, rise) = (F::from_f64(pow2(-F::BLOCK)), F::from_f64(pow2(F::BLOCK)));
        for (m, depths) in m.chunks_mut(64).zip(depths.chunks_mut(64)) {
            // what each is multiplied by, worked out apart, so that the compiler makes vectors of it
            let mut factors = [F::ONE; 64];
            for ((factor, x), &depth) in factors.iter_mut().zip(&*m).zip(&*depths) {
                let above = if *x >= high { fall } else { F::ONE };
                let drained = if depth.into().cast_signed() > 0 { above } else { F::ONE };
                let below = if *x < low { rise } else { drained };
                *factor = if *x > F::ZERO { below } else { F::ONE };
            }
            for (factor, depth) in factors.iter().zip(depths) {
                let moved = i32::from(*factor > F::ONE) - i32::from(*factor < F::ONE);
                *depth = N::low((*depth).into().wrapping_add_signed(moved));
            }
            for (factor, x) in factors.iter().zip(m) {
                *x *= *factor;
            }
        }
    }
}

/// Converts a row, entry by entry.
pub fn convert<P: Real, F: Real>(source: &[P], row: &mut [F]) {
    for (&x, y) in source.iter().zip(row) {
        *y = F::from_f64(x.to_f64());
    }
}

/// The complements to 1 of a row, in the given precision.
pub fn complement<P: Real, F: Real>(source: &[P], row: &mut [F]) {
    for (&x, y) in source.iter().zip(row) {
        *y = F::from_f64((P::ONE - x).to_f64());
    }
}

kernel! {
    /// `row * stakes * fraction`, into `weighted`
    fn weigh<F>(row: &'a [F], weighted: &'a mut [F], stakes: &'a [f64], fraction: f64) -> &'a [F], _s {
        let entries = weighted.iter_mut().zip(row).zip(stakes);
        entries.for_each(|((y, &x), &b)| *y = F::from_f64(x.to_f64() * (b * fraction)));
        weighted
    }
}

kernel! {
    /// `b * row + price * (1 - b)` with `b = stakes * fraction`, into `factors`: what a settlement multiplies wealth by,
    /// times the price.
    fn settle<F>(row: &'a [F], factors: &'a mut [F], stakes: &'a [f64], fraction: f64, price: f64), _s {
        factors.iter_mut().zip(row).zip(stakes).for_each(|((y, &x), &b)| {
            let b = b * fraction;
            *y = F::from_f64(b * x.to_f64() + price * (1.0 - b));
        });
    }
}

kernel! {
    /// `row = keep + hazard * 2^-TOP * rho`: the share of its money that a rank-one tax leaves with its definition.
    fn stay<F>(row: &'a mut [F], rho: &'a [F], keep: F, hazard: F), _s {
        row.iter_mut().zip(rho).for_each(|(x, &r)| *x = keep + hazard * (F::UNIT * r));
    }
}

kernel! {
    /// `m *= (keep + hazard * 2^-TOP * rho) * row`: a levy's stay and a settlement in one.
    fn stay_and_multiply<F>(m: &'a mut [F], rho: &'a [F], row: &'a [F], keep: F, hazard: F), _s {
        let entries = m.iter_mut().zip(rho).zip(row);
        entries.for_each(|((x, &r), &y)| *x = *x * (keep + hazard * (F::UNIT * r)) * y);
    }
}

kernel! {
    /// `row = m * scale.0 * scale.1` for those whose rank is below `next`, 0 for the others.
    fn scale_before<F, N>(row: &'a mut [F], m: &'a [F], ranks: &'a [N], next: u32, scale: (F, F)), _s {
        let (half, rest) = scale;
        for ((row, m), ranks) in row.chunks_mut(64).zip(m.chunks(64)).zip(ranks.chunks(64)) {
            let mut factors = [F::ZERO; 64];
            for (factor, &rank) in factors.iter_mut().zip(ranks) {
                *factor = if rank.into() < next { half } else { F::ZERO };
            }
            row.iter_mut().zip(m).zip(&factors).for_each(|((x, &y), &factor)| *x = y * factor * rest);
        }
    }
}

kernel! {
    /// `sums += row`
    fn add_row<F>(sums: &'a mut [F], row: &'a [F]), _s { sums.iter_mut().zip(row).for_each(|(x, &y)| *x += y) }
}

kernel! {
    /// Whether every entry lies within `tolerance` of 1.
    fn near_one<F>(sums: &'a [F], tolerance: f64) -> bool, _s {
        sums.iter().fold(true, |ok, s| ok & ((s.to_f64() - 1.0).abs() <= tolerance))
    }
}
