//! Frames parsed once for many clients that are sent the same: a thousand members of a group, each of whom parsed and
//! kept every event, would take more of the machine than the servers that they watch. Owns no order.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;

/// The events that were heard so far, by the frames they came in.
#[derive(Debug, Default)]
pub struct Frames {
    events: Mutex<HashMap<Box<str>, Arc<Value>>>,
}

impl Frames {
    /// Reads a frame.
    pub(super) fn read(&self, text: &str) -> Arc<Value> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = events.get(text) {
            return known.clone();
        }
        let frame = serde_json::from_str::<Value>(text).unwrap_or_else(|error| panic!("no JSON ({error}): {text}"));
        let frame = Arc::new(frame);
        // Whatever else comes is meant for one client.
        if frame["type"] == "event" {
            events.insert(text.into(), frame.clone());
        }
        frame
    }
}
