//! Context trees against values worked out by hand, and their manners as a family.

use gruemarket_core::families::Family;
use gruemarket_core::families::context_tree::{Config, ContextTree};
use gruemarket_core::grue::kernel::Kernel;
use gruemarket_core::grue::schedule::Schedule;
use gruemarket_core::grue::{Tax, Unit};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn plain(depth: usize) -> Config {
    Config {
        depth,
        factored: false,
        estimator: 0.5,
        leaf_bits: 1.0,
        tax: None,
        memory_bytes: 1 << 20,
    }
}

fn taxed(config: Config, schedule: Schedule) -> Config {
    let tax = Tax {
        schedule,
        kernel: Kernel::Anything,
        unit: Unit::Round,
        landmarks: BTreeMap::new(),
        stage_landmarks: BTreeMap::new(),
    };
    Config {
        tax: Some(tax),
        ..config
    }
}

fn bits(text: &str) -> Vec<u32> {
    text.bytes().map(|b| u32::from(b - b'0')).collect()
}

fn read(tree: &mut ContextTree, outcomes: &[u32]) -> Vec<f64> {
    let mut out = vec![0.0; outcomes.len()];
    tree.read(outcomes, &mut out).unwrap();
    out
}

#[test]
fn published_values() {
    for (past, x, depth, expected) in [
        ("10", "0110100", 2, 17.0 / 8192.0),
        ("00", "01010101", 2, 375.0 / 65536.0),
        ("010", "0110100", 3, 95.0 / 32768.0),
    ] {
        let mut tree = ContextTree::new(plain(depth)).unwrap();
        tree.freeze(true);
        read(&mut tree, &bits(past));
        tree.freeze(false);
        let probability: f64 = read(&mut tree, &bits(x)).iter().product();
        assert!((probability / expected - 1.0).abs() < 1e-14, "{probability} {expected}");
    }
}

#[test]
fn full_trees_go_on_reading() {
    let config = Config {
        factored: true,
        memory_bytes: 1 << 14,
        ..plain(40)
    };
    let mut tree = ContextTree::new(taxed(config, Schedule::Inverse)).unwrap();
    let noise: Vec<u32> = (0u32..20_000).map(|i| i.wrapping_mul(0x9e37_79b9) >> 31).collect();
    read(&mut tree, &noise);
    let traders = tree.traders();
    assert!(read(&mut tree, &noise).iter().all(|p| (0.0..1.0).contains(p)));
    assert_eq!(tree.traders(), traders);
    assert!(tree.memory_bytes() < (1 << 14) + size_of::<ContextTree>());
}

proptest! {
    #[test]
    fn batches_equal_single_rounds(
        outcomes in proptest::collection::vec(0..2u32, 0..200),
        depth in 0..20usize,
        factored in any::<bool>(),
        leaf_bits in 0.1..8.0,
        switching in any::<bool>(),
    ) {
        let config = Config { factored, leaf_bits, ..plain(depth) };
        let config = if switching { taxed(config, Schedule::Inverse) } else { config };
        let mut batch = ContextTree::new(config).unwrap();
        let mut single = batch.clone();
        let together = read(&mut batch, &outcomes);
        for (&x, p) in outcomes.iter().zip(together) {
            let mut forecast = [0.0; 2];
            single.forecast(&mut forecast).unwrap();
            prop_assert!((forecast[0] + forecast[1] - 1.0).abs() < 1e-14);
            prop_assert_eq!(forecast[x as usize].to_bits(), p.to_bits());
            single.observe(x).unwrap();
        }
        prop_assert_eq!(single.traders(), batch.traders());
    }
}
