//! The events of one call: questions to be priced, in order, and resolutions among them.

use crate::error::{MarketError, Result};

/// How far a forecast may sum from 1.
const SUM_TOLERANCE: f64 = 1e-6;

/// Questions are numbered by their pricing, over all calls; those of a chunk are the next.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// Question i of the chunk has the entries `starts[i]..starts[i + 1]`.
    pub starts: &'a [i64],
    /// One an entry, rising within a question; who stands there m times splits its stake evenly.
    pub forecasters: &'a [u32],
    /// How many outcomes each question has.
    pub outcomes: &'a [u32],
    /// Entry after entry, each with its question's outcomes side by side.
    pub values: &'a [f64],
    /// Numbers of the questions that are resolved,
    pub resolved: &'a [i64],
    /// what their outcomes are,
    pub happened: &'a [i64],
    /// and how many questions are priced before each, over all calls; never falling.
    pub after: &'a [i64],
    /// Whose wealth is noted at each pricing.
    pub watch: &'a [i64],
}

/// One question's forecasts.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub forecasters: &'a [u32],
    pub values: &'a [f64],
    pub outcomes: usize,
}

impl<'a> Chunk<'a> {
    #[must_use]
    pub fn questions(&self) -> usize {
        self.outcomes.len()
    }

    /// Question i, whose values start at `value`.
    #[must_use]
    pub fn question(&self, i: usize, value: usize) -> Question<'a> {
        let entries = self.starts[i] as usize..self.starts[i + 1] as usize;
        let outcomes = self.outcomes[i] as usize;
        Question {
            values: &self.values[value..value + entries.len() * outcomes],
            forecasters: &self.forecasters[entries],
            outcomes,
        }
    }

    /// Checks the questions, of which the first has the number `first`; where the values of each start.
    pub fn check_questions(&self, first: u64, traders: usize) -> Result<Vec<usize>> {
        let places = self.check_places()?;
        if let Some(w) = self.watch.iter().find(|w| !(0..traders as i64).contains(w)) {
            return Err(MarketError::input(format!(
                "watch: forecaster {w} is not one of 0..{}",
                traders - 1
            )));
        }
        for (i, &value) in places.iter().enumerate() {
            self.question(i, value).check(first + i as u64, traders)?;
        }
        Ok(places)
    }

    /// Refuses questions to which the maker gives more than one quote.
    pub fn check_maker(&self, first: u64, maker: usize) -> Result<()> {
        for (i, w) in self.starts.windows(2).enumerate() {
            let forecasters = &self.forecasters[w[0] as usize..w[1] as usize];
            let quotes = forecasters.iter().filter(|&&j| j as usize == maker).count();
            if quotes > 1 {
                return Err(MarketError::input(format!(
                    "question {}: the maker, forecaster {maker}, stands there {quotes} times; give its quote once",
                    first + i as u64
                )));
            }
        }
        Ok(())
    }

    fn check_places(&self) -> Result<Vec<usize>> {
        let starts = self.starts;
        let questions = self.questions();
        if starts.len() != questions + 1 || starts[0] != 0 || starts.windows(2).any(|w| w[1] < w[0]) {
            return Err(MarketError::input(format!(
                "starts must rise from 0 and have one entry more than the {questions} questions"
            )));
        }
        if starts[questions] as usize != self.forecasters.len() {
            return Err(MarketError::shape(format!(
                "starts end at {}, with {} forecasters",
                starts[questions],
                self.forecasters.len()
            )));
        }
        let mut value = 0;
        let sizes = starts.windows(2).zip(self.outcomes);
        let places: Vec<_> = sizes
            .map(|(w, &k)| {
                let place = value;
                value += (w[1] - w[0]) as usize * k as usize;
                place
            })
            .collect();
        if value != self.values.len() {
            return Err(MarketError::shape(format!(
                "{} values, where the questions' forecasters and outcomes make {value}",
                self.values.len()
            )));
        }
        Ok(places)
    }

    /// Checks the resolutions; `outcomes` tells those of an open question of an earlier call.
    pub fn check_resolutions(&self, first: u64, outcomes: impl Fn(u64) -> Option<usize>) -> Result<()> {
        let last = first + self.questions() as u64;
        let (resolved, happened, after) = (self.resolved, self.happened, self.after);
        if resolved.len() != happened.len() || resolved.len() != after.len() {
            return Err(MarketError::shape(format!(
                "{} resolved questions, {} that happened, {} after: one entry each for every resolution",
                resolved.len(),
                happened.len(),
                after.len()
            )));
        }
        if let Some([before, next]) = after.windows(2).find_map(falls) {
            return Err(MarketError::input(format!(
                "a resolution after {next} questions follows one after {before}; put them in the order of time"
            )));
        }
        let mut seen = resolved.to_vec();
        seen.sort_unstable();
        if let Some(&[twice, _]) = seen.windows(2).find(|w| w[0] == w[1]) {
            return Err(MarketError::input(format!("question {twice} is resolved twice")));
        }
        for ((&question, &x), &after) in resolved.iter().zip(happened).zip(after) {
            if !(first as i64..=last as i64).contains(&after) {
                return Err(MarketError::input(format!(
                    "question {question} is resolved after {after} questions; this call goes from {first} to {last}"
                )));
            }
            let known = if question >= after {
                None
            } else if question >= first as i64 {
                Some(self.outcomes[question as usize - first as usize] as usize)
            } else {
                u64::try_from(question).ok().and_then(&outcomes)
            };
            let Some(known) = known else {
                return Err(MarketError::input(format!(
                    "question {question} cannot be resolved after {after} questions: it is not open then; each is resolved \
                     once, after its pricing"
                )));
            };
            if !(0..known as i64).contains(&x) {
                return Err(MarketError::input(format!(
                    "question {question}: outcome {x} is not one of 0..{}",
                    known - 1
                )));
            }
        }
        Ok(())
    }
}

/// Two neighbours of which the second is less.
fn falls<T: PartialOrd>(pair: &[T]) -> Option<[&T; 2]> {
    match pair {
        [before, next] if next < before => Some([before, next]),
        _ => None,
    }
}

impl Question<'_> {
    fn check(&self, number: u64, traders: usize) -> Result<()> {
        if self.outcomes < 2 {
            return Err(MarketError::input(format!(
                "question {number}: {} outcomes; a question has 2 or more",
                self.outcomes
            )));
        }
        if let Some([before, next]) = self.forecasters.windows(2).find_map(falls) {
            return Err(MarketError::input(format!(
                "question {number}: forecaster {next} stands after {before}; sort them"
            )));
        }
        if let Some(&j) = self.forecasters.last().filter(|&&j| j as usize >= traders) {
            return Err(MarketError::input(format!(
                "question {number}: forecaster {j} is not one of 0..{}",
                traders - 1
            )));
        }
        for (forecast, j) in self.values.chunks_exact(self.outcomes).zip(self.forecasters) {
            if let Some(p) = forecast.iter().find(|p| !(0.0..=1.0 + SUM_TOLERANCE).contains(*p)) {
                return Err(MarketError::input(format!(
                    "question {number}, forecaster {j}: {p} is not a probability; give finite numbers in [0, 1]"
                )));
            }
            let sum: f64 = forecast.iter().sum();
            if (sum - 1.0).abs() > SUM_TOLERANCE {
                return Err(MarketError::input(format!(
                    "question {number}, forecaster {j}: the forecast sums to {sum}, not to 1"
                )));
            }
        }
        Ok(())
    }
}
