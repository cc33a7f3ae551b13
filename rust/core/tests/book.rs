//! Books against plain scaled numbers: whatever is done to a tile, every account holds what arithmetic says.

use gruemarket_core::accounts::book::{Book, TILE};
use gruemarket_core::real::Real;
use gruemarket_core::scaled::Scaled;
use proptest::prelude::*;

fn check<F: Real>(book: &Book<F>, expected: &[Scaled], tolerance: f64) {
    for (i, &value) in expected.iter().enumerate() {
        let held = book.value(i);
        assert_eq!(held.is_zero(), value.is_zero(), "{i}: {held:?} {value:?}");
        if !value.is_zero() {
            let off = (held / value).to_f64() - 1.0;
            assert!(off.abs() <= tolerance, "{i}: {held:?} {value:?}");
        }
    }
    for tile in 0..book.tiles.len() {
        let part = book.tile(tile);
        for &x in part.m.iter().filter(|x| **x > F::ZERO) {
            // bounds but for the rounding of the products they come from
            assert!(
                x.to_f64() >= part.tile.floor * 0.999 && x.to_f64() <= part.tile.ceiling * 1.001,
                "{x:?} {:?}",
                part.tile
            );
        }
    }
}

/// Plays a story of multiplications and taxes on a book and on plain numbers.
fn story<F: Real>(bits: &[f64], steps: &[(Vec<f64>, f64)], tolerance: f64) {
    let n = bits.len();
    let mut values: Vec<_> = bits.iter().map(|&b| Scaled::from_bits(b)).collect();
    let rho = Book::<F>::from_values(n, |i| Scaled::from_bits(bits[i]));
    let mut book = rho.clone();
    check(&book, &values, tolerance);
    for (row, hazard) in steps {
        let narrow: Vec<F> = row.iter().map(|&x| F::from_f64(x)).collect();
        let least = row.iter().copied().filter(|x| *x > 0.0).fold(1.0, f64::min);
        book.tile_mut(0).multiply(&narrow, least, |i| Scaled::new(row[i], 0));
        values.iter_mut().zip(row).for_each(|(v, &x)| *v = *v * x);
        check(&book, &values, tolerance);
        let total = Scaled::sum(values.iter().copied());
        let sum = book.tile(0).sum();
        if !total.is_zero() {
            assert!(
                ((sum / total).to_f64() - 1.0).abs() <= 10.0 * tolerance,
                "{sum:?} {total:?}"
            );
        }
        if *hazard > 0.0 && !total.is_zero() {
            let inflow = total * *hazard;
            book.tile_mut(0).affine(rho.tile(0), 1.0 - hazard, inflow);
            for (i, v) in values.iter_mut().enumerate() {
                *v = *v * (1.0 - hazard) + Scaled::from_bits(bits[i]) * inflow;
            }
            check(&book, &values, tolerance);
        }
        book.tile_mut(0).normalise();
        check(&book, &values, tolerance);
    }
}

/// Rounds four at a time, where that may be, against one at a time: the same accounts and sums to the last bit.
fn several_at_once<F: Real>(bits: &[f64], rows: &[Vec<f64>]) {
    let rows: Vec<Vec<F>> = rows
        .iter()
        .map(|row| row.iter().map(|&x| F::from_f64(x)).collect())
        .collect();
    let settle = |book: &mut Book<F>, row: &[F], sums: &mut Vec<Scaled>| {
        let done = book
            .tile_mut(0)
            .check_and_multiply(row, &[], false, |i| Scaled::new(row[i].to_f64(), 0));
        sums.push(done.expect("valid").0);
    };
    let mut one = Book::<F>::from_values(bits.len(), |i| Scaled::from_bits(bits[i]));
    let (mut book, mut grown) = (one.clone(), vec![F::ZERO; bits.len()]);
    let (mut expected, mut sums) = (vec![], vec![]);
    for row in &rows {
        settle(&mut one, row, &mut expected);
    }
    let mut t = 0;
    while t < rows.len() {
        let found = match rows.get(t..t + 4) {
            Some([a, b, c, d]) => book
                .tile_mut(0)
                .multiply_several([a, b, c, d], [&[]; 4], &mut grown, &mut sums),
            _ => Err(0),
        };
        let singly = found.map_or_else(|r| r + 1, |_| 0);
        for row in &rows[t..t + singly] {
            settle(&mut book, row, &mut sums);
        }
        t += if singly == 0 { 4 } else { singly };
    }
    assert_eq!(sums, expected);
    (0..bits.len()).for_each(|i| assert_eq!(book.value(i), one.value(i), "{i}"));
}

fn probability() -> impl Strategy<Value = f64> {
    prop_oneof![4 => 0.01..1.0, 1 => Just(0.0), 1 => Just(1.0), 1 => 1e-30..1e-20, 1 => Just(1e-300), 1 => Just(5e-324)]
}

fn steps() -> impl Strategy<Value = (Vec<f64>, Vec<(Vec<f64>, f64)>)> {
    (1..40usize).prop_flat_map(|n| {
        let bits = prop::collection::vec(prop_oneof![3 => 1.0..30.0, 1 => 30.0..3000.0], n);
        let hazard = prop_oneof![2 => Just(0.0), 2 => 0.001..0.9, 1 => 1e-200..1e-100];
        (
            bits,
            prop::collection::vec((prop::collection::vec(probability(), n), hazard), 1..12),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn f64_books_hold_what_arithmetic_says((bits, steps) in steps()) {
        story::<f64>(&bits, &steps, 1e-13);
    }

    #[test]
    fn f32_books_hold_what_arithmetic_says((bits, steps) in steps()) {
        story::<f32>(&bits, &steps, 1e-4);
    }

    #[test]
    fn rounds_at_once_are_rounds_one_by_one(
        (bits, rows) in (1..70usize).prop_flat_map(|n| (
            prop::collection::vec(prop_oneof![3 => 1.0..30.0, 1 => 30.0..3000.0], n),
            prop::collection::vec(
                prop::collection::vec(prop_oneof![40 => 0.01..1.0, 1 => Just(0.0), 1 => 1e-30..1e-20, 1 => Just(1e-300)], n),
                1..40,
            ),
        )),
    ) {
        several_at_once::<f64>(&bits, &rows);
        several_at_once::<f32>(&bits, &rows);
    }
}

#[test]
fn a_tile_that_is_poorer_than_its_neighbour_keeps_its_own_scale() {
    let bits = |i: usize| if i < TILE { 14.0 } else { 5000.0 };
    let book = Book::<f64>::from_values(2 * TILE, |i| Scaled::from_bits(bits(i)));
    assert_eq!(book.value(TILE + 3).log2(), -5000.0);
    assert_eq!(book.tiles[1].drained.len(), 0);
    assert_eq!(book.sum().log2(), -1.0);
}
