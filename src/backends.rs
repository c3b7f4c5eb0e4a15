//! The backends this build has, by name, and the groups a subcommand may mean.

use mixlab_contract::{Availability, Backend, IdealBackend};
use mixlab_flowsim::FlowsimBackend;
use mixlab_m4::M4Backend;
use mixlab_packet::PacketBackend;
use std::sync::Arc;

/// Backends of `mlsys`: the fast estimators.
pub const MLSYS: [&str; 3] = ["flowsim", "flowsim-window", "m4"];

/// Names users may know but that no code stands behind yet.
pub const NOT_BUILT: [(&str, &str); 4] = [
    ("ns3", "real ns-3 is not connected yet; `packet` simulates the same transport in-process"),
    ("pmn", "Parsimon is not built"),
    ("pmn-m", "Parsimon with Minim is not built"),
    ("pmn-mc", "Parsimon with Minim and clustering is not built"),
];

/// Why a requested backend can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BackendError {
    /// A name without code.
    #[error("backend `{name}` is unavailable: {reason}")]
    Unavailable {
        /// The name.
        name: String,
        /// Why, and what to use instead.
        reason: String,
    },
    /// No such name.
    #[error("there is no backend `{name}`{}", hint.as_ref().map(|h| format!("; did you mean `{h}`?")).unwrap_or_default())]
    Unknown {
        /// The name.
        name: String,
        /// The nearest known name.
        hint: Option<String>,
    },
}

/// All backends of this build, in the order in which tables and legends list them.
pub fn registry() -> Vec<Arc<dyn Backend>> {
    let m4 = M4Backend::shipped().expect("the weights in the repository can be read: tested in their crate");
    vec![
        Arc::new(IdealBackend),
        Arc::new(FlowsimBackend::plain()),
        Arc::new(FlowsimBackend::window()),
        Arc::new(m4),
        Arc::new(PacketBackend),
    ]
}

/// The backends a name stands for: one, those of `mlsys`, or `all` that are available here.
///
/// # Errors
/// [`BackendError`] if the name is unknown, not built, or can't run on this machine.
pub fn named(name: &str) -> Result<Vec<Arc<dyn Backend>>, BackendError> {
    match name {
        "all" => Ok(registry().into_iter().filter(|b| b.probe() == Availability::Available).collect()),
        "mlsys" => MLSYS.iter().map(|n| one(n)).collect(),
        _ => Ok(vec![one(name)?]),
    }
}

fn one(name: &str) -> Result<Arc<dyn Backend>, BackendError> {
    if let Some((_, reason)) = NOT_BUILT.iter().find(|(n, _)| *n == name) {
        return Err(BackendError::Unavailable { name: name.into(), reason: (*reason).into() });
    }
    let backend = registry().into_iter().find(|b| b.id() == name).ok_or_else(|| unknown(name))?;
    match backend.probe() {
        Availability::Available => Ok(backend),
        Availability::Missing { reason, hint } => {
            Err(BackendError::Unavailable { name: name.into(), reason: format!("{reason}; {hint}") })
        }
    }
}

fn unknown(name: &str) -> BackendError {
    let known = registry();
    let names = known.iter().map(|b| b.id()).chain(NOT_BUILT.iter().map(|(n, _)| *n)).chain(["mlsys", "all"]);
    let nearest = names.map(|n| (strsim::jaro_winkler(name, n), n)).max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = nearest.filter(|(score, _)| *score > 0.75).map(|(_, n)| n.to_owned());
    BackendError::Unknown { name: name.into(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mlsys_is_the_fluid_estimators_and_all_has_the_ground_truth() {
        let ids = |name| named(name).expect("built").iter().map(|b| b.id().to_owned()).collect::<Vec<_>>();
        assert_eq!(ids("mlsys"), ["flowsim", "flowsim-window", "m4"]);
        assert_eq!(ids("all"), ["ideal", "flowsim", "flowsim-window", "m4", "packet"]);
    }

    #[test]
    fn names_without_code_are_unavailable_and_typos_get_a_hint() {
        assert!(matches!(named("ns3").err(), Some(BackendError::Unavailable { .. })));
        let typo = named("flowsin").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(typo.contains("did you mean `flowsim`?"), "{typo}");
    }
}
