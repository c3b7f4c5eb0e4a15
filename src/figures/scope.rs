//! What a figure compares: which backends, over which scenarios, and what had to be left out.
//!
//! The rule is the same for every figure: all backends are compared over the same scenarios. A scenario that lacks a
//! finished run of one of them is left out for all of them, and the caption says so; otherwise a backend that fails
//! on the hard scenarios would look better for it.

use std::collections::BTreeSet;

use super::error::{FigureError, Missing};
use super::style;
use super::{Needs, Request};
use crate::dataset::{Dataset, ScenarioResults};

/// Backends and scenarios of a figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// The backend the others are compared with.
    pub baseline: Option<String>,
    /// Backends in drawing order; the baseline comes first.
    pub backends: Vec<String>,
    /// Indices (into the dataset) of the scenarios compared.
    pub scenarios: Vec<usize>,
    /// Scenarios asked for.
    pub total: usize,
    /// Scenarios that lack a run of a backend compared.
    pub incomplete: usize,
    /// What the scenarios are, in words: mixes, hosts, congestion controls.
    pub about: String,
    /// The filter they were chosen with.
    pub filter: Option<String>,
    /// Runs that are missing for backends compared.
    pub left_out: Vec<Missing>,
    /// Backends that nobody named and that have no finished run at all.
    pub absent: Vec<Missing>,
}

impl Scope {
    /// Chooses backends and scenarios. `Err` if the request cannot be met: no baseline, too few backends, or no
    /// scenario that all of them finished.
    pub fn of(figure: &'static str, needs: Needs, dataset: &Dataset, request: &Request) -> Result<Self, FigureError> {
        if needs.baseline && request.baseline.is_none() {
            return Err(FigureError::NoBaseline { figure });
        }
        let asked: Vec<usize> =
            (0..dataset.scenarios.len()).filter(|i| request.keeps(&dataset.scenarios[*i])).collect();
        let asked_for: Vec<&ScenarioResults> = asked.iter().map(|i| &dataset.scenarios[*i]).collect();
        if let (Some(filter), true) = (&request.filter, asked.is_empty() && !dataset.scenarios.is_empty()) {
            let (filter, scenarios) = (filter.text().to_string(), dataset.scenarios.len());
            return Err(FigureError::NothingChosen { figure, filter, scenarios });
        }
        let backends = if needs.backends == 0 { Vec::new() } else { chosen(&asked_for, request, needs.only_if_named) };
        let gaps = |id: &String| missing(&asked_for, id);
        let left_out: Vec<Missing> = backends.iter().map(gaps).filter(|m| !m.mixes.is_empty()).collect();
        let has_all = |s: &ScenarioResults| backends.iter().all(|id| s.runs.contains_key(id));
        let scenarios: Vec<usize> = asked.iter().copied().filter(|i| has_all(&dataset.scenarios[*i])).collect();
        if !left_out.is_empty() && scenarios.is_empty() || asked.is_empty() {
            return Err(FigureError::MissingData { figure, scenarios: asked.len(), missing: left_out });
        }
        if backends.len() < needs.backends {
            return Err(FigureError::TooFewBackends { figure, needed: needs.backends, found: backends });
        }
        let known: BTreeSet<&String> = asked_for.iter().flat_map(|s| s.missing.keys()).collect();
        let never_ran = |id: &String| needs.backends > 0 && asked_for.iter().all(|s| !s.runs.contains_key(id));
        let absent = known.into_iter().filter(|id| request.backends.is_none() && never_ran(id));
        Ok(Self {
            baseline: request.baseline.clone().filter(|_| needs.backends > 0),
            filter: request.filter.as_ref().map(|f| f.text().to_string()),
            about: about(dataset, &scenarios),
            absent: absent.map(gaps).collect(),
            backends,
            incomplete: asked.len() - scenarios.len(),
            scenarios,
            total: asked.len(),
            left_out,
        })
    }

    /// Keeps only some of the scenarios (for a reason that the figure states).
    pub fn restrict(&mut self, dataset: &Dataset, scenarios: Vec<usize>) {
        self.about = about(dataset, &scenarios);
        self.scenarios = scenarios;
    }

    /// The scenarios compared.
    pub fn selected<'d>(&self, dataset: &'d Dataset) -> impl Iterator<Item = &'d ScenarioResults> {
        self.scenarios.iter().map(|i| &dataset.scenarios[*i])
    }

    /// Backends other than the baseline.
    pub fn compared(&self) -> impl Iterator<Item = &String> {
        self.backends.iter().filter(|id| Some(*id) != self.baseline.as_ref())
    }

    /// Sentences for the caption: the scenarios, what is left out, what never ran.
    pub fn sentences(&self) -> String {
        let chosen = self.filter.as_ref().map_or(String::new(), |filter| format!(" with {filter}"));
        let mut text = format!("Over {}{chosen} ({}).", counted(self.scenarios.len(), "scenario"), self.about);
        let lost = self.incomplete;
        if !self.left_out.is_empty() {
            let runs: Vec<String> = self.left_out.iter().map(Missing::to_string).collect();
            let verb = if lost == 1 { "is" } else { "are" };
            text += &format!(
                " {lost} of {} scenarios {verb} left out for all backends because a run is missing: {}.",
                self.total,
                runs.join(", ")
            );
        }
        if !self.absent.is_empty() {
            let runs: Vec<String> = self.absent.iter().map(Missing::to_string).collect();
            text += &format!(" Not shown, no finished run: {}.", runs.join(", "));
        }
        text
    }
}

/// The backends of a request in drawing order: baseline, well-known ones, others by name.
fn chosen(scenarios: &[&ScenarioResults], request: &Request, only_if_named: &[&str]) -> Vec<String> {
    let ran = || scenarios.iter().flat_map(|s| s.runs.keys().cloned());
    let telling: BTreeSet<String> = ran().filter(|id| !only_if_named.contains(&id.as_str())).collect();
    let named: BTreeSet<String> = match &request.backends {
        Some(ids) => ids.iter().cloned().collect(),
        None if telling.is_empty() => ran().collect(),
        None => telling,
    };
    let mut others: Vec<String> = named.into_iter().filter(|id| Some(id) != request.baseline.as_ref()).collect();
    others.sort_by_key(|id| (style::rank(id), id.clone()));
    request.baseline.iter().cloned().chain(others).collect()
}

/// The scenarios without a finished run of `backend`, and the reasons on record.
fn missing(scenarios: &[&ScenarioResults], backend: &String) -> Missing {
    let without = || scenarios.iter().filter(|s| !s.runs.contains_key(backend));
    let mut reasons: Vec<String> = Vec::new();
    for reason in without().filter_map(|s| s.missing.get(backend)) {
        let short =
            if reason.chars().count() > 80 { reason.chars().take(79).chain(['…']).collect() } else { reason.clone() };
        if !reasons.contains(&short) && reasons.len() < 3 {
            reasons.push(short);
        }
    }
    Missing { backend: backend.clone(), mixes: without().map(|s| s.mix_id).collect(), reasons }
}

/// Mixes, hosts and congestion controls of scenarios, in words.
fn about(dataset: &Dataset, scenarios: &[usize]) -> String {
    let selected = || scenarios.iter().map(|i| &dataset.scenarios[*i]);
    let ids: Vec<u64> = selected().map(|s| s.mix_id).collect();
    let mut parts = vec![format!("{} {}", if ids.len() == 1 { "mix" } else { "mixes" }, mix_ranges(&ids))];
    let hosts: BTreeSet<u64> = selected().map(|s| s.attributes.hosts).filter(|h| *h > 0).collect();
    match (hosts.first(), hosts.last()) {
        (Some(low), Some(high)) if low == high => parts.push(format!("{} hosts", thousands(*low))),
        (Some(low), Some(high)) => parts.push(format!("{} to {} hosts", thousands(*low), thousands(*high))),
        _ => {}
    }
    let controls: BTreeSet<&str> = selected().map(|s| s.attributes.cc.as_str()).filter(|cc| !cc.is_empty()).collect();
    if !controls.is_empty() {
        parts.push(controls.into_iter().collect::<Vec<_>>().join(", "));
    }
    parts.join("; ")
}

/// Ids as ranges, `0–5, 7`; at most a dozen ranges.
pub fn mix_ranges(ids: &[u64]) -> String {
    let sorted: Vec<u64> = ids.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let mut ranges: Vec<String> = Vec::new();
    for run in sorted.chunk_by(|a, b| a + 1 == *b) {
        match run {
            [one] => ranges.push(one.to_string()),
            [a, b] => ranges.extend([a.to_string(), b.to_string()]),
            [a, .., b] => ranges.push(format!("{a}–{b}")),
            [] => {}
        }
    }
    if ranges.len() > 12 {
        ranges.truncate(11);
        ranges.push("…".to_string());
    }
    ranges.join(", ")
}

/// `1 flow`, `2,000 flows`.
pub fn counted(n: usize, what: &str) -> String {
    format!("{} {what}{}", thousands(n as u64), if n == 1 { "" } else { "s" })
}

/// A count with commas between groups of three digits.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
