//! What a text family is made of, and how its memory is divided.

use super::Text;
use super::context::{LONGEST_ORDER, Specialist};
use super::logistic::Logistic;
use super::node::Learning;
use super::pool::Clearing;
use super::table::LEAST_BYTES;
use crate::error::{MarketError, Result};
use crate::lanes::eight::LANES;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// All state together takes at most so much.
    pub memory_bytes: usize,
    /// Lengths of contexts in bytes, ascending.
    pub orders: Vec<u32>,
    pub word: bool,
    pub matches: bool,
    pub clearing: Clearing,
    /// Forecasts are kept between this and 1 minus it.
    pub floor: f64,
    /// The a of a belief's step 1 / (n + 1 + 2a).
    pub estimator: f64,
    /// Where the count n stops.
    pub limit: f64,
    /// ln of the wealth that each specialist's traders are born with, over that of the specialist before it.
    pub endowment: f64,
    pub seed: u64,
}

/// How many bytes go where.
pub struct Plan {
    pub table: usize,
    pub history: usize,
}

impl Config {
    pub fn check(&self) -> Result<()> {
        let orders = &self.orders;
        let seats = LANES - usize::from(self.word);
        let ascending = orders.windows(2).all(|pair| pair[0] < pair[1]);
        let rules = [
            (
                self.memory_bytes >= 1 << 20 && self.memory_bytes <= 1 << 34,
                format!("memory of {} bytes; give 1 to 16384 MiB", self.memory_bytes),
            ),
            (
                !orders.is_empty() && orders.len() <= seats && ascending && orders.iter().all(|&o| o <= LONGEST_ORDER),
                format!("orders {orders:?}; give 1 to {seats} different ones from 0 to {LONGEST_ORDER}, ascending"),
            ),
            (
                self.estimator > 0.0 && self.estimator.is_finite(),
                format!("estimator {}; give a finite number > 0, such as 0.05", self.estimator),
            ),
            (
                self.limit >= 1.0 && self.limit <= 448.0,
                format!("limit {}; give 1 to 448 visits", self.limit),
            ),
            (
                self.endowment.abs() <= 1.0,
                format!("endowment {}; give -1 to 1, in nats", self.endowment),
            ),
            (
                self.floor > 0.0 && self.floor < 0.5 && self.floor >= 1e-9,
                format!("floor {}; give 1e-9 to 0.5", self.floor),
            ),
            match self.clearing {
                Clearing::LogPool { step } => (
                    step > 0.0 && step.is_finite(),
                    format!("step {step} of the log pool; give a finite number > 0, such as 0.3"),
                ),
                Clearing::Kelly { fraction } => (
                    fraction > 0.0 && fraction <= 1.0,
                    format!("Kelly fraction {fraction}; give one in (0, 1]"),
                ),
            },
        ];
        match rules.into_iter().find(|(kept, _)| !kept) {
            Some((_, message)) => Err(MarketError::input(message)),
            None => Ok(()),
        }
    }

    /// A sixteenth for the history, as much for its index, the rest but for odds and ends for the traders.
    pub fn plan(&self) -> Plan {
        let history = if self.matches {
            1 << (self.memory_bytes / 16).ilog2()
        } else {
            4
        };
        let table = self.memory_bytes
            - 2 * history
            - size_of::<Text>()
            - Logistic::BYTES
            - size_of_val(self.orders.as_slice())
            - LANES * size_of::<Specialist>();
        debug_assert!(table > LEAST_BYTES);
        Plan { table, history }
    }

    pub fn specialists(&self) -> Vec<Specialist> {
        let orders = self.orders.iter().map(|&order| Specialist::Order(order));
        orders.chain(self.word.then_some(Specialist::Word)).collect()
    }

    pub fn learning(&self) -> Learning {
        let endowment = |lane: usize| (self.endowment * lane as f64).exp() as f32;
        let mut sleepless = [0.0; LANES];
        sleepless[0] = if self.orders[0] == 0 { 1.0 } else { 0.0 };
        Learning::new(self.estimator, self.limit, std::array::from_fn(endowment), sleepless)
    }

    /// The greatest logit of a forecast.
    pub fn bound(&self) -> f32 {
        ((1.0 - self.floor) / self.floor).ln() as f32
    }

    /// A state for each lane's generator, none of them 0.
    pub fn random(&self) -> [u32; LANES] {
        let mut state = self.seed;
        std::array::from_fn(|_| (split_mix(&mut state) >> 32) as u32 | 1)
    }
}

/// Steele, Lea, Flood 2014.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = *state;
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}
