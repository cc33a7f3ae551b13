//! How long the clearing rules take. `cargo test --release --test clearing_speed -- --ignored --nocapture`

use gruemarket_core::clearing::{Aversion, Isoelastic, LogPool, Part, Rule, Who};
use gruemarket_core::threads;
use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Instant;

fn random(state: &mut u64) -> f64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    ((*state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// Seconds by the clock, and seconds that this thread has run, where the system tells.
fn now() -> [f64; 2] {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let clock = START.elapsed().as_secs_f64();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ran = told.split(' ').next().and_then(|ns| ns.parse::<f64>().ok());
    [clock, ran.map_or(clock, |ns| ns * 1e-9)]
}

/// Seconds since then: on one thread those it has run, so that a busy machine does not count, but for times that are too short
/// for the system to tell.
fn since(start: [f64; 2]) -> f64 {
    let end = now();
    let (clock, ran) = (end[0] - start[0], end[1] - start[1]);
    if threads::threads() == 1 && clock > 0.05 {
        ran
    } else {
        clock
    }
}

fn best(times: usize, mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    work();
    let repeats = (1e-3 / start.elapsed().as_secs_f64()).clamp(1.0, 1e4) as u32;
    let mut once = |_| {
        // often enough for the clock
        let start = now();
        (0..repeats).for_each(|_| work());
        since(start) / f64::from(repeats)
    };
    (0..times).map(&mut once).fold(f64::INFINITY, f64::min)
}

fn forecasts(traders: usize, outcomes: usize, sharpness: f64) -> (Vec<f64>, Vec<Vec<f64>>) {
    let mut state = 1;
    let mut rows = vec![vec![0.0; traders]; outcomes];
    for i in 0..traders {
        let odds: Vec<_> = (0..outcomes)
            .map(|_| (sharpness * (2.0 * random(&mut state) - 1.0)).exp())
            .collect();
        let total: f64 = odds.iter().sum();
        rows.iter_mut().zip(odds).for_each(|(row, odd)| row[i] = odd / total);
    }
    ((0..traders).map(|_| random(&mut state)).collect(), rows)
}

fn isoelastic(eta: f64) -> Rule {
    Rule::Isoelastic(Isoelastic {
        aversion: Aversion::Common(eta),
        max_passes: 100,
    })
}

fn report(name: &str, rule: &Rule, outcomes: usize, parts: &[Part<'_>], times: usize, unit: f64) {
    let price = rule.clear(outcomes, parts, true).unwrap().unwrap();
    let clear = best(times, || drop(black_box(rule.clear(outcomes, parts, true).unwrap())));
    let mut growth = vec![0.0; parts[0].stakes.len()];
    let settle = best(times, || {
        black_box(rule.settle(&price, parts, 0, true, &mut growth));
    });
    let passes = price.passes.max(1);
    println!(
        "{name:24} passes {:2} residual {:8.1e}  clear {:9.1} us ({:9.1} a pass)  settle {:9.1} us   {:5.2} Kelly",
        price.passes,
        price.residual,
        clear * 1e6,
        clear * 1e6 / f64::from(passes),
        settle * 1e6,
        (clear + settle) / unit
    );
}

fn table(traders: usize, outcomes: usize, sharpness: f64, times: usize) {
    let (stakes, rows) = forecasts(traders, outcomes, sharpness);
    let parts = [Part {
        stakes: &stakes,
        rows: rows.iter().map(Vec::as_slice).collect(),
        traders: Who::From(0),
    }];
    println!(
        "{traders} traders, {outcomes} outcomes, sharpness {sharpness}, {} threads",
        threads::threads()
    );
    let kelly = Rule::Kelly { fraction: 1.0 };
    let price = kelly.clear(outcomes, &parts, true).unwrap().unwrap();
    let mut growth = vec![0.0; traders];
    let unit = best(times, || {
        black_box(kelly.clear(outcomes, &parts, true).unwrap());
        black_box(kelly.settle(&price, &parts, 0, true, &mut growth));
    });
    report("Kelly", &kelly, outcomes, &parts, times, unit);
    for eta in [0.25, 0.5, 2.0, 3.0, 4.0, 16.0] {
        report(
            &format!("isoelastic {eta}"),
            &isoelastic(eta),
            outcomes,
            &parts,
            times,
            unit,
        );
    }
    let each = Rule::Isoelastic(Isoelastic {
        aversion: Aversion::Each((0..traders).map(|i| [0.5, 1.0, 4.0][i % 3]).collect()),
        max_passes: 100,
    });
    report("isoelastic, each its own", &each, outcomes, &parts, times, unit);
    let pool = Rule::LogPool(LogPool {
        step: 0.3,
        floor: 2f64.powi(-20),
    });
    report("log pool", &pool, outcomes, &parts, times, unit);
}

#[test]
#[ignore = "a benchmark"]
fn speed() {
    for count in [1, 2] {
        threads::set_threads(count).unwrap();
        table(1_000_000, 8, 2.0, 5);
    }
    table(1_000_000, 8, 8.0, 3);
    threads::set_threads(1).unwrap();
    for (traders, outcomes) in [(10, 2), (10, 10), (100, 2), (2000, 2), (2000, 10), (1000, 256)] {
        table(traders, outcomes, 2.0, 20);
    }
}
