//! Dense supervision for learned simulators; what it is and how it is kept: [`mixlab_contract::supervision`].

use super::{Probe, View};
use mixlab_contract::supervision::{Recorder, Supervision};
use mixlab_contract::{Bytes, ChannelId, FlowIndex, Scenario, SimTime};

/// Records a moment at every release and delivery. Cost of each: O(active flows × hops).
#[derive(Clone, Debug)]
pub struct Supervisor<'a> {
    scenario: &'a Scenario,
    recorder: Recorder,
    /// Active flows whose data crosses each channel, and the channels where there is one, ascending.
    users: Vec<u32>,
    crossed: Vec<ChannelId>,
}

impl<'a> Supervisor<'a> {
    /// Supervises a run of `scenario`.
    pub fn new(scenario: &'a Scenario) -> Self {
        let users = vec![0; scenario.topology().channel_count()];
        Self { scenario, recorder: Recorder::default(), users, crossed: Vec::new() }
    }

    /// What was recorded.
    pub fn finish(self) -> Supervision {
        self.recorder.finish()
    }

    fn queues(&self, view: &View<'_>) -> Vec<(ChannelId, Bytes)> {
        self.crossed.iter().map(|c| (*c, view.queued(*c))).filter(|(_, bytes)| bytes.0 > 0).collect()
    }
}

impl Probe for Supervisor<'_> {
    fn released(&mut self, time: SimTime, flow: FlowIndex, view: &View<'_>) {
        for channel in self.scenario.path(flow) {
            if self.users[channel.index()] == 0 {
                let place = self.crossed.partition_point(|c| c < channel);
                self.crossed.insert(place, *channel);
            }
            self.users[channel.index()] += 1;
        }
        let queues = self.queues(view);
        let size = self.scenario.flow(flow).size;
        self.recorder.released(time, (flow, size), |f| view.remaining(f), &queues);
    }

    fn delivered(&mut self, time: SimTime, flow: FlowIndex, view: &View<'_>) {
        for channel in self.scenario.path(flow) {
            self.users[channel.index()] -= 1;
            if self.users[channel.index()] == 0 {
                let place = self.crossed.partition_point(|c| c < channel);
                self.crossed.remove(place);
            }
        }
        let queues = self.queues(view);
        self.recorder.delivered(time, flow, |f| view.remaining(f), &queues);
    }
}
