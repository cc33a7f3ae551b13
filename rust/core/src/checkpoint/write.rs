//! A market becomes a file.

use super::{FORMAT, HEADER, Header, IN_MEMORY, Tensors, WITH_RULE};
use crate::accounts::book::Book;
use crate::error::{MarketError, Result};
use crate::grue::Tax;
use crate::grue::kernel::Kernel;
use crate::market::Market;
use crate::real::Real;
use safetensors::Dtype;
use std::path::Path;
use std::sync::Arc;

impl<'a> Tensors<'a> {
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
}

impl<F: Real> Market<F> {
    /// Saves the market to `path`; `note` is kept with it.
    pub fn save(&self, path: &Path, note: &str) -> Result<()> {
        let entered = self.entered();
        let (header, tensors) = self.freeze(note, entered.as_deref())?;
        tensors.save(path, HEADER, &header)
    }

    /// What [`Market::save`] writes.
    pub fn to_bytes(&self, note: &str) -> Result<Vec<u8>> {
        let entered = self.entered();
        let (header, tensors) = self.freeze(note, entered.as_deref())?;
        tensors.bytes(HEADER, &header).map_err(|source| MarketError::Io {
            path: IN_MEMORY.to_owned(),
            source,
        })
    }

    /// The prior of those who have entered, where some are late.
    fn entered(&self) -> Option<Arc<Book<F>>> {
        let late = !self.traders().calendar.is_empty();
        late.then(|| self.state().roster.rho.book())
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
