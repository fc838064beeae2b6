//! What the sockets of one run have noticed: how long each message took to each member, and each acknowledgement to its
//! sender. Everything is noticed by one thread, so nothing is locked.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

/// What was noticed so far.
pub(crate) struct Figures {
    origin: Instant,
    counting: Cell<bool>,
    /// In microseconds.
    deliveries: RefCell<Vec<u32>>,
    /// In microseconds.
    acknowledgements: RefCell<Vec<u32>>,
    /// How many bytes the delivered frames had.
    bytes: Cell<usize>,
}

/// Half and 99 of 100 of some durations are at most so long, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantiles {
    /// How many they are of.
    pub(crate) count: usize,
    /// Half of them.
    pub(crate) p50: f64,
    /// 99 of 100.
    pub(crate) p99: f64,
}

impl Figures {
    /// Nothing yet, and nothing counted before [`Self::count`].
    pub(crate) fn new() -> Self {
        Self {
            origin: Instant::now(),
            counting: Cell::new(false),
            deliveries: RefCell::default(),
            acknowledgements: RefCell::default(),
            bytes: Cell::new(0),
        }
    }

    /// The time, on a clock that begins with the run and never jumps.
    pub(crate) fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Counts from now on, or no more.
    pub(crate) fn count(&self, counting: bool) {
        self.counting.set(counting);
    }

    /// A member has received a message, `bytes` long, after `taken`.
    pub(crate) fn delivered(&self, taken: Duration, bytes: usize) {
        if self.counting.get() {
            self.deliveries.borrow_mut().push(microseconds(taken));
            self.bytes.set(self.bytes.get() + bytes);
        }
    }

    /// A sender has been told after `taken` that a message is stored.
    pub(crate) fn acknowledged(&self, taken: Duration) {
        if self.counting.get() {
            self.acknowledgements.borrow_mut().push(microseconds(taken));
        }
    }

    /// How long deliveries took.
    pub(crate) fn deliveries(&self) -> Quantiles {
        quantiles(&mut self.deliveries.borrow_mut())
    }

    /// How long acknowledgements took.
    pub(crate) fn acknowledgements(&self) -> Quantiles {
        quantiles(&mut self.acknowledgements.borrow_mut())
    }

    /// How many bytes were delivered.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.get()
    }
}

fn microseconds(taken: Duration) -> u32 {
    u32::try_from(taken.as_micros()).unwrap_or(u32::MAX)
}

fn quantiles(all: &mut [u32]) -> Quantiles {
    let count = all.len();
    let mut milliseconds = |quantile: usize| match count {
        0 => f64::NAN,
        _ => f64::from(*all.select_nth_unstable((count - 1) * quantile / 100).1) / 1000.0,
    };
    Quantiles { count, p50: milliseconds(50), p99: milliseconds(99) }
}
