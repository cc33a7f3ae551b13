//! A file becomes a market again.

use super::{HEADER, Header, IN_MEMORY, WITH_RULE, Whole};
use crate::accounts::book::{Book, TILE};
use crate::accounts::calendar::Calendar;
use crate::accounts::groups::Groups;
use crate::accounts::narrow::Narrow;
use crate::accounts::tile::Tile;
use crate::clearing::Rule;
use crate::error::{MarketError, Result};
use crate::grue::Tax;
use crate::grue::definitions::{Histories, Node};
use crate::grue::kernel::{Kernel, Rows};
use crate::grue::provenance::{Column, Provenance};
use crate::grue::stays::Stays;
use crate::ledger::{Cause, Entry, Open};
use crate::market::Market;
use crate::market::lazy::Lazy;
use crate::market::state::{Accounts, Roster, State, Traders};
use crate::real::Real;
use crate::scaled::Scaled;
use bytemuck::Pod;
use safetensors::SafeTensors;
use std::path::Path;
use std::sync::Arc;

/// A market's checkpoint that has been read and found whole.
pub struct Checkpoint {
    file: Whole,
    header: Header,
}

impl Checkpoint {
    pub fn read(path: &Path) -> Result<Self> {
        Self::of(Whole::read(path, HEADER, WITH_RULE)?)
    }

    /// From what [`Market::to_bytes`] gave.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        Self::of(Whole::of(IN_MEMORY.to_owned(), bytes, HEADER, WITH_RULE)?)
    }

    fn of(file: Whole) -> Result<Self> {
        let header = file.header()?;
        Ok(Self { file, header })
    }

    #[must_use]
    pub fn dtype(&self) -> &str {
        &self.header.dtype
    }

    fn fault(&self, why: &str) -> MarketError {
        self.file.fault(why)
    }

    /// The market and the note kept with it.
    pub fn market<F: Real>(self) -> Result<(Market<F>, String)> {
        let tensors = self.file.tensors()?;
        let reader = Reader {
            file: &self,
            tensors: &tensors,
        };
        let header = &self.header;
        let n = header.traders;
        let traders = Traders::<F> {
            rho: Arc::new(reader.book("rho", n)?),
            over: reader.over()?,
            reserve: header.reserve_at_start,
            calendar: Arc::new(reader.calendar(n)?),
            groups: Groups::new(reader.all("groups")?.into_iter(), header.group_count),
            outcomes: header.outcomes,
            rule: reader.rule()?,
            tax: reader.tax(n)?,
            provenance: header.provenance,
            definitions: header.definitions,
        };
        let late = traders.calendar.late();
        let next = late
            .get(header.entered)
            .map(|&(episode, _)| traders.calendar.by(episode));
        let rho = traders.entered(next);
        let histories = if traders.definitions {
            let scores = reader.book("scores", n)?;
            Some(Arc::new(Histories {
                scores,
                last: reader.all("last")?,
                tax_bits: reader.all("tax_bits")?,
            }))
        } else {
            None
        };
        let unredefined = if reader.has("unredefined.mantissas") {
            Some(Arc::new(reader.book("unredefined", n)?))
        } else {
            None
        };
        let columns = reader.columns("provenance", &header.columns)?;
        let spans = reader.columns("span", &header.spans)?;
        let lazy = match &header.levied {
            Some(levied) => Some(Arc::new(Lazy {
                stays: Stays::of(levied),
                touched: reader.touched()?,
                money: reader
                    .all::<f64>("lazy.money")?
                    .chunks_exact(2)
                    .map(|m| [m[0], m[1]])
                    .collect(),
                squares: reader.all("lazy.squares")?,
            })),
            None => None,
        };
        let state = State {
            accounts: Accounts {
                wealth: Arc::new(reader.book("wealth", n)?),
                total: header.total,
                unredefined,
                histories,
                bankruptcies: header.bankruptcies,
            },
            roster: Roster {
                weights: Arc::new(traders.weights(&rho)),
                rho,
                reserve: header.reserve,
                idle: header.idle,
                money: header.money,
            },
            clock: header.clock.clone(),
            provenance: Provenance::from_parts(header.stages.clone(), columns, spans),
            open: reader.open()?.map(Arc::new),
            lazy,
            summed: None,
        };
        let nodes = reader.nodes()?;
        let entries = reader.entries()?;
        let note = String::from_utf8(reader.all("note")?).map_err(|_| self.fault("its note is not text"))?;
        Ok((Market::from_parts(Arc::new(traders), state, entries, nodes), note))
    }
}

/// Depths of the drained from a file, where they are exponents: numbers up to 0.
fn depths(blocks: &[i32]) -> Narrow {
    let depths = || blocks.iter().map(|block| block.unsigned_abs());
    Narrow::of(depths(), depths().max().unwrap_or(0))
}

struct Reader<'a> {
    file: &'a Checkpoint,
    tensors: &'a SafeTensors<'a>,
}

impl Reader<'_> {
    fn has(&self, name: &str) -> bool {
        self.tensors.tensor(name).is_ok()
    }

    fn all<T: Pod>(&self, name: &str) -> Result<Vec<T>> {
        self.file.file.all(self.tensors, name)
    }

    fn book<F: Real>(&self, name: &str, traders: usize) -> Result<Book<F>> {
        let part = |part: &str| format!("{name}.{part}");
        let mantissas: Vec<F> = self.all(&part("mantissas"))?;
        let exponents: Vec<i64> = self.all(&part("exponents"))?;
        let (floors, ceilings): (Vec<f64>, Vec<f64>) = (self.all(&part("floors"))?, self.all(&part("ceilings"))?);
        let (drained, blocks): (Vec<i64>, Vec<i32>) = (self.all(&part("drained"))?, self.all(&part("blocks"))?);
        if mantissas.len() != traders || exponents.len() != traders.div_ceil(TILE) {
            return Err(self.file.fault(&format!("book {name} has the wrong size")));
        }
        let mut rest = blocks.as_slice();
        let mut tiles = Vec::new();
        for (t, &exponent) in exponents.iter().enumerate() {
            let (own, others) = rest.split_at((drained[t] as usize).min(rest.len()));
            rest = others;
            tiles.push(Tile {
                exponent,
                floor: floors[t],
                ceiling: ceilings[t],
                drained: depths(own),
            });
        }
        Ok(Book { mantissas, tiles })
    }

    fn columns(&self, name: &str, stages: &[u32]) -> Result<Vec<Column>> {
        let read = |(i, &stage): (usize, &u32)| {
            let shares = Arc::new(self.all(&format!("{name}.{i}"))?);
            Ok(Column { stage, shares })
        };
        stages.iter().enumerate().map(read).collect()
    }

    fn calendar(&self, traders: usize) -> Result<Calendar> {
        let (episodes, late) = (
            self.all::<i64>("entrants.episodes")?,
            self.all::<u32>("entrants.traders")?,
        );
        let mut enters_at = vec![0; traders];
        for (j, episode) in late.into_iter().zip(episodes) {
            let place = enters_at.get_mut(j as usize);
            *place.ok_or_else(|| self.file.fault(&format!("trader {j} enters, but there is none")))? = episode as u64;
        }
        Ok(Calendar::new(&enters_at))
    }

    fn touched(&self) -> Result<Narrow> {
        let touched: Vec<u32> = self.all("touched")?;
        let most = touched.iter().copied().max().unwrap_or(0);
        Ok(Narrow::of(touched.into_iter(), most.max(u16::MAX.into())))
    }

    fn over(&self) -> Result<Vec<Scaled>> {
        let (mantissas, exponents) = (self.all("over.mantissas")?, self.all("over.exponents")?);
        let both = mantissas.into_iter().zip(exponents);
        Ok(both.map(|(mantissa, exponent)| Scaled { mantissa, exponent }).collect())
    }

    fn rule(&self) -> Result<Rule> {
        let header = &self.file.header;
        let Some(saved) = &header.rule else {
            let fraction = header.fraction;
            return Ok(Rule::Kelly { fraction });
        };
        let each = if self.has("aversions") {
            self.all("aversions")?
        } else {
            Vec::new()
        };
        let rule = saved.rule(each);
        rule.check(header.outcomes, header.traders)?;
        Ok(rule)
    }

    /// The tax, its kernel's rows put back.
    fn tax(&self, traders: usize) -> Result<Option<Tax>> {
        let Some(mut tax) = self.file.header.tax.clone() else {
            return Ok(None);
        };
        if let Kernel::Rows(rows) = &mut tax.kernel {
            let targets: Vec<_> = self.all::<u32>("kernel.targets")?.into_iter().map(i64::from).collect();
            *rows = Rows::new(
                &self.all::<i64>("kernel.starts")?,
                &targets,
                &self.all::<f64>("kernel.shares")?,
                traders,
            )?;
        }
        Ok(Some(tax))
    }

    fn open(&self) -> Result<Option<Open>> {
        let Some((stage, batch)) = self.file.header.open else {
            return Ok(None);
        };
        let (wealth, paid) = (self.all("open.wealth")?, self.all("open.paid")?);
        let (received, entered) = (self.all("open.received")?, self.all("open.entered")?);
        let reinforced = self.all("open.reinforced")?;
        Ok(Some(Open {
            stage,
            batch,
            wealth,
            paid,
            received,
            entered,
            reinforced,
        }))
    }

    fn nodes(&self) -> Result<Vec<Node>> {
        let clocks: Vec<i64> = self.all("nodes.clocks")?;
        let (sources, before): (Vec<u32>, Vec<u32>) = (self.all("nodes.sources")?, self.all("nodes.before")?);
        let nodes = clocks.into_iter().zip(sources).zip(before);
        Ok(nodes
            .map(|((clock, source), before)| Node {
                clock: clock as u64,
                source,
                before,
            })
            .collect())
    }

    fn entries(&self) -> Result<Vec<Entry>> {
        let stages: Vec<u32> = self.all("ledger.stages")?;
        let batches: Vec<i64> = self.all("ledger.batches")?;
        let groups: Vec<u32> = self.all("ledger.groups")?;
        let amounts: Vec<f64> = self.all("ledger.amounts")?;
        let causes = self.all::<u32>("ledger.causes")?.into_iter().map(Cause::from_number);
        let rows = stages.into_iter().zip(batches).zip(causes).zip(groups).zip(amounts);
        Ok(rows
            .map(|((((stage, batch), cause), group), amount)| Entry {
                stage,
                batch: batch as u64,
                cause,
                group,
                amount,
            })
            .collect())
    }
}
