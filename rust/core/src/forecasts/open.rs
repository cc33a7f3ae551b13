//! Questions that have been priced and not yet resolved: who has locked what.

use crate::clearing::{Part, Price, Who};
use crate::forecasts::chunk::{Chunk, Question};
use crate::scaled::Scaled;

/// Stakes that lie further below the question's largest than this, in powers of two, are kept apart.
const REACH: i64 = 900;

/// What everybody staked on a question, entry by entry.
#[derive(Clone, Debug, Default)]
pub struct Stakes {
    /// In units of `2^exponent`, the largest in [1, 2).
    pub units: Vec<f64>,
    pub exponent: i64,
    /// Entries, rising, of those that a float in this unit cannot hold; their `units` are 0.
    drained: Vec<(u32, Scaled)>,
}

impl Stakes {
    #[must_use]
    pub fn of(stakes: &[Scaled]) -> Self {
        let exponent = stakes
            .iter()
            .filter(|s| !s.is_zero())
            .map(|s| s.exponent)
            .max()
            .unwrap_or(0);
        let mut drained = Vec::new();
        let units = stakes
            .iter()
            .enumerate()
            .map(|(i, &stake)| {
                if exponent - stake.exponent <= REACH || stake.is_zero() {
                    return stake.in_units_of(exponent);
                }
                drained.push((i as u32, stake));
                0.0
            })
            .collect();
        Self {
            units,
            exponent,
            drained,
        }
    }

    #[inline]
    #[must_use]
    pub fn at(&self, entry: usize) -> Scaled {
        let units = self.units[entry];
        if units > 0.0 || self.drained.is_empty() {
            return Scaled::new(units, self.exponent);
        }
        let found = self.drained.binary_search_by_key(&(entry as u32), |(i, _)| *i);
        found.map_or(Scaled::ZERO, |at| self.drained[at].1)
    }

    #[must_use]
    pub fn total(&self) -> Scaled {
        Scaled::new(self.units.iter().sum(), self.exponent)
    }
}

/// Where an open question's forecasts are.
#[derive(Clone, Debug)]
enum Forecasts {
    /// Question of the chunk that is being played, and where its values start.
    Here(usize, usize),
    Kept {
        forecasters: Box<[u32]>,
        values: Box<[f64]>,
    },
}

#[derive(Clone, Debug)]
pub struct Open {
    pub outcomes: usize,
    pub stakes: Stakes,
    /// None where nobody had anything to stake.
    pub price: Option<Price>,
    forecasts: Forecasts,
}

impl Open {
    #[must_use]
    pub fn new(outcomes: usize, stakes: Stakes, price: Option<Price>, (question, value): (usize, usize)) -> Self {
        Self {
            outcomes,
            stakes,
            price,
            forecasts: Forecasts::Here(question, value),
        }
    }

    #[must_use]
    pub fn question<'a>(&'a self, chunk: &Chunk<'a>) -> Question<'a> {
        match &self.forecasts {
            Forecasts::Here(question, value) => chunk.question(*question, *value),
            Forecasts::Kept { forecasters, values } => Question {
                forecasters,
                values,
                outcomes: self.outcomes,
            },
        }
    }

    #[must_use]
    pub fn is_here(&self) -> bool {
        matches!(self.forecasts, Forecasts::Here(..))
    }

    /// Copies the forecasts out of the chunk, which is about to go.
    pub fn keep(&mut self, chunk: &Chunk<'_>) {
        if let Forecasts::Here(question, value) = self.forecasts {
            let Question {
                forecasters, values, ..
            } = chunk.question(question, value);
            self.forecasts = Forecasts::Kept {
                forecasters: forecasters.into(),
                values: values.into(),
            };
        }
    }

    /// What a forecaster has locked in this question.
    pub fn stakes_of<'a>(&'a self, j: u32, chunk: &Chunk<'a>) -> impl Iterator<Item = Scaled> + Clone + 'a {
        let forecasters = self.question(chunk).forecasters;
        let from = forecasters.partition_point(|&i| i < j);
        let entries = from..from + forecasters[from..].partition_point(|&i| i == j);
        entries.map(|entry| self.stakes.at(entry))
    }
}

/// One question's forecasts as the clearing reads them: a row for each outcome.
#[derive(Debug, Default)]
pub struct Gathered {
    traders: Vec<i64>,
    values: Vec<f64>,
}

impl Gathered {
    /// The question as one part of a market.
    pub fn part<'a>(&'a mut self, question: Question<'_>, stakes: &'a [f64]) -> Part<'a> {
        let (n, k) = (question.forecasters.len(), question.outcomes);
        self.traders.clear();
        self.traders.extend(question.forecasters.iter().map(|&j| i64::from(j)));
        self.values.resize(n * k, 0.0);
        for (i, forecast) in question.values.chunks_exact(k).enumerate() {
            for (x, &q) in forecast.iter().enumerate() {
                self.values[x * n + i] = q;
            }
        }
        Part {
            stakes,
            rows: (0..k).map(|x| &self.values[x * n..(x + 1) * n]).collect(),
            traders: Who::Listed(&self.traders),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stakes_of_any_size_are_held() {
        let given = [
            Scaled::from_bits(5000.5),
            Scaled::ZERO,
            Scaled::from_bits(10.25),
            Scaled::from_bits(800.0),
        ];
        let stakes = Stakes::of(&given);
        assert_eq!([0, 1, 2, 3].map(|i| stakes.at(i)), given);
        assert_eq!(stakes.units[0], 0.0);
        assert_eq!(Stakes::of(&[Scaled::ZERO]).total(), Scaled::ZERO);
    }
}
