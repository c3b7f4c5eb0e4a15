//! The lines our C++ program answers with (format: `program/session.h`), read strictly.
//!
//! Nothing is taken on trust: every flow exactly once with its own id, released flows not before their start, the end marker
//! with the right count, nothing after it. Errors show the line.

use mixlab_contract::units::PS_PER_NS;
use mixlab_contract::{Counters, Event, EventKind, FlowIndex, FlowOutcome, RunOutput, Scenario, SimDuration, SimTime};

/// A line that should not be there, or one that is missing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// A line is wrong.
    #[error("output line {line}: {problem}, found '{found}'")]
    Line {
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        problem: &'static str,
        /// The line, shortened.
        found: String,
    },
    /// The output ends before the end marker.
    #[error("the output ends after {lines} lines without an end marker ({known} of {flows} flows)")]
    Short {
        /// Lines there are.
        lines: u64,
        /// Flows whose fate is known.
        known: usize,
        /// Flows of the scenario.
        flows: usize,
    },
}

/// Collects the output of a batch run.
pub struct Collector<'a> {
    scenario: &'a Scenario,
    outcomes: Vec<Option<FlowOutcome>>,
    completed: u64,
    known: usize,
    counters: Option<Counters>,
    ended: bool,
    line: u64,
}

impl<'a> Collector<'a> {
    /// Nothing read yet.
    pub fn new(scenario: &'a Scenario) -> Self {
        let outcomes = vec![None; scenario.flows().len()];
        Self { scenario, outcomes, completed: 0, known: 0, counters: None, ended: false, line: 0 }
    }

    /// Flows completed so far.
    pub fn completed(&self) -> u64 {
        self.completed
    }

    /// Takes the next line.
    ///
    /// # Errors
    /// [`OutputError::Line`].
    pub fn take(&mut self, text: &str) -> Result<(), OutputError> {
        self.line += 1;
        let words: Vec<&str> = text.split(' ').collect();
        let verdict = match words[..] {
            _ if self.ended => Err("nothing may follow the end marker"),
            ["flow", index, id, start, fct] => self.flow(index, id, start, Some(fct)),
            ["unfinished", index, id, start] => self.flow(index, id, start, None),
            ["counters", ref numbers @ ..] if self.counters.is_none() => {
                counters(numbers).map(|c| self.counters = Some(c))
            }
            ["end", completed] => self.end(completed),
            _ => Err("expected a flow, counters or the end marker"),
        };
        verdict.map_err(|problem| OutputError::Line {
            line: self.line,
            problem,
            found: text.chars().take(120).collect(),
        })
    }

    /// The result, if the output was complete.
    ///
    /// # Errors
    /// [`OutputError::Short`].
    pub fn finish(self) -> Result<RunOutput, OutputError> {
        let short = OutputError::Short { lines: self.line, known: self.known, flows: self.outcomes.len() };
        let outcomes: Option<Vec<FlowOutcome>> = self.outcomes.into_iter().collect();
        match (self.ended, outcomes, self.counters) {
            (true, Some(outcomes), Some(counters)) => Ok(RunOutput { outcomes, counters, supervision: None }),
            _ => Err(short),
        }
    }

    fn flow(&mut self, index: &str, id: &str, start: &str, fct: Option<&str>) -> Result<(), &'static str> {
        let index = usize::try_from(number(index)?).map_err(|_| "the index is not one of the scenario's")?;
        let flow = *self.scenario.flows().get(index).ok_or("the index is not one of the scenario's")?;
        if number(id)? != flow.id {
            return Err("the id is not that of the flow with this index");
        }
        if self.outcomes[index].is_some() {
            return Err("the flow was reported before");
        }
        let start = match (start, fct) {
            ("-", None) => None,
            _ => Some(SimTime::from_ns(nanoseconds(start)?)),
        };
        if start.is_some_and(|s| s < flow.start) {
            return Err("the flow was released before its start");
        }
        let outcome = match (start, fct) {
            (Some(start), Some(fct)) => FlowOutcome::Completed { start, fct: SimDuration::from_ns(nanoseconds(fct)?) },
            _ => FlowOutcome::Unfinished { start: start.filter(|s| *s <= self.scenario.horizon()) },
        };
        self.completed += u64::from(fct.is_some());
        self.known += 1;
        self.outcomes[index] = Some(outcome);
        Ok(())
    }

    fn end(&mut self, completed: &str) -> Result<(), &'static str> {
        if number(completed)? != self.completed {
            return Err("the end marker counts other flows than were reported");
        }
        if self.known != self.outcomes.len() || self.counters.is_none() {
            return Err("the end marker comes before all flows and counters");
        }
        self.ended = true;
        Ok(())
    }
}

/// The answer to `until T` online: `none T`, or `delivered FLOW T` or `acknowledged FLOW T`, flows by index, times in ns.
///
/// # Errors
/// What is wrong, as a fragment.
pub fn answer(line: &str) -> Result<Option<Event>, &'static str> {
    let words: Vec<&str> = line.split(' ').collect();
    let (kind, flow, time) = match words[..] {
        ["none", time] => return number(time).map(|_| None),
        ["delivered", flow, time] => (EventKind::Delivered, flow, time),
        ["acknowledged", flow, time] => (EventKind::Acknowledged, flow, time),
        _ => return Err("expected an event or none"),
    };
    let flow = u32::try_from(number(flow)?).map_err(|_| "the flow was never started")?;
    Ok(Some(Event { time: SimTime::from_ns(nanoseconds(time)?), flow: FlowIndex(flow), kind }))
}

/// `events packets marks pauses drops`.
///
/// # Errors
/// What is wrong, as a fragment.
pub fn counters(words: &[&str]) -> Result<Counters, &'static str> {
    let [events, packets, marks, pauses, drops] = words else { return Err("expected five counters") };
    Ok(Counters {
        events: number(events)?,
        packets: number(packets)?,
        marks: number(marks)?,
        pauses: number(pauses)?,
        drops: number(drops)?,
    })
}

/// A time the clock can hold: less than 213 days.
fn nanoseconds(word: &str) -> Result<u64, &'static str> {
    number(word).and_then(|ns| ns.checked_mul(PS_PER_NS).map(|_| ns).ok_or("expected a time of less than 213 days"))
}

/// A decimal number without sign or space.
///
/// # Errors
/// What is wrong, as a fragment.
pub fn number(word: &str) -> Result<u64, &'static str> {
    match word.bytes().all(|b| b.is_ascii_digit()) {
        true => word.parse().map_err(|_| "expected a number of at most 64 bit"),
        false => Err("expected a number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mixlab_contract::conformance::{Scope, random_scenario};

    #[test]
    fn answers_are_events_none_or_errors() {
        let event = |kind| Ok(Some(Event { time: SimTime::from_ns(5), flow: FlowIndex(3), kind }));
        assert_eq!(answer("delivered 3 5"), event(EventKind::Delivered));
        assert_eq!(answer("acknowledged 3 5"), event(EventKind::Acknowledged));
        assert_eq!(answer("none 7"), Ok(None));
        for bad in ["", "none", "none x", "delivered 3", "delivered 3 5 ", "delivered 4294967296 5", "Delivered 3 5"] {
            assert!(answer(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_beyond_the_clock_are_refused_and_not_cut_off() {
        assert_eq!(answer("delivered 3 18446744073709551615"), Err("expected a time of less than 213 days"));
        let scenario = random_scenario(1, Scope { closed_loops: false, ..Scope::default() });
        let flow = scenario.flows()[0];
        let mut lines = Collector::new(&scenario);
        let late = format!("flow 0 {} {} 18446744073709551615", flow.id, flow.start.ns_floor());
        assert!(lines.take(&late).expect_err("beyond the clock").to_string().contains("less than 213 days"));
    }
}
