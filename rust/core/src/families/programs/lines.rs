//! Programs that hear nothing: what each prints is known without any history, so it is worked out once for all copies.

use super::atlas::{Atlas, BLOCK, Part};
use super::unroll::Script;
use super::{Best, Birth, SILENT, Voices};
use crate::error::{MarketError, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Symbols after which a file's programs must have come to differ.
const FURTHEST: usize = 1 << 26;
/// Parts that are written side by side.
const LINE: usize = 32;
/// Blocks that are kept together have at most so many symbols.
const MOST: usize = 1 << 24;

/// The programs of an atlas, as one family hears them.
#[derive(Clone, Debug)]
pub struct Lines {
    atlas: Arc<Mutex<Atlas>>,
    kept: usize,
    births: Vec<Birth>,
    /// The block's first round, its parts, what they say round by round, and the present round.
    start: usize,
    width: usize,
    symbols: Arc<Vec<u16>>,
    at: usize,
    /// Blocks of earlier episodes, by their first rounds, as long as the same parts are kept apart: widths and symbols.
    known: BTreeMap<usize, (usize, Arc<Vec<u16>>)>,
}

impl Lines {
    #[must_use]
    pub fn new(atlas: Atlas) -> Self {
        let births: Vec<Birth> = atlas.parts.iter().map(|part| part.birth).collect();
        Self {
            atlas: Arc::new(Mutex::new(atlas)),
            kept: births.len(),
            births,
            start: 0,
            width: 0,
            symbols: Arc::default(),
            at: 0,
            known: BTreeMap::new(),
        }
    }

    fn atlas(&self) -> MutexGuard<'_, Atlas> {
        self.atlas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks so many symbols ahead; how many parts are born before that.
    fn look(&mut self, symbols: usize) -> Result<usize> {
        let mut atlas = self.atlas.lock().unwrap_or_else(PoisonError::into_inner);
        atlas.reach(symbols)?;
        let known = self.births.len();
        self.births.extend(atlas.parts[known..].iter().map(|part| part.birth));
        Ok(self.births.partition_point(|birth| birth.time < symbols))
    }

    fn keep(&mut self, kept: usize) {
        if kept != self.kept {
            self.known.clear();
        }
        (self.kept, self.width) = (kept, 0);
    }

    fn fill(&mut self) -> Result<()> {
        self.start = self.at - self.at % BLOCK;
        if let Some((width, symbols)) = self.known.get(&self.start) {
            (self.width, self.symbols) = (*width, Arc::clone(symbols));
            return Ok(());
        }
        self.width = self.look(self.start + BLOCK)?.max(self.kept);
        self.symbols = Arc::new(self.written());
        if self.symbols.len() * (self.known.len() + 1) <= MOST {
            let block = (self.width, Arc::clone(&self.symbols));
            self.known.insert(self.start, block);
        }
        Ok(())
    }

    /// What the parts say in this block, round by round.
    fn written(&self) -> Vec<u16> {
        let mut symbols = vec![SILENT; BLOCK * self.width];
        let atlas = self.atlas();
        // a line of the cache at a time
        for (run, parts) in atlas.parts[..self.width].chunks(LINE).enumerate() {
            let mut blocks = [[SILENT; BLOCK]; LINE];
            blocks
                .iter_mut()
                .zip(parts)
                .for_each(|(block, part)| *block = part.said.block(self.start));
            for (t, row) in symbols.chunks_exact_mut(self.width).enumerate() {
                let row = row[run * LINE..].iter_mut().take(parts.len());
                row.zip(&blocks).for_each(|(to, block)| *to = block[t]);
            }
        }
        symbols
    }

    fn alive(&self) -> usize {
        self.births
            .partition_point(|birth| birth.time <= self.at)
            .max(self.kept)
    }
}

impl Voices for Lines {
    fn begin(&mut self, kept: usize) {
        self.keep(kept);
        self.at = 0;
    }

    fn ask(&mut self) -> Result<()> {
        let filled = self.width > 0 && (self.start..self.start + BLOCK).contains(&self.at);
        if filled { Ok(()) } else { self.fill() }
    }

    fn said(&self) -> &[u16] {
        &self.symbols[(self.at - self.start) * self.width..][..self.alive()]
    }

    fn births(&self) -> &[Birth] {
        &self.births
    }

    fn hear(&mut self, _symbol: u16) {
        self.at += 1;
    }

    fn part(&mut self, kept: usize, episodes: &[&[u32]], fresh: bool) -> Result<usize> {
        let longest = episodes.iter().map(|episode| episode.len()).max().unwrap_or(0);
        let symbols = if fresh { longest } else { self.at + longest.max(1) };
        let apart = self.look(symbols)?.max(kept);
        self.keep(apart);
        Ok(apart)
    }

    fn examples(&self, kept: usize) -> Vec<Option<Best<String>>> {
        let atlas = self.atlas();
        let (mut owners, mut best) = (Vec::new(), vec![None; kept]);
        for (p, part) in atlas.parts.iter().enumerate() {
            let owner = if p < kept {
                p
            } else {
                owners[part.birth.parent as usize]
            };
            owners.push(owner);
            part.lines
                .iter()
                .for_each(|line| Best::add(&mut best[owner], &line.script, line.costs, line.programs));
        }
        let text = |script: &Script| atlas.printer.text(script);
        best.into_iter().map(|best| best.map(|best| best.told(text))).collect()
    }

    fn undecided(&self) -> u64 {
        let open = |part: &Part| part.lines.iter().filter(|line| line.future.is_none()).count() as u64;
        self.atlas().parts.iter().map(open).sum()
    }

    fn fork(&self) -> Box<dyn Voices> {
        Box::new(self.clone())
    }

    fn partition(&self) -> Vec<u32> {
        Vec::new()
    }

    fn restore(&mut self, kept: usize, _partition: &[u32]) -> Result<()> {
        while self.births.len() < kept {
            let further = 2 * self.atlas().horizon;
            if further > FURTHEST {
                return Err(MarketError::input(format!(
                    "{kept} accounts of {} programs",
                    self.births.len()
                )));
            }
            self.look(further)?;
        }
        self.keep(kept);
        Ok(())
    }
}
