//! Incast, which no training draw contains: N hosts send one flow each to the same host at the same moment.
//!
//! ```text
//! cargo run --release --example incast_m4 -- [weights=FILE]
//! ```
//!
//! Fabric and transport of the shipped mix (32 hosts, DCTCP). Per N and size: mean FCT and last FCT against `packet`, in %.

use mixlab::spec::load_mixes;
use mixlab_contract::{Application, Backend, Bytes, Flow, NodeId, Scenario, ScenarioParts, Silent, SimTime};
use mixlab_flowsim::FlowsimBackend;
use mixlab_m4::perceptron::file::{Kind, decode};
use mixlab_m4::{CorrectedBackend, RefinedBackend};
use mixlab_packet::PacketBackend;
use std::error::Error;
use std::path::Path;

/// Mean and largest FCT in µs.
fn fcts(backend: &dyn Backend, scenario: &Scenario) -> Result<[f64; 2], Box<dyn Error>> {
    let outcomes = backend.run(scenario, &Silent)?.outcomes;
    let all: Vec<f64> = outcomes.iter().filter_map(|o| Some(o.fct()?.ps() as f64 * 1e-6)).collect();
    Ok([all.iter().sum::<f64>() / all.len() as f64, all.iter().fold(0.0, |a, b| a.max(*b))])
}

fn main() -> Result<(), Box<dyn Error>> {
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/0.mix.json");
    let mix = load_mixes(&spec)?.mixes.remove(0);
    let (mut m4, mut m4_fluid) = (RefinedBackend::shipped()?, CorrectedBackend::shipped()?);
    if let Some(file) = std::env::args().find_map(|a| a.strip_prefix("weights=").map(str::to_owned)) {
        match decode(&std::fs::read(file)?)? {
            (Kind::Refined, model) => m4 = RefinedBackend::with_weights(model),
            (Kind::Corrected, model) => m4_fluid = CorrectedBackend::with_weights(model),
        }
    }
    println!("senders | bytes each | packet mean, last us | flowsim-window % | m4-fluid % | m4 %");
    for senders in [4u32, 8, 16, 31] {
        for size in [2_000u64, 20_000, 200_000, 2_000_000] {
            let start = SimTime::from_ns(1_000_000_000);
            let flow = |i: u32| Flow { id: u64::from(i), src: NodeId(i + 1), dst: NodeId(0), size: Bytes(size), start };
            let scenario = Scenario::new(ScenarioParts {
                topology: (*mix.topology).clone(),
                flows: (0..senders).map(flow).collect(),
                paths: None,
                transport: mix.mix.transport(&mix.topology),
                application: Application::Open,
                horizon: SimTime::from_ns(10_000_000_000),
            })?;
            let truth = fcts(&PacketBackend::NS3, &scenario)?;
            let off = |b: &dyn Backend| -> Result<String, Box<dyn Error>> {
                let [mean, last] = fcts(b, &scenario)?;
                Ok(format!("{:+.1}, {:+.1}", 100.0 * (mean / truth[0] - 1.0), 100.0 * (last / truth[1] - 1.0)))
            };
            let [fluid, corrected, refined] = [&FlowsimBackend::window() as &dyn Backend, &m4_fluid, &m4].map(off);
            println!(
                "{senders} | {size} | {:.1}, {:.1} | {} | {} | {}",
                truth[0], truth[1], fluid?, corrected?, refined?
            );
        }
    }
    Ok(())
}
