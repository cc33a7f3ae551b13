//! The worker threads. Results never depend on how many there are: work is cut into fixed tiles, sums have a fixed order.

use crate::error::{MarketError, Result};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};

struct Pool {
    threads: usize,
    /// The process that built the pool: a forked child has no workers and needs a pool of its own.
    process: u32,
    workers: Option<Arc<ThreadPool>>,
}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    threads: 0,
    process: 0,
    workers: None,
});

/// The number of worker threads: what was set, else `GRUEMARKET_THREADS`, else every core.
#[must_use]
pub fn threads() -> usize {
    let set = POOL.lock().unwrap_or_else(PoisonError::into_inner).threads;
    if set > 0 {
        return set;
    }
    let wish = std::env::var("GRUEMARKET_THREADS")
        .ok()
        .and_then(|n| n.parse().ok())
        .filter(|&n| n > 0);
    wish.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get))
}

/// Sets the number of worker threads.
pub fn set_threads(count: usize) -> Result<()> {
    if count == 0 {
        return Err(MarketError::input("0 threads; give 1 or more"));
    }
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    pool.threads = count;
    pool.workers = None;
    Ok(())
}

fn pool() -> Option<Arc<ThreadPool>> {
    let threads = threads();
    let mut held = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if held.process != std::process::id() {
        // the parent's pool must not be dropped here: its workers do not exist in this process
        std::mem::forget(held.workers.take());
        held.process = std::process::id();
    }
    if held.workers.is_none() {
        held.workers = ThreadPoolBuilder::new().num_threads(threads).build().ok().map(Arc::new);
    }
    held.workers.clone()
}

/// Scratch that is lent for a share of the work: shares are many, the scratch of a few workers serves them all.
struct Lent<'a, S> {
    scratch: Option<S>,
    idle: &'a Mutex<Vec<S>>,
}

impl<'a, S> Lent<'a, S> {
    fn new(idle: &'a Mutex<Vec<S>>, scratch: impl Fn() -> S) -> Self {
        let held = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self {
            scratch: Some(held.unwrap_or_else(scratch)),
            idle,
        }
    }
}

impl<S> Drop for Lent<'_, S> {
    fn drop(&mut self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.scratch.take());
    }
}

/// Applies `work` to every item, keeping their order; in parallel where there is enough of it.
pub fn map<T: Send, S: Send, R: Send>(
    items: Vec<T>,
    scratch: impl Fn() -> S + Sync + Send,
    work: impl Fn(&mut S, T) -> R + Sync + Send,
) -> Vec<R> {
    let workers = if items.len() > 1 && threads() > 1 { pool() } else { None };
    if let Some(workers) = workers {
        let idle = Mutex::new(Vec::new());
        let lend = || Lent::new(&idle, &scratch);
        let lent = |lent: &mut Lent<'_, S>, item| work(lent.scratch.get_or_insert_with(&scratch), item);
        return workers.install(|| items.into_par_iter().map_init(lend, lent).collect());
    }
    let mut held = scratch();
    items.into_iter().map(|item| work(&mut held, item)).collect()
}

/// Results on their way to one who takes them in order.
struct Delivery<R, F> {
    /// What has come early, by its number.
    early: Mutex<BTreeMap<usize, R>>,
    /// The number of the next result, and who takes it.
    taker: Mutex<(usize, F)>,
}

impl<R: Send, F: FnMut(R) + Send> Delivery<R, F> {
    fn bring(&self, number: usize, result: R) {
        self.early
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(number, result);
        // whoever finds the taker busy leaves it to the others, or to the end
        if let Ok(mut taker) = self.taker.try_lock() {
            self.take(&mut taker);
        }
    }

    fn take(&self, (next, take): &mut (usize, F)) {
        loop {
            let ready = self.early.lock().unwrap_or_else(PoisonError::into_inner).remove(next);
            let Some(result) = ready else { return };
            take(result);
            *next += 1;
        }
    }
}

/// Applies `work` to every item, in parallel where there is enough of it, and hands the results to `take` one after the
/// other in the items' order, while others are still worked on.
pub fn map_in_order<T: Send, S: Send, R: Send>(
    items: Vec<T>,
    scratch: impl Fn() -> S + Sync + Send,
    work: impl Fn(&mut S, T) -> R + Sync + Send,
    mut take: impl FnMut(R) + Send,
) {
    let workers = if items.len() > 1 && threads() > 1 { pool() } else { None };
    let Some(workers) = workers else {
        let mut held = scratch();
        return items.into_iter().for_each(|item| take(work(&mut held, item)));
    };
    let queue = Mutex::new(items.into_iter().enumerate());
    let delivery = Delivery {
        early: Mutex::default(),
        taker: Mutex::new((0, take)),
    };
    workers.broadcast(|_| {
        let mut held = scratch();
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((number, item)) = next else { return };
            delivery.bring(number, work(&mut held, item));
        }
    });
    let mut taker = delivery.taker.lock().unwrap_or_else(PoisonError::into_inner);
    delivery.take(&mut taker);
}

/// [`map`] over runs of `len` consecutive items.
pub fn map_runs<T: Send, S: Send, R: Send>(
    items: Vec<T>,
    len: usize,
    scratch: impl Fn() -> S + Sync + Send,
    work: impl Fn(&mut S, Vec<T>) -> R + Sync + Send,
) -> Vec<R> {
    let count = items.len().div_ceil(len);
    let mut items = items.into_iter();
    let runs = (0..count).map(|_| items.by_ref().take(len).collect()).collect();
    map(runs, scratch, work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_while_others_are_worked_on() -> Result<()> {
        for count in [1, 2, 7] {
            set_threads(count)?;
            let mut taken = Vec::new();
            let slow = |i: u64| (0..(i * 7919) % 5000).fold(i, |x, y| x ^ (y << 20) >> 20 ^ y);
            map_in_order((0..500).collect(), || 0, |_, i| (i, slow(i)), |(i, _)| taken.push(i));
            assert_eq!(taken, (0..500).collect::<Vec<_>>());
        }
        Ok(())
    }
}
