//! The history of a trial: what was asked to be written, what came of it, and whether what is there afterwards can follow
//! from that. Pure: asks nobody and writes nothing.

use std::collections::{BTreeMap, BTreeSet};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Account,
    Page,
    /// A user who joins a page, named by the page.
    Join,
    Group,
    Message,
    File,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 6] = [Self::Account, Self::Page, Self::Join, Self::Group, Self::Message, Self::File];
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The product said that it is done: it has to be there.
    Acknowledged,
    /// There was no answer, or one that leaves open whether it was done.
    Unknown,
}

/// Everything that was asked to be written. Names are unique within a kind.
#[derive(Debug, Default)]
pub(crate) struct History {
    writes: BTreeMap<(Kind, String), Outcome>,
}

/// Everything that is there afterwards.
#[derive(Debug, Default)]
pub(crate) struct Found {
    names: BTreeMap<Kind, Vec<String>>,
}

/// What is wrong with what is there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Acknowledged and not there.
    pub(crate) lost: Vec<String>,
    /// There more than once.
    pub(crate) doubled: Vec<String>,
    /// There and never asked for.
    pub(crate) invented: Vec<String>,
}

impl History {
    /// Notes a write. One that is repeated counts as acknowledged once any of its attempts was.
    pub(crate) fn note(&mut self, kind: Kind, name: impl Into<String>, outcome: Outcome) {
        let noted = self.writes.entry((kind, name.into())).or_insert(outcome);
        if outcome == Outcome::Acknowledged {
            *noted = outcome;
        }
    }

    /// How many writes of a kind had an outcome.
    pub(crate) fn count(&self, kind: Kind, outcome: Outcome) -> usize {
        self.writes.iter().filter(|((of, _), came)| *of == kind && **came == outcome).count()
    }

    /// Compares what was asked for with what is there.
    pub(crate) fn check(&self, found: &Found) -> Verdict {
        let mut verdict = Verdict::default();
        for kind in Kind::ALL {
            let names = found.names.get(&kind).map_or(&[][..], Vec::as_slice);
            let distinct: BTreeSet<_> = names.iter().collect();
            let say = |name: &str| format!("{kind:?} {name}");
            for name in &distinct {
                if names.iter().filter(|other| other == name).count() > 1 {
                    verdict.doubled.push(say(name));
                }
                if !self.writes.contains_key(&(kind, (*name).clone())) {
                    verdict.invented.push(say(name));
                }
            }
            let acknowledged = self.writes.iter().filter(|(_, outcome)| **outcome == Outcome::Acknowledged);
            let lost = acknowledged.filter(|((of, name), _)| *of == kind && !distinct.contains(name));
            verdict.lost.extend(lost.map(|((_, name), _)| say(name)));
        }
        verdict
    }
}

impl Found {
    /// Takes in the names of a kind.
    pub(crate) fn add(&mut self, kind: Kind, names: impl IntoIterator<Item = String>) {
        self.names.entry(kind).or_default().extend(names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        let mut history = History::default();
        history.note(Kind::Page, "acknowledged", Outcome::Acknowledged);
        history.note(Kind::Page, "unknown", Outcome::Unknown);
        history
    }

    fn verdict(names: &[&str]) -> Verdict {
        let mut found = Found::default();
        found.add(Kind::Page, names.iter().map(|name| (*name).to_owned()));
        history().check(&found)
    }

    #[test]
    fn what_nobody_knows_of_may_be_there_or_not() {
        assert_eq!(verdict(&["acknowledged"]), Verdict::default());
        assert_eq!(verdict(&["acknowledged", "unknown"]), Verdict::default());
    }

    #[test]
    fn a_lost_write_is_noticed() {
        assert_eq!(verdict(&["unknown"]).lost, ["Page acknowledged"]);
    }

    #[test]
    fn a_duplicate_is_noticed() {
        assert_eq!(verdict(&["acknowledged", "acknowledged"]).doubled, ["Page acknowledged"]);
        assert_eq!(verdict(&["acknowledged", "unknown", "unknown"]).doubled, ["Page unknown"]);
    }

    #[test]
    fn an_invented_one_is_noticed() {
        assert_eq!(verdict(&["acknowledged", "dreamt"]).invented, ["Page dreamt"]);
    }

    #[test]
    fn a_write_of_another_kind_makes_up_for_nothing() {
        let mut found = Found::default();
        found.add(Kind::Group, ["acknowledged".to_owned()]);
        let verdict = history().check(&found);
        assert_eq!(
            (verdict.lost, verdict.invented),
            (vec!["Page acknowledged".to_owned()], vec!["Group acknowledged".to_owned()])
        );
    }

    #[test]
    fn a_repeated_write_is_acknowledged_once_any_attempt_was() {
        let mut history = history();
        history.note(Kind::Page, "acknowledged", Outcome::Unknown);
        history.note(Kind::Page, "unknown", Outcome::Acknowledged);
        assert_eq!(history.count(Kind::Page, Outcome::Acknowledged), 2);
    }
}
