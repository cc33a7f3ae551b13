//! Programs as traders: each forecasts what it prints next, with the trust that its record deserves.
//!
//! One account stands for all programs that have printed the same (Solomonoff 1964: only their mass together matters).
//! Where they come to differ, the account forecasts as the mixture that it is, until it is split: then each part is an
//! account of its own, which holds the mass that was its own all along.

mod atlas;
pub mod build;
pub mod lines;
mod rates;
pub mod readers;
pub mod unroll;

use super::{Family, impossible};
use crate::error::{MarketError, Result};
use crate::programs::futures::Future;
use std::path::Path;
use unroll::{Script, Unrolled};

/// What a program says that has nothing more to say: it forecasts evenly.
pub const SILENT: u16 = u16::MAX;

/// A part that left another one because it said something else, with a share of the mass that was left there.
#[derive(Clone, Copy, Debug)]
pub struct Birth {
    pub time: usize,
    /// A first part is its own.
    pub parent: u32,
    pub share: f64,
}

/// What programs say, part by part; parts are numbered in the order in which they are born.
pub trait Voices: Send {
    /// Begins an episode in which the first `kept` parts stand apart from the start.
    fn begin(&mut self, kept: usize);

    /// Works out what is said now; asked again before anything is heard it changes nothing.
    fn ask(&mut self) -> Result<()>;

    /// What each part says now, those that are born now included.
    fn said(&self) -> &[u16];

    fn births(&self) -> &[Birth];

    /// Reveals the outcome.
    fn hear(&mut self, symbol: u16);

    /// Keeps apart, from now on, all parts that these episodes tell apart; how many that are. They begin anew if `fresh`,
    /// else the one that is given goes on from here, up to the forecast after its last outcome but one.
    fn part(&mut self, kept: usize, episodes: &[&[u32]], fresh: bool) -> Result<usize>;

    /// The best programs of each of the first `kept` parts, those born of it included; of those that do the same for ever
    /// just the shortest is known.
    fn examples(&self, kept: usize) -> Vec<Option<Best<String>>>;

    /// How many programs, or kinds of them, are still stepped.
    fn undecided(&self) -> u64;

    fn fork(&self) -> Box<dyn Voices>;

    /// What a file needs to keep beside the number of parts.
    fn partition(&self) -> Vec<u32>;

    fn restore(&mut self, kept: usize, partition: &[u32]) -> Result<()>;
}

/// What a program takes, as far as it was run to tell what it does.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    pub steps: u32,
    pub cells: u32,
}

/// The best of some programs, the same ones whatever their order, and how many there are.
#[derive(Clone, Debug)]
pub struct Best<S = Script> {
    pub shortest: S,
    pub fastest: S,
    pub leanest: S,
    pub costs: Costs,
    pub programs: u64,
}

impl Best {
    fn add(best: &mut Option<Self>, script: &Script, costs: Costs, programs: u64) {
        let best = best.get_or_insert_with(|| Self {
            shortest: script.clone(),
            fastest: script.clone(),
            leanest: script.clone(),
            costs,
            programs: 0,
        });
        let rank = |cost: u32, script: &Script| (cost, script.len(), script.clone());
        let Costs { steps, cells } = &mut best.costs;
        if rank(0, script) < rank(0, &best.shortest) {
            best.shortest = script.clone();
        }
        if rank(costs.steps, script) < rank(*steps, &best.fastest) {
            (*steps, best.fastest) = (costs.steps, script.clone());
        }
        if rank(costs.cells, script) < rank(*cells, &best.leanest) {
            (*cells, best.leanest) = (costs.cells, script.clone());
        }
        best.programs += programs;
    }

    fn told(self, text: impl Fn(&Script) -> String) -> Best<String> {
        Best {
            shortest: text(&self.shortest),
            fastest: text(&self.fastest),
            leanest: text(&self.leanest),
            costs: self.costs,
            programs: self.programs,
        }
    }
}

/// With two symbols, what the complement prints.
fn flipped(unrolled: Unrolled, flip: bool) -> Unrolled {
    let turn = |symbols: Vec<u8>| symbols.into_iter().map(|x| x ^ u8::from(flip)).collect();
    match unrolled {
        Unrolled::Known(future) => Unrolled::Known(Future {
            first: turn(future.first),
            cycle: turn(future.cycle),
        }),
        Unrolled::Open(symbols) => Unrolled::Open(turn(symbols)),
    }
}

/// How forecasts are made of what is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Manner {
    /// K.
    pub outcomes: usize,
    /// Whether a program errs as often as it has: Krichevsky and Trofimov's rule on its hits.
    pub noise: bool,
    /// Whether records begin anew with every episode.
    pub forget: bool,
    /// The prior mass of a coin that learns its bias, the first account; 0 for none.
    pub coin: f64,
}

/// What a family has seen, for a file.
#[derive(Clone, Debug)]
pub struct Record {
    /// Prior mass of the accounts but for the coin.
    pub masses: Vec<f64>,
    pub hits: Vec<f64>,
    pub misses: Vec<f64>,
    pub coin: Vec<f64>,
    pub partition: Vec<u32>,
}

/// All programs of a machine up to a length: one account for each behaviour, and a coin.
pub struct Programs {
    voices: Box<dyn Voices>,
    manner: Manner,
    /// Prior mass of the parts that are accounts.
    masses: Vec<f64>,
    /// By part, those that are born in this episode included.
    hits: Vec<f64>,
    misses: Vec<f64>,
    /// A part's share of the account it is in, from what it forecast in this episode.
    weights: Vec<f64>,
    /// By outcome, what the coin has shown.
    coin: Vec<f64>,
    frozen: bool,
}

impl Programs {
    #[must_use]
    pub fn new(voices: Box<dyn Voices>, masses: Vec<f64>, manner: Manner) -> Self {
        let parts = masses.len();
        let mut family = Self {
            voices,
            manner,
            masses,
            hits: vec![0.0; parts],
            misses: vec![0.0; parts],
            weights: vec![1.0; parts],
            coin: vec![0.0; manner.outcomes],
            frozen: false,
        };
        family.begin();
        family
    }

    fn kept(&self) -> usize {
        self.masses.len()
    }

    /// Whether the first account is a coin, as a number.
    fn coins(&self) -> usize {
        usize::from(self.manner.coin > 0.0)
    }

    fn begin(&mut self) {
        let kept = self.kept();
        self.voices.begin(kept);
        self.weights.truncate(kept);
        self.weights.fill(1.0);
        for counts in [&mut self.hits, &mut self.misses, &mut self.coin] {
            if self.manner.forget {
                counts.fill(0.0);
            }
        }
        self.hits.truncate(kept);
        self.misses.truncate(kept);
    }

    /// Asks what is said; parts that are born now take after their parents.
    fn ask(&mut self) -> Result<()> {
        self.voices.ask()?;
        for part in self.weights.len()..self.voices.said().len() {
            let Birth { parent, share, .. } = self.voices.births()[part];
            let parent = parent as usize;
            self.hits.push(self.hits[parent]);
            self.misses.push(self.misses[parent]);
            self.weights.push(self.weights[parent] * share);
            self.weights[parent] *= 1.0 - share;
        }
        Ok(())
    }

    /// The account, by its part, in which a part stands.
    fn owner(&self, mut part: usize) -> usize {
        while part >= self.kept() {
            part = self.voices.births()[part].parent as usize;
        }
        part
    }

    fn chance(&self, part: usize, outcome: u16) -> f64 {
        let rates = self.manner.rates();
        rates.of(self.voices.said()[part], outcome, self.hits[part], self.misses[part])
    }

    /// Writes every account's probability of an outcome.
    fn chances(&self, outcome: u16, out: &mut [f64]) {
        let (coins, own) = out.split_at_mut(self.coins());
        coins.fill(self.toss(outcome));
        let rates = self.manner.rates();
        let told = self.voices.said().iter().zip(&self.hits).zip(&self.misses);
        for (p, ((&said, &hits), &misses)) in own.iter_mut().zip(told) {
            *p = rates.of(said, outcome, hits, misses);
        }
        self.mix(outcome, own);
    }

    /// What the coin gives to an outcome.
    fn toss(&self, outcome: u16) -> f64 {
        let tosses: f64 = self.coin.iter().sum();
        (self.coin[usize::from(outcome)] + 0.5) / (tosses + 0.5 * self.manner.outcomes as f64)
    }

    /// Accounts whose parts differ forecast as their mixture.
    fn mix(&self, outcome: u16, own: &mut [f64]) {
        let born = own.len()..self.weights.len();
        let owners: Vec<usize> = born.clone().map(|part| self.owner(part)).collect();
        for &owner in &owners {
            own[owner] = self.weights[owner] * self.chance(owner, outcome);
        }
        for (part, &owner) in born.zip(&owners) {
            own[owner] += self.weights[part] * self.chance(part, outcome);
        }
    }

    /// Every part of a mixture is weighed by what it gave to the outcome.
    fn weigh(&mut self, outcome: u16) {
        let mut of: Vec<(usize, usize)> = (self.kept()..self.weights.len()).map(|p| (self.owner(p), p)).collect();
        of.sort_unstable();
        for parts in of.chunk_by(|a, b| a.0 == b.0) {
            let all: Vec<usize> = std::iter::once(parts[0].0)
                .chain(parts.iter().map(|part| part.1))
                .collect();
            let next: Vec<f64> = all.iter().map(|&p| self.weights[p] * self.chance(p, outcome)).collect();
            let sum: f64 = next.iter().sum();
            if sum > 0.0 {
                all.iter()
                    .zip(next)
                    .for_each(|(&p, weight)| self.weights[p] = weight / sum);
            }
        }
    }

    fn learn(&mut self, outcome: u16) {
        if !self.frozen {
            self.coin[usize::from(outcome)] += 1.0;
            self.manner
                .rates()
                .count(self.voices.said(), outcome, &mut self.hits, &mut self.misses);
        }
    }

    fn hear(&mut self, outcome: u16) -> Result<()> {
        self.ask()?;
        self.weigh(outcome);
        self.learn(outcome);
        self.voices.hear(outcome);
        Ok(())
    }

    /// [`Self::chances`], then [`Self::hear`].
    fn go(&mut self, outcome: u16, out: &mut [f64]) -> Result<()> {
        self.ask()?;
        if self.frozen || self.weights.len() > self.kept() {
            self.chances(outcome, out);
            return self.hear(outcome);
        }
        // in one pass, where no account is a mixture
        let (coins, own) = out.split_at_mut(self.coins());
        coins.fill(self.toss(outcome));
        self.coin[usize::from(outcome)] += 1.0;
        let counts = (&mut self.hits[..], &mut self.misses[..]);
        self.manner.rates().go(self.voices.said(), outcome, counts, own);
        self.voices.hear(outcome);
        Ok(())
    }

    fn symbol(&self, outcome: u32) -> Result<u16> {
        let known = (outcome as usize) < self.manner.outcomes;
        let error = || impossible(outcome, self.manner.outcomes);
        u16::try_from(outcome).ok().filter(|_| known).ok_or_else(error)
    }

    /// Makes accounts of all parts that these episodes tell apart, as [`Voices::part`] reads them. For each account after
    /// that, in order: the account it was part of, and its share of it; nothing if no account is split.
    pub fn split(&mut self, episodes: &[&[u32]], fresh: bool) -> Result<Vec<(u32, f64)>> {
        for &outcome in episodes.iter().copied().flatten() {
            self.symbol(outcome)?;
        }
        let before = self.kept();
        if fresh {
            self.begin();
        }
        let after = self.voices.part(before, episodes, fresh)?;
        if after == before {
            return Ok(Vec::new());
        }
        let owners: Vec<usize> = (0..after).map(|part| self.owner(part)).collect();
        for part in before..after {
            let Birth { parent, share, .. } = self.voices.births()[part];
            let parent = parent as usize;
            self.masses.push(self.masses[parent] * share);
            self.masses[parent] *= 1.0 - share;
            if part == self.weights.len() {
                self.hits.push(self.hits[parent]);
                self.misses.push(self.misses[parent]);
                self.weights.push(self.weights[parent] * share);
                self.weights[parent] *= 1.0 - share;
            }
        }
        let coins = self.coins();
        let parts = owners.iter().zip(&self.weights);
        let parts = parts.map(|(&owner, &weight)| ((owner + coins) as u32, weight));
        let split = std::iter::repeat_n((0, 1.0), coins).chain(parts).collect();
        self.weights.fill(1.0);
        Ok(split)
    }

    /// The best programs of each account; none of the coin.
    #[must_use]
    pub fn examples(&self) -> Vec<Option<Best<String>>> {
        let coin = std::iter::repeat_n(None, self.coins());
        coin.chain(self.voices.examples(self.kept())).collect()
    }

    /// The account that each account was part of at first.
    #[must_use]
    pub fn origins(&self) -> Vec<u32> {
        let root = |mut part: usize| loop {
            let parent = self.voices.births()[part].parent as usize;
            if parent == part {
                return (part + self.coins()) as u32;
            }
            part = parent;
        };
        let coins = std::iter::repeat_n(0, self.coins());
        coins.chain((0..self.kept()).map(root)).collect()
    }

    #[must_use]
    pub fn undecided(&self) -> u64 {
        self.voices.undecided()
    }

    #[must_use]
    pub fn record(&self) -> Record {
        Record {
            masses: self.masses.clone(),
            hits: self.hits[..self.kept()].to_vec(),
            misses: self.misses[..self.kept()].to_vec(),
            coin: self.coin.clone(),
            partition: self.voices.partition(),
        }
    }

    /// Takes over what another family of the same programs had seen.
    pub fn restore(&mut self, record: Record) -> Result<()> {
        let parts = record.masses.len();
        let fits = [&record.hits, &record.misses]
            .iter()
            .all(|counts| counts.len() == parts);
        if parts < self.kept() || !fits || record.coin.len() != self.manner.outcomes {
            return Err(MarketError::input("records of other programs than these"));
        }
        self.voices.restore(parts, &record.partition)?;
        (self.masses, self.hits) = (record.masses, record.hits);
        (self.misses, self.coin) = (record.misses, record.coin);
        self.weights = vec![1.0; parts];
        self.begin();
        Ok(())
    }
}

impl Family for Programs {
    fn outcomes(&self) -> usize {
        self.manner.outcomes
    }

    fn accounts(&self) -> usize {
        self.coins() + self.kept()
    }

    fn bits(&self) -> Vec<f64> {
        let coin = std::iter::repeat_n(&self.manner.coin, self.coins());
        coin.chain(&self.masses).map(|mass| -mass.log2()).collect()
    }

    fn begin_episode(&mut self) -> Result<()> {
        self.begin();
        Ok(())
    }

    fn forecast(&mut self, out: &mut [f64]) -> Result<()> {
        self.ask()?;
        let n = self.accounts();
        for (outcome, row) in (0..).zip(out.chunks_exact_mut(n)) {
            self.chances(outcome, row);
        }
        Ok(())
    }

    fn observe(&mut self, outcome: u32) -> Result<()> {
        let symbol = self.symbol(outcome)?;
        self.hear(symbol)
    }

    fn read(&mut self, outcomes: &[u32], out: &mut [f64]) -> Result<()> {
        let n = self.accounts();
        for (&outcome, row) in outcomes.iter().zip(out.chunks_exact_mut(n)) {
            let symbol = self.symbol(outcome)?;
            self.go(symbol, row)?;
        }
        Ok(())
    }

    fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    fn frozen(&self) -> bool {
        self.frozen
    }

    fn fork(&self) -> Result<Box<dyn Family>> {
        Ok(Box::new(self.clone()))
    }

    fn save(&self, path: &Path) -> Result<()> {
        let at = path.display();
        Err(MarketError::input(format!(
            "{at}: programs are saved by gm.Programs.save, with what they are"
        )))
    }
}

impl Clone for Programs {
    fn clone(&self) -> Self {
        Self {
            voices: self.voices.fork(),
            masses: self.masses.clone(),
            hits: self.hits.clone(),
            misses: self.misses.clone(),
            weights: self.weights.clone(),
            coin: self.coin.clone(),
            ..*self
        }
    }
}
