//! Exact numbers against an arbitrary-precision library's; intervals and floats against exact numbers.

use super::{Constant, Dual, Enclosure, Exact, Interval, Number, Span};
use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;
use proptest::prelude::*;

/// Rationals of every kind: small and large, dyadic and not.
fn rationals() -> impl Strategy<Value = RBig> {
    let part = (any::<i64>(), 1..=u64::MAX, 0usize..130, 0usize..130);
    part.prop_map(|(n, d, up, down)| RBig::from_parts(IBig::from(n) << up, UBig::from(d | 1) << down))
        .boxed()
        .prop_union(
            (-40i64..40, 1u64..40)
                .prop_map(|(n, d)| RBig::from_parts(n.into(), d.into()))
                .boxed(),
        )
}

fn floor_at(x: &RBig, bits: usize) -> IBig {
    (x * RBig::from(IBig::ONE << bits)).floor()
}

proptest! {
    #[test]
    fn exact_is_exact(x in rationals(), y in rationals(), bits in 0usize..200) {
        let (a, b) = (Exact::from(x.clone()), Exact::from(y.clone()));
        prop_assert_eq!((&a + &b).to_ratio(), &x + &y);
        prop_assert_eq!((&a - &b).to_ratio(), &x - &y);
        prop_assert_eq!((&a * &b).to_ratio(), &x * &y);
        prop_assert_eq!((-&a).to_ratio(), -&x);
        prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        prop_assert_eq!(a.divided(&b).map(|q| q.to_ratio()), (!y.is_zero()).then(|| &x / &y));
        prop_assert_eq!(a.floor_at(bits), floor_at(&x, bits));
        prop_assert_eq!(a.ceil_at(bits), -floor_at(&-&x, bits));
        prop_assert!(a.round_down(bits) <= a && a <= a.round_up(bits));
        prop_assert_eq!(a.to_string().parse::<Exact>().unwrap(), a.clone());
        prop_assert_eq!(&a.most(&b), if x < y { &b } else { &a });
        prop_assert_eq!(&a.least(&b), if x < y { &a } else { &b });
        let least = a.log2_up();
        prop_assert_eq!(least.is_none(), a.is_zero());
        if let Some(n) = least {
            let power = |n: i64| if n < 0 { Exact::two_to_minus(-n as usize) } else { Exact::dyadic(IBig::ONE << n as usize, 0) };
            prop_assert!(a.abs() <= power(n) && a.abs() > power(n - 1));
        }
    }

    #[test]
    fn floats_and_back(x in rationals(), f in any::<f64>()) {
        let a = Exact::from(x.clone());
        let Span { low, high } = a.span();
        prop_assert!(Exact::of_float(low).unwrap() <= a && a <= Exact::of_float(high).unwrap());
        let nearest = x.to_f64().value();
        let beside = a.to_f64();
        prop_assert!(nearest.next_down() <= beside && beside <= nearest.next_up(), "{} {}", nearest, beside);
        match Exact::of_float(f) {
            None => prop_assert!(!f.is_finite()),
            Some(exact) => {
                prop_assert_eq!(exact.to_ratio(), RBig::try_from(f).unwrap());
                prop_assert!(exact.span().low <= f && f <= exact.span().high);
            }
        }
    }

    /// A formula of every operation, in intervals and in floats, holds what it is exactly.
    #[test]
    fn sound(x in rationals(), y in rationals(), z in rationals(), bits in 0usize..150) {
        fn formula<N: Number>(x: &N, y: &N, z: &N) -> N {
            let sum = x.times(y).minus(z);
            let bounded = sum.most(&x.minus(y)).least(&z.plus(x));
            bounded.times(&sum.safe_reciprocal()).minus(&y.times(&z.safe_reciprocal()))
        }
        let [a, b, c] = [x, y, z].map(|x| Constant::from(Exact::from(x)));
        let truth = formula(a.exact(), b.exact(), c.exact());
        let of = |c: &Constant| Interval::of(c, bits);
        let Enclosure { low, high } = formula(&of(&a), &of(&b), &of(&c)).into();
        prop_assert!(low <= truth && truth <= high);
        let held = |span: Span, truth: &Exact| {
            let below = Exact::of_float(span.low).is_none_or(|low| low <= *truth);
            below && Exact::of_float(span.high).is_none_or(|high| *truth <= high)
        };
        prop_assert!(held(formula(&a.span(), &b.span(), &c.span()), &truth));
        // quotients, where the divisor is certainly above 0
        let quotient = a.exact().over(b.exact());
        prop_assert_eq!(quotient.is_some(), b.exact().sign() > 0);
        if let Some(found) = of(&a).over(&of(&b)) {
            let Enclosure { low, high } = found.into();
            let truth = quotient.as_ref().unwrap();
            prop_assert!(low <= *truth && truth <= &high);
        }
        if let Some(found) = a.span().over(&b.span()) {
            prop_assert!(held(found, quotient.as_ref().unwrap()));
        }
    }

    /// Dual numbers' slopes against differences, away from kinks.
    #[test]
    fn slopes(x in -4.0..4.0f64, by in 0.5..2.0f64) {
        fn formula<N: Number>(x: &N, by: &N) -> N {
            let square = x.times(x);
            square.most(by).times(&x.safe_reciprocal()).plus(&by.least(x)).over(by).unwrap()
        }
        let near = |edge: f64| (x - edge).abs() < 1e-4;
        prop_assume!(!near(by.sqrt()) && !near(-by.sqrt()) && !near(1.0) && !near(by));
        let found = formula(&Dual::moving(x), &Dual::still(by));
        let at = |x: f64| formula(&x, &by);
        prop_assert_eq!(found.value, at(x));
        let difference = (at(x + 1e-6) - at(x - 1e-6)) / 2e-6;
        prop_assert!((found.slope - difference).abs() < 1e-5 * (1.0 + difference.abs()));
    }
}

#[test]
fn odd_parts_stay_short() {
    // thirds that are added and multiplied for long; the odd part is reduced once it is long
    let third = Exact::from(RBig::from_parts(1.into(), 3u8.into()));
    let mut sum = Exact::default();
    for _ in 0..3000 {
        sum = &sum + &third;
    }
    assert_eq!(sum, Exact::from(1000));
    let mut product = Exact::from(1);
    for _ in 0..500 {
        product = &(&product * &third) * &Exact::from(3);
    }
    assert_eq!(product, Exact::from(1));
    assert!(product.bit_len() < 200, "{}", product.bit_len());
}

#[test]
fn what_is_no_number() {
    assert!(Exact::ratio(1.into(), UBig::ZERO).is_none());
    assert!(Exact::of_float(f64::NAN).is_none());
    for text in ["", "1/0", "x", "1.5.2"] {
        assert!(text.parse::<Exact>().is_err(), "{text}");
    }
    // floats beyond all bounds are sound too
    let most = Span::point(f64::MAX);
    assert_eq!(most.times(&most).high, f64::INFINITY);
    assert_eq!(Span::ALL.times(&Span::point(0.0)), Span::ALL);
    assert!(Span::point(1.0).over(&Span { low: -1.0, high: 1.0 }).is_none());
}
