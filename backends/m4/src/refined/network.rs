//! The refined network: a coarse one, and who corrects its FCTs.
//!
//! ```text
//! FCT = lone + (wait + meeting) · e^(−g(features))       g in [−6, 1.5]
//! wait      what `coarse` says that it took longer than on an idle network
//! meeting   half a packet for each link, for the part of the time in which it was busy with others
//! ```
//!
//! So a flow that meets nobody is ideal, none is faster, and a channel never carries more than its capacity since it became
//! busy (`capacity.rs`). A flow is refined when it ends in the coarse network; how others fared before is not revised.

use super::features::{FEATURES, Met, Setting};
use crate::capacity::Capacity;
use crate::corrected::features::exp;
use crate::corrected::network::BOUNDS;
use crate::perceptron::{Activations, Perceptron};
use mixlab_coarse::fabric::{Channel, Train};
use mixlab_coarse::{Arrived, CoarseNetwork, Onlooker};
use mixlab_contract::{FlowIndex, Scenario, SimDuration, SimTime};

/// Packets per train in the model that ships; REFINED.md has what others cost and are worth.
pub const GRAIN: u64 = 2;

/// A coarse network whose FCTs are refined.
pub type RefinedNetwork<'a, W = ()> = CoarseNetwork<'a, Refiner<'a, W>>;

/// Somebody who wants to know what the function sees: training.
pub trait Watch {
    /// The features of a flow and how it fared in the coarse network, `meeting` included.
    fn saw(&mut self, flow: FlowIndex, features: &[f32; FEATURES], arrived: &Arrived);
}

impl Watch for () {
    fn saw(&mut self, _: FlowIndex, _: &[f32; FEATURES], _: &Arrived) {}
}

/// Who looks on and corrects.
#[derive(Clone, Debug)]
pub struct Refiner<'a, W: Watch = ()> {
    model: &'a Perceptron,
    setting: Setting,
    /// By order of announcement.
    met: Vec<Met>,
    capacity: Capacity,
    /// FCTs, whether or not they were reported when they should have been.
    fcts: Vec<(FlowIndex, SimDuration)>,
    at: Activations,
    /// Who else looks on.
    pub watch: W,
}

/// A network with trains of `grain` packets that answers with `model`.
pub fn network<'a, W: Watch>(
    scenario: &'a Scenario,
    grain: u64,
    model: &'a Perceptron,
    watch: W,
) -> RefinedNetwork<'a, W> {
    let flows = scenario.flows().len();
    let refiner = Refiner {
        model,
        setting: Setting::of(scenario),
        met: vec![Met::default(); flows],
        capacity: Capacity::new(scenario.topology().channel_count()),
        fcts: Vec::with_capacity(flows),
        at: Activations::default(),
        watch,
    };
    CoarseNetwork::watched(scenario, grain, refiner)
}

impl<W: Watch> Refiner<'_, W> {
    /// FCTs of the flows that have ended, in that order. A network can't report what is past: in a closed loop some of them are
    /// reported later than this says.
    pub fn fcts(&self) -> &[(FlowIndex, SimDuration)] {
        &self.fcts
    }

    /// How long the bytes of a flow keep a channel busy, but no longer than the flow would take alone.
    fn share(arrived: &Arrived, c: u32, channels: &[Channel]) -> SimDuration {
        let ns = arrived.volume as f64 * channels[c as usize].pace;
        SimDuration::from_ps((ns * 1e3) as u64).min(arrived.lone)
    }
}

impl<W: Watch> Onlooker for Refiner<'_, W> {
    fn began(&mut self, order: u32, start: SimTime, path: &[u32], beside: usize, channels: &[Channel]) {
        let order = order as usize;
        // Closed loops announce flows while others are on their way.
        self.met.resize(self.met.len().max(order + 1), Met::default());
        self.met[order] = Met::new(beside, path, channels);
        path.iter().for_each(|c| self.capacity.start(*c, start));
    }

    fn arrived(&mut self, order: u32, train: &Train) {
        self.met[order as usize].meet(train);
    }

    fn ended(&mut self, order: u32, arrived: &Arrived, path: &[u32], channels: &[Channel]) -> SimDuration {
        let met = std::mem::take(&mut self.met[order as usize]);
        let meeting = self.setting.meeting(&met, arrived, path, channels);
        let arrived = &Arrived { wait: arrived.wait + meeting, ..*arrived };
        let features = self.setting.observe(&met, arrived, meeting, (path, channels));
        self.watch.saw(arrived.flow, &features, arrived);
        let g = self.model.evaluate(&features, &mut self.at).clamp(BOUNDS.0, BOUNDS.1);
        let wait = arrived.wait * 1e3 / f64::from(exp(g));
        let mut end = arrived.start + SimDuration::from_ps(arrived.lone.ps() + wait.round() as u64);
        for c in path {
            let share = Self::share(arrived, *c, channels);
            end = end.max(self.capacity.earliest(*c, share));
            self.capacity.end(*c, share);
        }
        let fct = end.since(arrived.start);
        self.fcts.push((arrived.flow, fct));
        fct
    }
}
