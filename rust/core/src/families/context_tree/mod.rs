//! Context-tree weighting and switching: the full-Kelly market over every prunable suffix tree of a depth.
//!
//! A trader is a tree, described by its code: for each node above the full depth it says whether that is a leaf, in one
//! bit or as `leaf_bits` splits it, so a trader's prior is `2^-(code length)`. Its leaves forecast by their counts. All
//! trees are cleared at once, because every node is a market of its own with two accounts, "stop here" and "descend"
//! (Willems, Shtarkov, Tjalkens 1995, The Context-Tree Weighting Method). A Grue tax inside every node lets the traders
//! change where they stop, which makes it context-tree switching (Veness, Ng, Hutter, Bowling 2012, arXiv 1111.3182);
//! theirs moves `1/t` of each account into the other by a clock of all outcomes, ours what the kernel "anything" moves,
//! by the clock of the node.

mod file;
mod forest;
mod odds;
mod path;

use crate::error::{MarketError, Result};
use crate::families::{Family, impossible};
use crate::grue::Tax;
use crate::market::Interrupt;
pub use forest::DEEPEST;
use forest::{End, Forest};
use odds::{NodeTax, Prior};
use path::{Path, Rules};
use serde::{Deserialize, Serialize};

/// Outcomes between two looks at whether the caller asks to stop.
const LOOK: usize = 1 << 12;

/// What a tree is built from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// The longest context in bits, at most `DEEPEST`.
    pub depth: usize,
    /// Whether the bits are those of bytes, most significant first, with one tree for each of the eight places.
    pub factored: bool,
    /// What is added to every count of a belief; 1/2 is Krichevsky-Trofimov.
    pub estimator: f64,
    /// What the code of a tree spends on a leaf above the full depth; an inner node costs `-log2(1 - 2^-leaf_bits)`.
    pub leaf_bits: f64,
    /// The tax inside the nodes: none is weighting, any is switching.
    pub tax: Option<Tax>,
    /// The most bytes that the nodes may take; when they are full, no more are born.
    pub memory_bytes: usize,
}

/// All prunable suffix trees of a depth in one account.
///
/// A context is the most recent bits, the last one first; with `factored` these are the bits of this byte so far, then
/// the bytes before it.
#[derive(Clone, Debug)]
pub struct ContextTree {
    factored: bool,
    rules: Rules,
    forest: Forest,
    frozen: bool,
    /// The bits of this episode, the last one in the lowest place.
    past: u64,
    /// How many bits of this byte have been read.
    place: usize,
    path: Path,
    /// Whether the path is that of the present context.
    cleared: bool,
}

impl ContextTree {
    /// Trees that have read nothing.
    pub fn new(config: Config) -> Result<Self> {
        let Config { depth, estimator, .. } = config;
        if depth > DEEPEST {
            return Err(MarketError::input(format!("depth {depth} bits; give 0 to {DEEPEST}")));
        }
        if !(estimator > 0.0 && estimator.is_finite()) {
            return Err(MarketError::input(format!(
                "estimator {estimator}; give a finite number > 0 to add to each count, 0.5 for Krichevsky-Trofimov"
            )));
        }
        let trees = if config.factored { 8 } else { 1 };
        let forest = Forest::new(depth, trees, config.memory_bytes);
        if !forest.has_room() {
            return Err(MarketError::input(format!(
                "memory of {} bytes; a path of depth {depth} alone takes {}",
                config.memory_bytes,
                Forest::bytes_of(depth, 1)
            )));
        }
        Ok(Self {
            factored: config.factored,
            rules: Rules {
                estimator,
                prior: Prior::new(config.leaf_bits)?,
                tax: config.tax.map(NodeTax::new).transpose()?,
            },
            forest,
            frozen: false,
            past: 0,
            place: 0,
            path: Path::new(),
            cleared: false,
        })
    }

    /// What the tree was built from.
    pub fn config(&self) -> Config {
        Config {
            depth: self.forest.depth,
            factored: self.factored,
            estimator: self.rules.estimator,
            leaf_bits: self.rules.prior.leaf_bits,
            tax: self.rules.tax.as_ref().map(|tax| tax.rule().clone()),
            memory_bytes: self.forest.limit,
        }
    }

    /// The context `bits`, the last one in the lowest place, cut to the depth.
    fn context(&self, bits: u64) -> u64 {
        bits & u64::MAX.checked_shr((DEEPEST - self.forest.depth) as u32).unwrap_or(0)
    }

    /// Clears the path of the present context.
    fn clear(&mut self) -> Result<()> {
        if !self.cleared {
            let context = self.context(self.past);
            self.path.clear(&self.forest, self.place, context, &self.rules)?;
            self.cleared = true;
        }
        Ok(())
    }

    /// Goes on to the context after this outcome.
    fn advance(&mut self, outcome: usize) {
        self.past = self.past << 1 | outcome as u64;
        self.place = (self.place + 1) % self.forest.roots.len();
        self.cleared = false;
    }

    /// Learns from the outcome and goes on; returns the probability that it had.
    fn step(&mut self, outcome: usize) -> Result<f64> {
        self.clear()?;
        if !self.frozen {
            let context = self.context(self.past);
            self.path.settle(&mut self.forest, self.place, context, outcome);
        }
        self.advance(outcome);
        Ok(self.path.price()[outcome])
    }

    /// Hands each outcome's probability to `seen`, reading them one by one.
    ///
    /// Everything is checked before anything moves; a caller that asks to stop finds the outcomes before that read.
    fn walk(&mut self, outcomes: &[u32], interrupt: Interrupt<'_>, mut seen: impl FnMut(usize, f64)) -> Result<()> {
        if let Some(&x) = outcomes.iter().find(|&&x| x > 1) {
            return Err(impossible(x, 2));
        }
        self.check_clocks(outcomes.len())?;
        for (i, &x) in outcomes.iter().enumerate() {
            if i % LOOK == 0 && interrupt() {
                return Err(MarketError::Interrupted { rounds: i as u64 });
            }
            seen(i, self.step(x as usize)?);
        }
        Ok(())
    }

    /// Whether the tax has a hazard for every node through so many more outcomes: roots have the longest clocks.
    fn check_clocks(&self, outcomes: usize) -> Result<()> {
        let Some(tax) = &self.rules.tax else { return Ok(()) };
        let trees = self.forest.roots.len();
        for i in 0..trees.min(outcomes) {
            let more = if self.frozen { 0 } else { (outcomes - 1 - i) / trees };
            tax.hazard(self.forest.visits((self.place + i) % trees) + more as u64)?;
        }
        Ok(())
    }

    /// `Family::read` for a caller who may ask to stop.
    pub fn read_until(&mut self, outcomes: &[u32], out: &mut [f64], interrupt: Interrupt<'_>) -> Result<()> {
        self.walk(outcomes, interrupt, |i, p| out[i] = p)
    }

    /// The code length of bytes, in bits, each bit forecast before it is learned.
    pub fn code_length(&mut self, data: &[u8], interrupt: Interrupt<'_>) -> Result<f64> {
        let (mut bits, mut outcomes) = (0.0, [0; 8 * 512]);
        self.check_clocks(8 * data.len())?;
        for chunk in data.chunks(512) {
            for (i, x) in outcomes.iter_mut().take(8 * chunk.len()).enumerate() {
                *x = u32::from(chunk[i / 8] >> (7 - i % 8)) & 1;
            }
            self.walk(&outcomes[..8 * chunk.len()], interrupt, |_, p| bits -= p.log2())?;
        }
        Ok(bits)
    }

    /// The probability of each of the 256 bytes that may come next.
    ///
    /// A byte asks each tree once, so this is what reading the byte would pay, learning or not.
    pub fn byte_forecast(&self) -> Result<Vec<f64>> {
        if !self.factored {
            return Err(MarketError::input(
                "these trees read bits, not bytes; build them with factored=True",
            ));
        }
        if self.place != 0 {
            let message = format!("{} bits into a byte; bytes are forecast where one begins", self.place);
            return Err(MarketError::input(message));
        }
        let (mut path, mut bytes) = (Path::new(), vec![1.0]);
        for place in 0..8 {
            let mut longer = Vec::with_capacity(2 << place);
            for (prefix, p) in bytes.iter().enumerate() {
                let context = self.context(self.past << place | prefix as u64);
                path.clear(&self.forest, place, context, &self.rules)?;
                longer.extend(path.price().map(|q| p * q));
            }
            bytes = longer;
        }
        Ok(bytes)
    }

    /// How many contexts have an account of their own: those that were ever seen.
    pub fn traders(&self) -> u64 {
        self.forest.born
    }

    /// How many of them are awake now: those that were seen before the present context.
    pub fn awake(&self) -> usize {
        let context = self.context(self.past);
        let (inner, end) = self.forest.descend(self.place, context, &mut [0; DEEPEST]);
        match end {
            End::Unborn => inner,
            End::Leaf { shared, .. } => shared + 1,
        }
    }

    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.forest.bytes()
    }
}

impl Family for ContextTree {
    fn outcomes(&self) -> usize {
        2
    }

    fn begin_episode(&mut self) -> Result<()> {
        (self.past, self.place, self.cleared) = (0, 0, false);
        Ok(())
    }

    fn forecast(&mut self, out: &mut [f64]) -> Result<()> {
        self.clear()?;
        out.copy_from_slice(&self.path.price());
        Ok(())
    }

    fn observe(&mut self, outcome: u32) -> Result<()> {
        if outcome > 1 {
            return Err(impossible(outcome, 2));
        }
        if self.frozen {
            self.advance(outcome as usize);
            return Ok(());
        }
        self.step(outcome as usize).map(|_| ())
    }

    fn read(&mut self, outcomes: &[u32], out: &mut [f64]) -> Result<()> {
        self.read_until(outcomes, out, &|| false)
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

    fn save(&self, path: &std::path::Path) -> Result<()> {
        self.write(path)
    }
}
