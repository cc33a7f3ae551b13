//! Text: a dense cluster of specialists that read bytes, most significant bit first.
//!
//! A specialist looks at one kind of context (the last bytes, the word, the longest match) and consists of one trader for
//! each context and prefix of the next byte. Whoever has been asked before is awake. A bit is traded twice: by the traders
//! that are awake, with the wealth of their own accounts ([`pool`]), and then again by what they published, in books that
//! a small context selects ([`layer`]). All of it learns as it reads, one bit at a time.

pub mod config;
pub mod context;
mod file;
pub mod history;
pub mod layer;
pub mod logistic;
pub mod node;
pub mod pool;
pub mod table;

use crate::error::{MarketError, Result};
use crate::families::{Family, impossible};
use crate::lanes::arch;
use crate::lanes::eight::{Floats, LANES, Words};
use crate::market::Interrupt;
pub use config::Config;
use context::{Context, Specialist};
use history::{Confidence, History, SHORTEST};
use layer::{Cleared, Layer, Seats};
use logistic::Logistic;
use node::{Learning, Traders};
use pool::Forecasts;
use pulp::{Simd, WithSimd};
use std::path::Path;
use table::{NOWHERE, Table};

/// Bytes between two looks at whether to stop.
const LOOK: usize = 4096;
const BYTE: usize = 8;

#[derive(Clone, Debug)]
pub struct Text {
    config: Config,
    specialists: Vec<Specialist>,
    /// How many of them are orders.
    ordered: usize,
    learning: Learning,
    /// Logits of forecasts lie between plus and minus this.
    bound: f32,
    logistic: Logistic,
    table: Table,
    history: History,
    shared: Shared,
    /// One generator for each lane.
    random: [u32; LANES],
    context: Context,
    frozen: bool,
}

/// What learns besides the traders' nodes.
#[derive(Clone, Debug)]
struct Shared {
    layer: Layer,
    confidence: Confidence,
}

/// A bit's market, cleared twice.
struct Play<S: Simd> {
    traders: Traders<S>,
    forecasts: Forecasts<S>,
    /// The logit of the first price.
    price: f32,
    logits: Seats<S>,
    awake: Seats<S>,
    cleared: Cleared,
    foretold: Option<u32>,
}

impl Text {
    /// A family that has read nothing.
    pub fn new(config: Config) -> Result<Self> {
        config.check()?;
        let plan = config.plan();
        let mut text = Self {
            specialists: config.specialists(),
            ordered: config.orders.len(),
            learning: config.learning(),
            bound: config.bound(),
            logistic: Logistic::new(),
            table: Table::new(plan.table),
            history: History::new(plan.history),
            shared: Shared {
                layer: Layer::new(),
                confidence: Confidence::new(),
            },
            random: config.random(),
            context: Context::new(&[]),
            frozen: false,
            config,
        };
        text.begin();
        Ok(text)
    }

    fn begin(&mut self) {
        self.context = Context::new(&self.specialists);
        self.open();
    }

    #[inline(always)]
    fn open(&mut self) {
        let Self {
            context,
            specialists,
            table,
            ..
        } = self;
        if self.frozen {
            context.open(specialists, |key| table.find(key).unwrap_or(NOWHERE));
        } else {
            context.open(specialists, |key| table.find_or_make(key));
        }
    }

    #[inline(always)]
    fn clear<S: Simd>(&self, s: S, context: &Context, shared: &Shared) -> Play<S> {
        let nodes = context.lines.map(|line| self.table.node(line, context.place as usize));
        let traders = self.learning.wake(s, nodes);
        let forecasts = Forecasts {
            beliefs: traders.beliefs(),
            logits: traders.logits().clamp(-self.bound, self.bound),
        };
        let price = self.config.clearing.price(traders.wealth * traders.awake, &forecasts);
        let foretold = context.foretold();
        let (mut logits, mut awake) = ([0.0; LANES], [0.0; LANES]);
        (logits[layer::PRICE], awake[layer::PRICE]) = (price, 1.0);
        (logits[layer::BOLD], awake[layer::BOLD]) = (2.0 * price, 1.0);
        (logits[layer::SCEPTIC], awake[layer::SCEPTIC]) = (0.0, 1.0);
        if let Some(bit) = foretold {
            let hit = shared.confidence.logit(context.matched.length);
            (logits[layer::MATCH], awake[layer::MATCH]) = (if bit == 1 { hit } else { -hit }, 1.0);
        }
        let logits = [forecasts.logits, Floats::new(s, logits).clamp(-self.bound, self.bound)];
        let awake = [traders.awake, Floats::new(s, awake)];
        let length = foretold.map_or(0, |_| context.matched.length);
        let book = layer::book(self.longest(&nodes), length);
        let cleared = shared.layer.clear(&self.logistic, book, &logits, &awake);
        Play {
            traders,
            forecasts,
            price,
            logits,
            awake,
            cleared,
            foretold,
        }
    }

    /// How many orders there are up to the longest that is awake.
    #[inline(always)]
    fn longest(&self, nodes: &[u32; LANES]) -> usize {
        let visited = (0..LANES).fold(0, |awake, lane| awake | u32::from(nodes[lane] & 31 > 0) << lane);
        (u32::BITS - (visited & ((1 << self.ordered) - 1)).leading_zeros()) as usize
    }

    /// Learns the bit `y`, unless frozen, and goes on to the next.
    #[inline(always)]
    fn settle<S: Simd>(&mut self, s: S, play: &Play<S>, y: u32) {
        if !self.frozen {
            self.shared.learn(play, self.context.matched.length, y);
            let bit = y as f32;
            let growth = self
                .config
                .clearing
                .growth(&self.logistic, bit, play.price, &play.forecasts);
            let random = Words::new(s, self.random);
            let nodes = self.learning.settle(s, &play.traders, bit, growth, random);
            self.random = xorshift(random).lanes();
            let place = self.context.place as usize;
            for (&line, node) in self.context.lines.iter().zip(nodes) {
                if line != NOWHERE {
                    self.table.put(line, place, node);
                }
            }
        }
        if self.context.push(y, play.foretold) {
            if self.context.partial > 255 {
                self.turn();
            } else {
                self.look_back();
            }
            self.open();
        } else if self.context.place > 7 {
            self.context
                .prepare(&self.specialists, self.table.near(), |key| self.table.fetch(key));
        }
    }

    /// A byte is complete: writes it down, unless frozen, and follows the longest match or tries a new one.
    #[inline(always)]
    fn turn(&mut self) {
        let Self { context, history, .. } = self;
        let byte = context.turn();
        if !self.frozen {
            history.append(byte);
        }
        context.matched = history.follow(context.matched, byte);
        if context.matched.length == 0 && context.seen > SHORTEST {
            context.matched = history.verify(history.after(context.place_before), context.recent, context.seen);
        }
        history.fetch(context.recent);
    }

    /// Half a byte later: where the bytes before it were seen last, to be tried at its end. So both ways through memory are
    /// gone while bits are traded.
    #[inline(always)]
    fn look_back(&mut self) {
        let Self { context, history, .. } = self;
        if self.config.matches {
            context.place_before = history.place(context.recent);
        }
        if !self.frozen {
            history.note(context.recent, context.seen);
        }
    }

    /// Reads bits; `paid` is told the probability of each.
    fn steps(&mut self, bits: impl Iterator<Item = u32>, paid: impl FnMut(f64)) {
        arch().dispatch(Steps { text: self, bits, paid });
    }

    /// The market of the next bit.
    fn quote(&self, context: &Context, shared: &Shared) -> Quote {
        arch().dispatch(Ask {
            text: self,
            context,
            shared,
        })
    }

    /// As [`Family::read`]; stops between two stretches if told to.
    pub fn read_until(&mut self, bits: &[u32], out: &mut [f64], interrupt: Interrupt<'_>) -> Result<()> {
        if let Some(&bad) = bits.iter().find(|&&bit| bit > 1) {
            return Err(impossible(bad, 2));
        }
        for (stretch, (bits, out)) in bits.chunks(LOOK * BYTE).zip(out.chunks_mut(LOOK * BYTE)).enumerate() {
            if interrupt() {
                let rounds = (stretch * LOOK * BYTE) as u64;
                return Err(MarketError::Interrupted { rounds });
            }
            let mut paid = out.iter_mut();
            self.steps(bits.iter().copied(), |p| {
                paid.next().into_iter().for_each(|out| *out = p)
            });
        }
        Ok(())
    }

    /// Begins an episode and reads it: its code length in bits, each predicted before it is learned.
    pub fn code_length(&mut self, data: &[u8], interrupt: Interrupt<'_>) -> Result<f64> {
        self.begin_episode()?;
        let mut product = Product {
            product: 1.0,
            bits: 0.0,
        };
        for (stretch, data) in data.chunks(LOOK).enumerate() {
            if interrupt() {
                let rounds = (stretch * LOOK * BYTE) as u64;
                return Err(MarketError::Interrupted { rounds });
            }
            let bits = data
                .iter()
                .flat_map(|&byte| (0..BYTE).rev().map(move |place| u32::from(byte >> place & 1)));
            self.steps(bits, |p| product.times(p));
        }
        Ok(product.code_length())
    }

    /// (256,) the probability of each next byte: what reading it would be given, bit by bit.
    pub fn byte_forecast(&self) -> Result<Vec<f64>> {
        if self.context.partial > 1 {
            let read = self.context.partial.ilog2();
            return Err(MarketError::input(format!(
                "{read} bits into a byte; ask for the next byte at its beginning, after {} more",
                8 - read
            )));
        }
        let mut out = vec![0.0; 256];
        self.foresee(&self.context, &self.shared, 1.0, &mut out);
        Ok(out)
    }

    /// Spreads `probability` over the bytes that begin with the bits of `context`, learning on the way what is shared; the
    /// nodes that learn are met only once in a byte.
    fn foresee(&self, context: &Context, shared: &Shared, probability: f64, out: &mut [f64]) {
        let quote = self.quote(context, shared);
        for (y, learned) in (0..2).zip(&quote.learned) {
            let probability = probability * quote.cleared.probability(y);
            let mut context = context.clone();
            let half = context.push(y, quote.foretold);
            if context.partial > 255 {
                out[context.partial as usize & 255] = probability;
                continue;
            }
            if half {
                context.open(&self.specialists, |key| self.table.find(key).unwrap_or(NOWHERE));
            } else if context.place > 7 {
                context.prepare(&self.specialists, self.table.near(), |_| ());
            }
            self.foresee(&context, learned, probability, out);
        }
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How many traders have been asked.
    pub fn traders(&self) -> u64 {
        self.table.traders()
    }

    /// How many traders bet on the next bit, the match among them.
    pub fn awake(&self) -> usize {
        self.quote(&self.context, &self.shared).awake
    }

    /// All that the family holds.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + Logistic::BYTES
            + self.table.memory_bytes()
            + self.history.memory_bytes()
            + size_of_val(self.specialists.as_slice())
            + size_of_val(self.config.orders.as_slice())
    }
}

impl Shared {
    #[inline(always)]
    fn learn<S: Simd>(&mut self, play: &Play<S>, length: u32, y: u32) {
        self.layer.settle(&play.cleared, &play.logits, &play.awake, y as f32);
        if let Some(bit) = play.foretold {
            self.confidence.learn(length, bit == y);
        }
    }
}

/// Bits to be read, in the widest vectors that the processor has.
struct Steps<'a, B, P> {
    text: &'a mut Text,
    bits: B,
    paid: P,
}

impl<B: Iterator<Item = u32>, P: FnMut(f64)> WithSimd for Steps<'_, B, P> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, s: S) {
        let text = self.text;
        for y in self.bits {
            let play = text.clear(s, &text.context, &text.shared);
            text.settle(s, &play, y);
            (self.paid)(play.cleared.probability(y));
        }
    }
}

/// A bit to be priced, likewise.
struct Ask<'a> {
    text: &'a Text,
    context: &'a Context,
    shared: &'a Shared,
}

struct Quote {
    cleared: Cleared,
    foretold: Option<u32>,
    awake: usize,
    /// What is shared, after a 0 and after a 1.
    learned: [Shared; 2],
}

impl WithSimd for Ask<'_> {
    type Output = Quote;

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> Quote {
        let Self { text, context, shared } = self;
        let play = text.clear(s, context, shared);
        let mut learned = [shared.clone(), shared.clone()];
        if !text.frozen {
            for (y, learned) in (0..2).zip(&mut learned) {
                learned.learn(&play, context.matched.length, y);
            }
        }
        let awake = (play.traders.awake.sum() as usize) + usize::from(play.foretold.is_some());
        Quote {
            cleared: play.cleared,
            foretold: play.foretold,
            awake,
            learned,
        }
    }
}

/// A product of probabilities of at least 1e-9, whose logarithm is taken before it underflows.
struct Product {
    product: f64,
    bits: f64,
}

impl Product {
    const LEAST: f64 = 1e-280;

    fn times(&mut self, probability: f64) {
        self.product *= probability;
        if self.product < Self::LEAST {
            self.bits -= self.product.log2();
            self.product = 1.0;
        }
    }

    fn code_length(&self) -> f64 {
        self.bits - self.product.log2()
    }
}

impl Family for Text {
    fn outcomes(&self) -> usize {
        2
    }

    fn begin_episode(&mut self) -> Result<()> {
        self.begin();
        Ok(())
    }

    fn forecast(&mut self, out: &mut [f64]) -> Result<()> {
        let cleared = self.quote(&self.context, &self.shared).cleared;
        out.copy_from_slice(&[cleared.probability(0), cleared.probability(1)]);
        Ok(())
    }

    fn observe(&mut self, outcome: u32) -> Result<()> {
        if outcome > 1 {
            return Err(impossible(outcome, 2));
        }
        self.steps(std::iter::once(outcome), |_| ());
        Ok(())
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

    fn save(&self, path: &Path) -> Result<()> {
        self.write(path)
    }
}

/// Marsaglia 2003; a state that is not 0 stays so.
#[inline(always)]
fn xorshift<S: Simd>(x: Words<S>) -> Words<S> {
    let x = x ^ (x << 13);
    let x = x ^ (x >> 17);
    x ^ (x << 5)
}
