//! What the verification of a token that has been seen before costs an ordinary request, with nothing revoked and with
//! the tokens of many users revoked: `cargo bench -p chatroom-kit --features testing --bench verify`.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::{hint::black_box, time::Instant};

use chatroom_kit::{
    auth::{Revocation, Revoked, Verifier},
    clock::Clock,
    ids::UserId,
    testing::Tokens,
};

/// How many verifications are one sample.
const SAMPLE: u32 = 200_000;
/// How many samples are taken; the least disturbed counts.
const SAMPLES: usize = 25;
/// How many users sign in by turns.
const CALLERS: usize = 1_000;

fn main() {
    let tokens = Tokens::new(Clock::system());
    let callers: Vec<_> = (0..CALLERS).map(|_| tokens.user(UserId::new())).collect();
    let verifier = tokens.verifier();
    println!("nothing revoked: {:.0} ns", nanoseconds(&verifier, &callers));
    for users in [1_000, 100_000, 1_000_000] {
        let verifier = tokens.verifier();
        let until = tokens.clock().now().timestamp() + 7 * 24 * 60 * 60;
        let revoked = |user| Revocation { user, which: Revoked::Session("AAAAAAAAAAAAAAAAAAAAAA".into()), until };
        verifier.revoke((0..users).map(|_| revoked(UserId::new())).collect());
        println!("tokens of {users} others revoked: {:.0} ns", nanoseconds(&verifier, &callers));
        let begun = Instant::now();
        verifier.revoke(vec![revoked(UserId::new())]);
        println!("  one more is taken note of in {:?}", begun.elapsed());
    }
}

/// The time that one verification takes, the least of all samples.
fn nanoseconds(verifier: &Verifier, callers: &[String]) -> f64 {
    let sample = || {
        let begun = Instant::now();
        for token in callers.iter().cycle().take(SAMPLE as usize) {
            black_box(verifier.verify(black_box(token)).unwrap());
        }
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(SAMPLE)
    };
    (0..SAMPLES).map(|_| sample()).fold(f64::INFINITY, f64::min)
}
