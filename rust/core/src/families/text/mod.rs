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
mod read;
pub mod table;

use crate::error::Result;
use crate::families::{Family, impossible};
use crate::lanes::eight::{Floats, LANES, Words};
pub use config::Config;
use context::{Context, Specialist};
use history::{Confidence, History, SHORTEST};
use layer::{Cleared, Layer, Seats};
use logistic::Logistic;
use node::{Learning, Traders};
use pool::Forecasts;
use pulp::Simd;
use std::path::Path;
use table::{NOWHERE, Table, place};

#[derive(Debug)]
pub struct Text {
    config: Config,
    specialists: Vec<Specialist>,
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
            learning: config.learning(),
            bound: config.bound(),
            logistic: Logistic::default(),
            table: Table::new(plan.table)?,
            history: History::new(plan.history),
            shared: Shared {
                layer: Layer::default(),
                confidence: Confidence::default(),
            },
            random: config.random(),
            context: Context::new(&[]),
            frozen: false,
            config,
        };
        text.begin();
        Ok(text)
    }

    /// An independent copy.
    pub fn copy(&self) -> Result<Self> {
        Ok(Self {
            config: self.config.clone(),
            specialists: self.specialists.clone(),
            learning: self.learning.clone(),
            logistic: self.logistic.clone(),
            table: self.table.copy()?,
            history: self.history.clone(),
            shared: self.shared.clone(),
            context: self.context.clone(),
            ..*self
        })
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
        let words = self.table.words();
        let nodes = context.lines.map(|line| words[place(line, context.place)]);
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
        let bettors = traders.awake.sum();
        let book = layer::book(bettors as usize, length);
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
            let words = self.table.words_mut();
            for (&line, node) in self.context.lines.iter().zip(nodes) {
                if line != NOWHERE {
                    words[place(line, self.context.place)] = node;
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
        if !self.config.matches {
            return;
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
        context.place_before = history.place(context.recent);
        if !self.frozen {
            history.note(context.recent, context.seen);
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
        self.copy().map(|copy| Box::new(copy) as Box<dyn Family>)
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
