//! What a client knows of a group: a part of its sequence without a hole. Speaks to nobody.

use std::{sync::Arc, time::Instant};

use serde_json::Value;

/// What a client knows of a group: everything from a place in its sequence to another, each event once.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The epoch in which the places count.
    pub epoch: String,
    /// The place after which it begins.
    pub after: i64,
    /// The events, in order, from the one after that place on.
    pub events: Vec<Arc<Value>>,
    /// When each of them was applied.
    pub times: Vec<Instant>,
    /// How often all of it was dropped, since the epoch was another one.
    pub dropped: usize,
}

impl Known {
    /// The last place that is known.
    pub fn seq(&self) -> i64 {
        self.after.saturating_add_unsigned(self.events.len() as u64)
    }

    /// The places of the events, in the order in which they were applied: 1, 2, 3 … where all is well.
    pub fn places(&self) -> Vec<i64> {
        self.events.iter().filter_map(|event| event["seq"].as_i64()).collect()
    }

    /// What was said, in order.
    pub fn words(&self) -> Vec<String> {
        let texts = self.events.iter().filter_map(|event| event["message"]["content"]["text"].as_str());
        texts.map(str::to_owned).collect()
    }

    /// Drops everything where the epoch is another one.
    pub(super) fn meet(&mut self, epoch: &str) {
        if self.epoch != epoch {
            let dropped = self.dropped + usize::from(!self.epoch.is_empty());
            *self = Self { epoch: epoch.to_owned(), dropped, ..Self::default() };
        }
    }

    /// Applies an event where it is the next one; answers whether it is.
    pub(super) fn apply(&mut self, event: &Arc<Value>) -> bool {
        let next = event["seq"] == self.seq() + 1;
        if next {
            self.events.push(event.clone());
            self.times.push(Instant::now());
        }
        next
    }
}
