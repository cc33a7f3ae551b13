//! Checkpoints: one safetensors file with every book, and a header in its metadata.
//!
//! A file is written under a temporary name, synced and renamed, so a path holds a whole checkpoint or the one before.
//! A BLAKE3 hash of the header and of every tensor tells a damaged file.

use crate::accounts::book::{Book, TILE, Tile};
use crate::accounts::calendar::Calendar;
use crate::accounts::groups::Groups;
use crate::accounts::narrow::Narrow;
use crate::clearing::Rule;
use crate::error::{MarketError, Result};
use crate::grue::Tax;
use crate::grue::definitions::{Histories, Node};
use crate::grue::kernel::{Kernel, Rows};
use crate::grue::provenance::{Column, Provenance};
use crate::grue::stays::{Levied, Stays};
use crate::ledger::{Cause, Entry, Open};
use crate::market::Market;
use crate::market::lazy::Lazy;
use crate::market::rule::Saved as SavedRule;
use crate::market::state::{Accounts, Clock, Roster, State, Traders};
use crate::real::Real;
use crate::scaled::Scaled;
use bytemuck::Pod;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) const FORMAT: u32 = 1;
/// The format of a market that clears by another rule than Kelly's, which the first readers would have taken for it.
const WITH_RULE: u32 = 2;
const HEADER: &str = "gruemarket";
const HASH: &str = "blake3";

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    dtype: String,
    traders: usize,
    reserve_at_start: f64,
    group_count: usize,
    outcomes: usize,
    fraction: f64,
    /// Of another rule than Kelly's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<SavedRule>,
    tax: Option<Tax>,
    provenance: bool,
    definitions: bool,
    total: Scaled,
    bankruptcies: bool,
    entered: usize,
    reserve: f64,
    idle: f64,
    money: Scaled,
    clock: Clock,
    stages: Vec<u32>,
    /// The stages that have a column of provenance.
    columns: Vec<u32>,
    /// The closed stages that are yet to be worked into them.
    spans: Vec<u32>,
    /// Stage and batch of the ledger's open batch.
    open: Option<(u32, u64)>,
    levied: Option<Vec<Levied>>,
}

/// Tensors by name, as little-endian bytes.
#[derive(Default)]
pub(crate) struct Tensors<'a>(BTreeMap<String, (Dtype, Cow<'a, [u8]>)>);

impl<'a> Tensors<'a> {
    pub(crate) fn put<T: Pod>(&mut self, name: &str, dtype: Dtype, values: &'a [T]) {
        self.0
            .insert(name.to_owned(), (dtype, Cow::Borrowed(bytemuck::cast_slice(values))));
    }

    pub(crate) fn put_all<T: Pod>(&mut self, name: &str, dtype: Dtype, values: impl Iterator<Item = T>) {
        let values: Vec<_> = values.collect();
        self.0.insert(
            name.to_owned(),
            (dtype, Cow::Owned(bytemuck::cast_slice(&values).to_vec())),
        );
    }

    fn put_book<F: Real>(&mut self, name: &str, book: &'a Book<F>) {
        let dtype = if F::DTYPE == "f32" { Dtype::F32 } else { Dtype::F64 };
        self.put(&format!("{name}.mantissas"), dtype, &book.mantissas);
        self.put_all(
            &format!("{name}.exponents"),
            Dtype::I64,
            book.tiles.iter().map(|t| t.exponent),
        );
        self.put_all(
            &format!("{name}.floors"),
            Dtype::F64,
            book.tiles.iter().map(|t| t.floor),
        );
        self.put_all(
            &format!("{name}.ceilings"),
            Dtype::F64,
            book.tiles.iter().map(|t| t.ceiling),
        );
        self.put_all(
            &format!("{name}.drained"),
            Dtype::I64,
            book.tiles.iter().map(|t| t.drained.len() as i64),
        );
        let depths = book.tiles.iter().flat_map(|t| t.drained.iter());
        let blocks = depths.map(|depth| -depth.cast_signed());
        self.put_all(&format!("{name}.blocks"), Dtype::I32, blocks);
    }

    fn hash(&self, header: &str) -> String {
        let views = self.0.iter().map(|(name, (_, bytes))| (name.as_str(), &**bytes));
        hash(header, views)
    }

    /// Writes the tensors and the header to a file; `kind` is the header's name in it.
    pub(crate) fn save(&self, path: &Path, kind: &str, header: &impl Serialize) -> Result<()> {
        let fault = |source: std::io::Error| MarketError::Io {
            path: path.display().to_string(),
            source,
        };
        let header = serde_json::to_string(header).map_err(|e| fault(std::io::Error::other(e)))?;
        let entries = [(HASH.to_owned(), self.hash(&header)), (kind.to_owned(), header)];
        // every map has an order of its own, by chance, and it would show in the file: the same state, the same bytes
        let mut maps = std::iter::repeat_with(|| HashMap::from(entries.clone()));
        let metadata = maps.find(|map| map.keys().is_sorted());
        let views = self.0.iter().map(|(name, (dtype, bytes))| {
            let length = bytes.len() * 8 / dtype.bitsize();
            TensorView::new(*dtype, vec![length], bytes).map(|view| (name.as_str(), view))
        });
        let views = views
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|e| fault(std::io::Error::other(e)))?;
        let bytes = safetensors::serialize(views, metadata).map_err(|e| fault(std::io::Error::other(e)))?;
        let temporary = temporary_name(path);
        let written = write(&bytes, &temporary, path);
        if written.is_err() {
            // the fault that is reported matters more than one in clearing up after it
            let _ = std::fs::remove_file(&temporary);
        }
        written.map_err(fault)
    }
}

fn hash<'a>(header: &str, tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(header.as_bytes());
    for (name, bytes) in tensors {
        hasher.update(name.as_bytes());
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    }
    hasher.finalize().to_hex().to_string()
}

impl<F: Real> Market<F> {
    /// Saves the market to `path`; `note` is kept with it.
    pub fn save(&self, path: &Path, note: &str) -> Result<()> {
        let late = !self.traders().calendar.is_empty();
        let entered = late.then(|| self.state().roster.rho.book());
        let (header, tensors) = self.freeze(note, entered.as_deref())?;
        tensors.save(path, HEADER, &header)
    }

    /// The header and the tensors; `entered` is the prior of those who have entered, where some are late.
    fn freeze<'a>(&'a self, note: &'a str, entered: Option<&'a Book<F>>) -> Result<(Header, Tensors<'a>)> {
        let (traders, state) = (self.traders(), self.state());
        let rule = traders.rule.saved()?;
        let mut tensors = Tensors::default();
        tensors.put("note", Dtype::U8, note.as_bytes());
        tensors.put_book("rho", &traders.rho);
        tensors.put_all("over.mantissas", Dtype::F64, traders.over.iter().map(|x| x.mantissa));
        tensors.put_all("over.exponents", Dtype::I64, traders.over.iter().map(|x| x.exponent));
        let late = traders.calendar.late();
        tensors.put_all("entrants.episodes", Dtype::I64, late.iter().map(|e| e.0 as i64));
        tensors.put_all("entrants.traders", Dtype::U32, late.iter().map(|e| e.1));
        tensors.put_all("groups", Dtype::U32, traders.groups.ids.iter());
        if let Some(each) = traders.rule.aversions() {
            tensors.put("aversions", Dtype::F64, each);
        }
        tensors.put_book("wealth", &state.accounts.wealth);
        if let Some(book) = entered {
            // this version works it out; an older one that loads the file reads it
            tensors.put_book("entered", book);
        }
        if let Some(book) = &state.accounts.unredefined {
            tensors.put_book("unredefined", book);
        }
        if let Some(histories) = &state.accounts.histories {
            tensors.put_book("scores", &histories.scores);
            tensors.put("last", Dtype::U32, &histories.last);
            tensors.put("tax_bits", Dtype::F64, &histories.tax_bits);
        }
        if let Some(Tax {
            kernel: Kernel::Rows(rows),
            ..
        }) = &traders.tax
        {
            tensors.put_all("kernel.starts", Dtype::I64, rows.starts().iter().map(|&s| s as i64));
            tensors.put("kernel.targets", Dtype::U32, rows.targets());
            tensors.put("kernel.shares", Dtype::F64, rows.shares());
        }
        if let Some(open) = &state.open {
            tensors.put("open.wealth", Dtype::F64, &open.wealth);
            tensors.put("open.paid", Dtype::F64, &open.paid);
            tensors.put("open.received", Dtype::F64, &open.received);
            tensors.put("open.entered", Dtype::F64, &open.entered);
            tensors.put("open.reinforced", Dtype::F64, &open.reinforced);
        }
        let columns = state.provenance.columns();
        for (i, column) in columns.iter().enumerate() {
            tensors.put(&format!("provenance.{i}"), Dtype::F64, &column.shares);
        }
        for (i, span) in state.provenance.spans().iter().enumerate() {
            tensors.put(&format!("span.{i}"), Dtype::F64, &span.shares);
        }
        if let Some(lazy) = &state.lazy {
            tensors.put_all("touched", Dtype::U32, lazy.touched.iter());
            tensors.put_all("lazy.money", Dtype::F64, lazy.money.iter().flatten().copied());
            tensors.put("lazy.squares", Dtype::F64, &lazy.squares);
        }
        let nodes = self.nodes();
        tensors.put_all("nodes.clocks", Dtype::I64, nodes.iter().map(|n| n.clock as i64));
        tensors.put_all("nodes.sources", Dtype::U32, nodes.iter().map(|n| n.source));
        tensors.put_all("nodes.before", Dtype::U32, nodes.iter().map(|n| n.before));
        let entries = self.entries();
        tensors.put_all("ledger.stages", Dtype::U32, entries.iter().map(|e| e.stage));
        tensors.put_all("ledger.batches", Dtype::I64, entries.iter().map(|e| e.batch as i64));
        tensors.put_all("ledger.causes", Dtype::U32, entries.iter().map(|e| e.cause as u32));
        tensors.put_all("ledger.groups", Dtype::U32, entries.iter().map(|e| e.group));
        tensors.put_all("ledger.amounts", Dtype::F64, entries.iter().map(|e| e.amount));
        let lazy = state.lazy.as_deref();
        let header = Header {
            format: if rule.is_some() { WITH_RULE } else { FORMAT },
            dtype: F::DTYPE.to_owned(),
            traders: self.len(),
            reserve_at_start: traders.reserve,
            group_count: traders.groups.count,
            outcomes: traders.outcomes,
            fraction: traders.rule.fraction(),
            rule,
            tax: traders.tax.as_ref().map(Tax::without_rows),
            provenance: traders.provenance,
            definitions: traders.definitions,
            total: state.accounts.total,
            bankruptcies: state.accounts.bankruptcies,
            entered: late.len() - state.roster.rho.absent().len(),
            reserve: state.roster.reserve,
            idle: state.roster.idle,
            money: state.roster.money,
            clock: state.clock.clone(),
            stages: state.provenance.stages().to_vec(),
            columns: columns.iter().map(|c| c.stage).collect(),
            spans: state.provenance.spans().iter().map(|c| c.stage).collect(),
            open: state.open.as_ref().map(|open| (open.stage, open.batch)),
            levied: lazy.map(|l| l.stays.levied().to_vec()),
        };
        Ok((header, tensors))
    }
}

/// One name a target, so that what a killed process left is overwritten by the next.
fn temporary_name(path: &Path) -> PathBuf {
    let name = path
        .file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    path.with_file_name(format!(".{name}.tmp"))
}

fn write(bytes: &[u8], temporary: &Path, path: &Path) -> std::io::Result<()> {
    let mut file = File::create(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(temporary, path)?;
    // the rename itself is safe only once the folder is; where a folder cannot be opened it need not be
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    File::open(folder).map_or(Ok(()), |folder| folder.sync_all())
}

/// A file that has been read and found whole.
pub(crate) struct Whole {
    path: String,
    header: String,
    bytes: Vec<u8>,
}

impl Whole {
    /// Reads a file whose header has the name `kind`, of a format up to `newest`.
    pub(crate) fn read(path: &Path, kind: &str, newest: u32) -> Result<Self> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| MarketError::Io {
            path: name.clone(),
            source,
        })?;
        let fault = |why: &str| MarketError::Checkpoint {
            path: name.clone(),
            why: why.to_owned(),
        };
        let damaged = || fault("not a whole gruemarket checkpoint (truncated or damaged); use an older copy");
        let (_, info) = SafeTensors::read_metadata(&bytes).map_err(|_| damaged())?;
        let metadata = info.metadata().as_ref().ok_or_else(damaged)?;
        let header = metadata
            .get(kind)
            .ok_or_else(|| fault(&format!("a safetensors file, but not a {kind} checkpoint")))?;
        let version: Version = serde_json::from_str(header).map_err(|_| damaged())?;
        if version.format > newest {
            return Err(fault(&format!(
                "checkpoint format {}, newer than this gruemarket's {newest}; install a newer gruemarket",
                version.format
            )));
        }
        let tensors = SafeTensors::deserialize(&bytes).map_err(|_| damaged())?;
        let views: BTreeMap<_, _> = tensors
            .iter()
            .map(|(name, view)| (name.to_owned(), view.data()))
            .collect();
        let found = hash(header, views.iter().map(|(name, data)| (name.as_str(), *data)));
        if metadata.get(HASH) != Some(&found) {
            return Err(damaged());
        }
        Ok(Self {
            path: name,
            header: header.clone(),
            bytes,
        })
    }

    pub(crate) fn fault(&self, why: &str) -> MarketError {
        MarketError::Checkpoint {
            path: self.path.clone(),
            why: why.to_owned(),
        }
    }

    pub(crate) fn header<H: DeserializeOwned>(&self) -> Result<H> {
        serde_json::from_str(&self.header).map_err(|_| self.fault("a checkpoint with a header of another form"))
    }

    pub(crate) fn tensors(&self) -> Result<SafeTensors<'_>> {
        SafeTensors::deserialize(&self.bytes).map_err(|_| self.fault("damaged"))
    }

    /// All values of a tensor.
    pub(crate) fn all<T: Pod>(&self, tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<T>> {
        let view = tensors
            .tensor(name)
            .map_err(|_| self.fault(&format!("has no tensor {name}")))?;
        if view.data().len() % size_of::<T>() != 0 {
            return Err(self.fault(&format!("tensor {name} has the wrong type")));
        }
        Ok(view
            .data()
            .chunks_exact(size_of::<T>())
            .map(bytemuck::pod_read_unaligned)
            .collect())
    }
}

/// A market's checkpoint that has been read and found whole.
pub struct Checkpoint {
    file: Whole,
    header: Header,
}

impl Checkpoint {
    pub fn read(path: &Path) -> Result<Self> {
        let file = Whole::read(path, HEADER, WITH_RULE)?;
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

#[derive(Deserialize)]
struct Version {
    format: u32,
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
