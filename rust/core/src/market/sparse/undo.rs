//! How a call that stops half way is taken back step by step, at the cost of what it touched.

use crate::accounts::book::TILE;
use crate::accounts::narrow::Narrow;
use crate::accounts::tile::Tile;
use crate::market::lazy::Lazy;
use crate::market::state::{Accounts, State};
use crate::real::Real;
use crate::scaled::Scaled;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All that a call has touched, as it was.
#[derive(Default)]
pub(super) struct Undo {
    had: Vec<Had>,
    tiles: BTreeMap<usize, Tiles>,
}

/// What a trader had before a round touched it.
struct Had {
    trader: usize,
    wealth: Scaled,
    unredefined: Option<Scaled>,
    score: Option<Scaled>,
    touched: Option<u32>,
}

/// One tile of each book, but for its mantissas.
struct Tiles {
    wealth: Tile,
    unredefined: Option<Tile>,
    scores: Option<Tile>,
}

impl Tiles {
    fn of<F>(accounts: &Accounts<F>, t: usize) -> Self {
        Self {
            wealth: accounts.wealth.tiles[t].clone(),
            unredefined: accounts.unredefined.as_ref().map(|book| book.tiles[t].clone()),
            scores: accounts.histories.as_ref().map(|h| h.scores.tiles[t].clone()),
        }
    }

    fn put_back<F: Real>(self, accounts: &mut Accounts<F>, t: usize) {
        Arc::make_mut(&mut accounts.wealth).tile_mut(t).put_back(self.wealth);
        if let (Some(book), Some(tile)) = (&mut accounts.unredefined, self.unredefined) {
            Arc::make_mut(book).tile_mut(t).put_back(tile);
        }
        if let (Some(histories), Some(tile)) = (&mut accounts.histories, self.scores) {
            Arc::make_mut(histories).scores.tile_mut(t).put_back(tile);
        }
    }
}

/// What a call that is taken back must put right beside the accounts it touched.
pub(super) struct Before {
    lazy: bool,
    levies: usize,
    money: Vec<[f64; 2]>,
    unredefined: bool,
    bankruptcies: bool,
}

impl Before {
    pub fn of<F>(state: &State<F>, lazy: bool) -> Self {
        let (levies, money) = state
            .lazy
            .as_ref()
            .map_or((0, Vec::new()), |l| (l.stays.len(), l.money.clone()));
        let accounts = &state.accounts;
        Self {
            lazy,
            levies,
            money,
            unredefined: accounts.unredefined.is_some(),
            bankruptcies: accounts.bankruptcies,
        }
    }
}

impl Undo {
    /// Notes what a trader has, before a settlement moves it.
    pub fn note<F: Real>(&mut self, accounts: &Accounts<F>, lazy: &Lazy, trader: usize) {
        let tile = trader / TILE;
        self.tiles.entry(tile).or_insert_with(|| Tiles::of(accounts, tile));
        self.had.push(Had {
            trader,
            wealth: accounts.wealth.value(trader),
            unredefined: accounts.unredefined.as_ref().map(|b| b.value(trader)),
            score: accounts.histories.as_ref().map(|h| h.scores.value(trader)),
            touched: (!lazy.touched.is_empty()).then(|| lazy.touched.at(trader)),
        });
    }

    /// Takes back every settlement and levy of the call.
    pub fn roll_back<F: Real>(self, state: &mut State<F>, before: Before) {
        let accounts = &mut state.accounts;
        let lazy = Arc::make_mut(state.lazy.as_mut().expect("lazy"));
        for had in self.had.into_iter().rev() {
            Arc::make_mut(&mut accounts.wealth).set(had.trader, had.wealth);
            if let (Some(book), Some(value)) = (&mut accounts.unredefined, had.unredefined) {
                Arc::make_mut(book).set(had.trader, value);
            }
            if let (Some(histories), Some(value)) = (&mut accounts.histories, had.score) {
                Arc::make_mut(histories).scores.set(had.trader, value);
            }
            if !lazy.touched.is_empty() {
                lazy.touched.set(had.trader, had.touched.unwrap_or(0));
            }
        }
        for (t, tiles) in self.tiles {
            tiles.put_back(accounts, t);
        }
        accounts.bankruptcies = before.bankruptcies;
        if !before.unredefined {
            accounts.unredefined = None;
        }
        lazy.stays.truncate(before.levies);
        lazy.money = before.money;
        if before.levies == 0 {
            lazy.touched = Narrow::EMPTY;
        }
        if !before.lazy {
            state.lazy = None;
        }
    }
}

/// Whether beginning the call has left all that playing may change as it was, so that it can be taken back step by step.
pub(super) fn untouched<F: Real>(saved: &State<F>, now: &State<F>) -> bool {
    fn same<T>(a: Option<&Arc<T>>, b: Option<&Arc<T>>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
    let (before, after) = (&saved.accounts, &now.accounts);
    Arc::ptr_eq(&before.wealth, &after.wealth)
        && before.total == after.total
        && saved.clock.stages == now.clock.stages
        && same(before.unredefined.as_ref(), after.unredefined.as_ref())
        && same(before.histories.as_ref(), after.histories.as_ref())
        && same(saved.lazy.as_ref(), now.lazy.as_ref())
}
