//! The backends this build has, by name, and the groups a subcommand may mean.

use crate::floor::FloorBackend;
use mixlab_contract::{Availability, Backend, IdealBackend};
use mixlab_flowsim::FlowsimBackend;
use mixlab_packet::PacketBackend;
use std::sync::Arc;

/// Backends of `mlsys`: the fast estimators.
pub const MLSYS: [&str; 2] = ["flowsim", "flowsim-window"];

/// Backends that `all` leaves out: a variant of another one, and one that says nothing about a simulator.
const ON_REQUEST: [&str; 2] = ["packet-clean", "floor"];

/// Names users may know but that no code stands behind yet.
pub const NOT_BUILT: [(&str, &str); 5] = [
    ("ns3", "real ns-3 is not connected yet; `packet` simulates the same transport in-process"),
    ("m4", "the learned engine is not built yet; `flowsim-window` is the most accurate fast estimator so far"),
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
    vec![
        Arc::new(IdealBackend),
        Arc::new(FlowsimBackend::plain()),
        Arc::new(FlowsimBackend::window()),
        Arc::new(PacketBackend::NS3),
        Arc::new(PacketBackend::CLEAN),
        Arc::new(FloorBackend),
    ]
}

/// The backends a name stands for: one, those of `mlsys`, or `all` that are available here.
///
/// # Errors
/// [`BackendError`] if the name is unknown, not built, or can't run on this machine.
pub fn named(name: &str) -> Result<Vec<Arc<dyn Backend>>, BackendError> {
    match name {
        "all" => Ok(registry()
            .into_iter()
            .filter(|b| b.probe() == Availability::Available && !ON_REQUEST.contains(&b.id()))
            .collect()),
        // The floor is the distance between two packet runs.
        "floor" => Ok(vec![one("packet")?, one("floor")?]),
        "mlsys" => MLSYS.iter().map(|n| one(n)).collect(),
        _ => Ok(vec![one(name)?]),
    }
}

/// What the options of a sweep ask of backends that can do more than one thing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// Clean fidelity: `packet-clean` in place of `packet`.
    pub clean: bool,
    /// Dense supervision from those that can give it: the packet simulations.
    pub supervise: bool,
}

/// The backends a name stands for under a wish.
///
/// # Errors
/// [`BackendError`] as [`named`] has it, or if what the name stands for can't be had that way.
pub fn requested(name: &str, wish: Wish) -> Result<Vec<Arc<dyn Backend>>, BackendError> {
    if wish.clean && name == "floor" {
        let reason = "it is the floor of the ns3 fidelity; leave --fidelity clean out".into();
        return Err(BackendError::Unavailable { name: name.into(), reason });
    }
    let in_place = |backend: Arc<dyn Backend>| -> Arc<dyn Backend> {
        let packet = match backend.id() {
            "packet" if wish.clean => PacketBackend::CLEAN,
            "packet" => PacketBackend::NS3,
            _ => return backend,
        };
        Arc::new(if wish.supervise { packet.supervised() } else { packet })
    };
    Ok(named(name)?.into_iter().map(in_place).collect())
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
        assert_eq!(ids("mlsys"), ["flowsim", "flowsim-window"]);
        assert_eq!(ids("all"), ["ideal", "flowsim", "flowsim-window", "packet"]);
    }

    #[test]
    fn clean_fidelity_takes_the_place_of_ns3s_and_has_no_floor() {
        let wish = Wish { clean: true, ..Wish::default() };
        let ids = |name| requested(name, wish).expect("built").iter().map(|b| b.id().to_owned()).collect::<Vec<_>>();
        assert_eq!(ids("packet"), ["packet-clean"]);
        assert_eq!(ids("all"), ["ideal", "flowsim", "flowsim-window", "packet-clean"]);
        assert!(requested("floor", wish).is_err());
    }

    #[test]
    fn names_without_code_are_unavailable_and_typos_get_a_hint() {
        assert!(matches!(named("ns3").err(), Some(BackendError::Unavailable { .. })));
        let typo = named("flowsin").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(typo.contains("did you mean `flowsim`?"), "{typo}");
    }
}
