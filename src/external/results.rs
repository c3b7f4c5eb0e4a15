//! The table an external program writes, read strictly: one row per flow, in any order, cells separated by blanks or commas.
//!
//! ```text
//! id,start_ns,fct_ns          a first line with the names of the columns may be there
//! 17,1000,20345.5             times in ns, decimal, read to the picosecond (more digits are cut off)
//! 18,-,-                      released never, unfinished
//! ```
//!
//! A row for every flow is required: nothing else tells a cut-off table from a whole one. Without a column `start_ns` (or with
//! `-` there beside an FCT) a flow starts at its own start. Exponents, signs, NaN and infinities are not numbers here.

use mixlab_contract::{Application, FlowOutcome, Scenario, SimDuration, SimTime};
use std::collections::HashMap;

/// Columns of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Id of the flow, as in `flows.txt`.
    Id,
    /// When it was released, in ns; `-` = its own start, or never if it is unfinished.
    StartNs,
    /// From release to the last byte at the receiver, in ns; `-` = not before the horizon.
    FctNs,
    /// Anything.
    Skipped,
}

impl Column {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Id, Self::StartNs, Self::FctNs, Self::Skipped];

    /// The name in `backend.toml` and in a header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::StartNs => "start_ns",
            Self::FctNs => "fct_ns",
            Self::Skipped => "_",
        }
    }
}

/// What is wrong with a table.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A row is wrong.
    #[error("{file}:{line}: {problem}, found '{found}'")]
    Row {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
        /// The row, shortened.
        found: String,
    },
    /// Flows without a row.
    #[error("{file} has no row for {missing} of {flows} flows (first: flow {first})")]
    Short {
        /// The file.
        file: String,
        /// Flows that are missing.
        missing: usize,
        /// Flows of the scenario.
        flows: usize,
        /// Id of the first that is missing.
        first: u64,
    },
    /// The last line has no end.
    #[error("{0} is cut off in its last line")]
    CutOff(String),
}

/// The outcomes of all flows in scenario order. Cost: O(text).
///
/// # Errors
/// [`TableError`] at the first row that does not fit, or if rows are missing.
pub fn read_table(
    file: &str,
    text: &str,
    columns: &[Column],
    scenario: &Scenario,
) -> Result<Vec<FlowOutcome>, TableError> {
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(TableError::CutOff(file.into()));
    }
    let index_of: HashMap<u64, usize> = scenario.flows().iter().enumerate().map(|(i, f)| (f.id, i)).collect();
    let mut outcomes: Vec<Option<FlowOutcome>> = vec![None; scenario.flows().len()];
    for (n, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let cells: Vec<&str> = line.split([',', ' ', '\t', '\r']).filter(|c| !c.is_empty()).collect();
        if n == 0 && columns.iter().map(|c| c.name()).zip(&cells).any(|(name, cell)| name != "_" && name == *cell) {
            continue;
        }
        let wrong = |problem: String| {
            let found = line.chars().take(80).collect();
            TableError::Row { file: file.into(), line: n + 1, problem, found }
        };
        let (id, outcome) = row(&cells, columns, scenario, &index_of).map_err(wrong)?;
        if outcomes[id].replace(outcome).is_some() {
            return Err(wrong("each flow once, this one has a row already".into()));
        }
    }
    let lacking: Vec<u64> =
        outcomes.iter().zip(scenario.flows()).filter(|(o, _)| o.is_none()).map(|(_, f)| f.id).collect();
    match lacking.first() {
        Some(first) => {
            Err(TableError::Short { file: file.into(), missing: lacking.len(), flows: outcomes.len(), first: *first })
        }
        None => Ok(outcomes.into_iter().flatten().collect()),
    }
}

fn row(
    cells: &[&str],
    columns: &[Column],
    scenario: &Scenario,
    index_of: &HashMap<u64, usize>,
) -> Result<(usize, FlowOutcome), String> {
    if cells.len() != columns.len() {
        return Err(format!("expected {} columns", columns.len()));
    }
    let cell = |wanted| columns.iter().position(|c| *c == wanted).map(|at| cells[at]);
    let id = cell(Column::Id).filter(|c| c.bytes().all(|b| b.is_ascii_digit())).and_then(|c| c.parse().ok());
    let index = id.and_then(|id: u64| index_of.get(&id)).copied().ok_or("expected the id of a flow")?;
    let flow = &scenario.flows()[index];
    let time = |column, what: &str| match cell(column) {
        None | Some("-") => Ok(None),
        Some(word) => picoseconds(word).map(Some).ok_or_else(|| format!("expected {what} in ns, or `-`")),
    };
    let start = time(Column::StartNs, "a start")?.map(SimTime::from_ps);
    let fct = time(Column::FctNs, "an FCT")?.map(SimDuration::from_ps);
    let open = scenario.application() == Application::Open;
    if start.is_some_and(|s| s < flow.start || open && s != flow.start) {
        return Err(format!("expected the start of the flow, {}{}", flow.start, if open { "" } else { ", or later" }));
    }
    let released = Some(flow.start).filter(|s| open && *s <= scenario.horizon());
    Ok((
        index,
        match fct {
            Some(fct) => FlowOutcome::Completed { start: start.unwrap_or(flow.start), fct },
            None => FlowOutcome::Unfinished { start: start.or(released).filter(|s| *s <= scenario.horizon()) },
        },
    ))
}

/// A decimal number of nanoseconds in picoseconds, cut off; at most about 213 days.
fn picoseconds(word: &str) -> Option<u64> {
    let (whole, fraction) = word.split_once('.').unwrap_or((word, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let thousandths: u64 = format!("{fraction}00").get(..3)?.parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mixlab_contract::conformance::{Scope, random_scenario};
    use std::fmt::Write;

    fn scenario() -> Scenario {
        random_scenario(1, Scope { closed_loops: false, ..Scope::default() })
    }

    fn table(scenario: &Scenario) -> String {
        scenario.flows().iter().rev().fold("id,fct_ns\n".into(), |mut text, f| {
            let _ = writeln!(text, "{},{}.5", f.id, 9_000_000 + f.id);
            text
        })
    }

    #[test]
    fn rows_may_come_in_any_order_with_or_without_a_header() {
        let (s, columns) = (scenario(), [Column::Id, Column::FctNs]);
        let outcomes = read_table("t", &table(&s), &columns, &s).expect("a whole table");
        assert_eq!(outcomes[0].fct(), Some(SimDuration::from_ps(9_000_000_500 + 1000 * s.flows()[0].id)));
        let bare = table(&s).replacen("id,fct_ns\n", "", 1).replace(',', "\t ");
        assert_eq!(read_table("t", &bare, &columns, &s), Ok(outcomes));
    }

    #[test]
    fn anything_else_is_an_error_with_its_line() {
        let (s, columns) = (scenario(), [Column::Id, Column::FctNs]);
        let good = table(&s);
        let last = good.lines().last().expect("rows").to_owned();
        for (text, want) in [
            (good.replace(&format!("{last}\n"), ""), "no row for 1 of"),
            (format!("{good}{last}\n"), "has a row already"),
            (format!("{good}999999,1\n"), "the id of a flow"),
            (good.replace(".5", "e5"), "t:2: expected an FCT in ns"),
            (good.replace(".5", ".5,7"), "expected 2 columns"),
            (good.replace(".5\n", ".\n"), "expected an FCT"),
            (good.trim_end().to_owned(), "cut off"),
            (String::new(), "no row for"),
        ] {
            let error = read_table("t", &text, &columns, &s).expect_err(want).to_string();
            assert!(error.contains(want), "{error}");
        }
    }

    #[test]
    fn unfinished_flows_and_releases_are_said_with_a_dash() {
        let s = scenario();
        let columns = [Column::Id, Column::StartNs, Column::FctNs];
        let text: String = s.flows().iter().map(|f| format!("{} - -\n", f.id)).collect();
        let outcomes = read_table("t", &text, &columns, &s).expect("a whole table");
        assert_eq!(outcomes[0], FlowOutcome::Unfinished { start: Some(s.flows()[0].start) });
        let early: String = s.flows().iter().map(|f| format!("{} 5 9\n", f.id)).collect();
        assert!(read_table("t", &early, &columns, &s).is_err());
    }
}
