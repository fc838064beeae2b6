//! What this process has used of the machine's processors.

use std::{fs, time::Duration};

/// The clock ticks of `/proc`, which Linux fixes at 100 a second.
const TICK: Duration = Duration::from_millis(10);

/// User and system time so far.
pub(crate) fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").unwrap();
    // The name of the program, in brackets, may hold blanks.
    let (_, fields) = text.rsplit_once(") ").unwrap();
    let ticks: u32 = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u32>().unwrap()).sum();
    TICK * ticks
}
