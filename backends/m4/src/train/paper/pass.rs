//! A sequence forwards and backwards: loss and gradient (back-propagation through time), teacher-forced by the true events.
//!
//! Forwards each event is the engine's own: time cells, graph network, rate cells of [`crate::paper::Model`]. Kept are the states
//! before each event, nothing else; backwards each event is computed once more from them, and reversed. So memory is
//! 4·H bytes per moved state (about 1 KB at the published size), whatever an event computes in between (20 times as much).
//!
//! Shapes: as in the model; `d` is the gradient of the loss, in the place of what it is the gradient of.

use super::gradient::Gradient;
use super::loss::{Counts, Losses};
use super::options::{Options, Questions};
use super::packed::{HeadPair, Packed};
use super::plan::{Event, Plan};
use super::sequence::Sequence;
use super::trained::Trained;
use crate::numerics::{Finish, Linear, Neighbours, Simd};
use crate::paper::PARAMETERS;
use crate::paper::features::IDLE_LINK;
use crate::paper::model::Batch;
use mixlab_contract::conformance::SplitMix;

/// Buffers of passes; reused.
#[derive(Default)]
pub(super) struct Pass {
    /// The event in work; after a pass without gradient, the answers about the last states.
    pub batch: Batch,
    /// `[states, H]`
    states: Vec<f32>,
    /// `[states, H]` gradient of the states as they are at the event in work.
    d_states: Vec<f32>,
    /// `[members, H]` gradient of the last states through the head, and who has not been given his.
    d_last: Vec<f32>,
    owed: Vec<bool>,
    /// States before each event, one event after the other.
    saved: Vec<f32>,
    /// `[N, H]` those of the event in work.
    before: Vec<f32>,
    /// `[N, ·]` gradients within an event.
    d: Vec<f32>,
    d_mid: Vec<f32>,
    d_x: Vec<f32>,
    d_sum: Vec<f32>,
    d_projected: Vec<f32>,
    d_hidden: Vec<f32>,
    d_input: Vec<f32>,
    /// Of the heads of training: states, hidden layer, answers and their gradients.
    head_x: Vec<f32>,
    head_hidden: Vec<f32>,
    answers: Vec<f32>,
    d_answers: Vec<f32>,
}

/// What a gradient is made for.
pub(super) struct Descent<'a> {
    pub gradient: &'a mut Gradient,
    /// Part of the sequence in the loss: 1 ÷ batch.
    pub share: f32,
    /// What dropout draws from.
    pub random: SplitMix,
}

/// What stays the same during a pass.
struct Task<'a> {
    packed: &'a Packed,
    sequence: &'a Sequence,
    options: &'a Options,
    plan: Plan,
    counts: Counts,
    h: usize,
}

impl Pass {
    /// The losses of a sequence; adds the gradient of its part of the loss if one is wanted (then with dropout).
    ///
    /// Cost: at most one multiply-add per weight and moved state; four with a gradient.
    pub fn run(
        &mut self,
        packed: &mut Packed,
        trained: &Trained,
        sequence: &Sequence,
        options: &Options,
        mut descent: Option<Descent<'_>>,
    ) -> Losses {
        packed.model.set_parameters(&trained.weights, &sequence.parameters);
        let plan = Plan::new(sequence, options.updates);
        let counts = Counts::new(sequence, &plan, options.reduction);
        let task = Task { packed, sequence, options, plan, counts, h: packed.model.hidden() };
        let mut losses = Losses::default();
        self.forwards(&task, if descent.is_some() { None } else { Some(&mut losses) });
        self.last_answers(&task, &mut losses, &mut descent);
        if descent.is_some() {
            self.backwards(&task, &mut losses, &mut descent);
        }
        if let Some(descent) = descent {
            descent.gradient.settle(&sequence.parameters);
        }
        losses
    }

    /// All events; with `losses`, those of remaining sizes, queues and answers on the way too.
    fn forwards(&mut self, task: &Task<'_>, mut losses: Option<&mut Losses>) {
        let Task { packed, plan, h, .. } = task;
        self.states.clear();
        self.states.resize(plan.states * h, 0.0);
        for (state, member) in self.states.chunks_exact_mut(*h).zip(&task.sequence.members) {
            state[..4].copy_from_slice(&member.initial);
        }
        self.saved.clear();
        for event in &plan.events {
            for (new, from) in &event.begun {
                let new = *new as usize * h;
                match from {
                    Some(old) => self.states.copy_within(*old as usize * h..(*old as usize + 1) * h, new),
                    None => self.states[new..new + 4].copy_from_slice(&IDLE_LINK.map(|v| v as f32)),
                }
            }
            self.batch.states.clear();
            for state in event.flows.iter().chain(&event.classes) {
                self.batch.states.extend_from_slice(&self.states[*state as usize * h..][..*h]);
            }
            self.load(task, event);
            self.saved.extend_from_slice(&self.batch.states);
            packed.model.advance(&mut self.batch);
            if let Some(losses) = &mut losses {
                self.supervise(task, event, losses, &mut None);
            }
            packed.model.exchange(&mut self.batch);
            packed.model.adjust(&mut self.batch);
            if let Some(losses) = &mut losses {
                self.answers_now(task, event, losses, &mut None);
            }
            for (state, row) in event.flows.iter().chain(&event.classes).zip(self.batch.states.chunks_exact(*h)) {
                self.states[*state as usize * h..][..*h].copy_from_slice(row);
            }
        }
    }

    /// Describes an event to the batch, whose states are there.
    fn load(&mut self, task: &Task<'_>, event: &Event) {
        let batch = &mut self.batch;
        (batch.flows, batch.classes) = (event.flows.len(), event.classes.len());
        let moving = event.elapsed_us > 0.0;
        (batch.moving_flows, batch.moving_classes) = if moving { (batch.flows, batch.classes) } else { (0, 0) };
        batch.elapsed_us.clear();
        batch.elapsed_us.resize(batch.flows + batch.classes, event.elapsed_us);
        batch.neighbours.clone_from(&event.neighbours);
        batch.links.clear();
        batch.links.extend(event.flows.iter().map(|m| task.sequence.members[*m as usize].links));
    }

    /// The head's answers for the last states of all members.
    fn last_answers(&mut self, task: &Task<'_>, losses: &mut Losses, descent: &mut Option<Descent<'_>>) {
        let (members, h) = (&task.sequence.members, task.h);
        self.owed.clear();
        self.owed.resize(members.len(), task.options.questions == Questions::Last);
        if task.options.questions == Questions::Every {
            return;
        }
        self.batch.flows = members.len();
        self.batch.links.clear();
        self.batch.links.extend(members.iter().map(|m| m.links));
        let share = 1.0 / members.len() as f32;
        let want: Vec<(f32, f32)> = members.iter().map(|m| (m.slowdown, share)).collect();
        let states = std::mem::take(&mut self.states);
        let mut d = std::mem::take(&mut self.d_last);
        d.clear();
        d.resize(members.len() * h, 0.0);
        losses.slowdown += self.slowdowns(task, &states, &want, &mut d, descent);
        (self.states, self.d_last) = (states, d);
    }

    /// The head's answers after an event, where every answer counts.
    fn answers_now(&mut self, task: &Task<'_>, event: &Event, losses: &mut Losses, descent: &mut Option<Descent<'_>>) {
        if task.options.questions == Questions::Last {
            return;
        }
        let want = event.flows.iter().map(|m| {
            let m = *m as usize;
            (task.sequence.members[m].slowdown, task.counts.answers[m])
        });
        let want: Vec<(f32, f32)> = want.collect();
        let states = std::mem::take(&mut self.batch.states);
        let mut d = std::mem::take(&mut self.d);
        losses.slowdown += self.slowdowns(task, &states, &want, &mut d, descent);
        (self.batch.states, self.d) = (states, d);
    }

    /// Asks the head about `states` (as many as `want` has), compares with (true slowdown, weight), and adds the gradient of the
    /// states to `d`.
    fn slowdowns(
        &mut self,
        task: &Task<'_>,
        states: &[f32],
        want: &[(f32, f32)],
        d: &mut [f32],
        descent: &mut Option<Descent<'_>>,
    ) -> f64 {
        let (packed, h, rows) = (task.packed, task.h, want.len());
        packed.model.predict(&mut self.batch, states);
        let keep = 1.0 - task.options.dropout;
        if let Some(descent) = descent {
            drop_out(&mut self.batch.head[1], keep, &mut descent.random);
            packed.model.conclude(&mut self.batch);
        }
        let mut loss = 0.0;
        self.d_answers.clear();
        for (predicted, (slowdown, weight)) in self.batch.slowdowns.iter().zip(want) {
            let error = predicted / slowdown - 1.0;
            loss += f64::from(error.abs()) * f64::from(*weight);
            self.d_answers.push(if error == 0.0 { 0.0 } else { error.signum() * weight / slowdown });
        }
        let Some(descent) = descent else { return loss };
        self.d_answers.iter_mut().for_each(|d| *d *= descent.share);
        let (parameters, [x, hidden]) = (&task.sequence.parameters, &self.batch.head);
        let [first, last] = &packed.slowdown;
        descent.gradient.add(last.id, rows, hidden, &self.d_answers, parameters);
        fill(&mut self.d_hidden, &last.map, packed.simd, rows, &self.d_answers);
        mask(&mut self.d_hidden, hidden, 1.0 / keep);
        descent.gradient.add(first.id, rows, x, &self.d_hidden, parameters);
        fill(&mut self.d_input, &first.map, packed.simd, rows, &self.d_hidden);
        for (d, input) in d.chunks_exact_mut(h).zip(self.d_input.chunks_exact(1 + h)) {
            d.iter_mut().zip(&input[1..]).for_each(|(d, i)| *d += i);
        }
        loss
    }

    /// The heads of training, on the states after the time cells; gradients are added to `d_mid`.
    fn supervise(&mut self, task: &Task<'_>, event: &Event, losses: &mut Losses, descent: &mut Option<Descent<'_>>) {
        let occurrence = &task.sequence.occurrences[event.occurrence];
        if task.options.remaining_weight != 0.0 && !occurrence.remaining.is_empty() {
            let labels =
                &task.sequence.remaining[occurrence.remaining.start as usize..occurrence.remaining.end as usize];
            let asked = labels.iter().filter_map(|(member, label)| {
                let row = event.flows.binary_search(member).ok()?;
                Some((row as u32, *label, task.counts.remaining[*member as usize]))
            });
            let asked: Vec<(u32, f32, f32)> = asked.collect();
            let weight = task.options.remaining_weight;
            losses.remaining += self.ask(task, &task.packed.remaining, &asked, weight, descent);
        }
        if task.options.queue_weight != 0.0 && !event.queues.is_empty() {
            let counts = &task.counts.queues[occurrence.queues.start as usize..];
            let asked =
                event.queues.iter().zip(counts).map(|((row, label), count)| (*row, *label, *count)).collect::<Vec<_>>();
            let weight = task.options.queue_weight;
            losses.queue += self.ask(task, &task.packed.queue, &asked, weight, descent);
        }
    }

    /// Asks a head of training about rows of the batch, each with its label and its count.
    fn ask(
        &mut self,
        task: &Task<'_>,
        head: &HeadPair,
        asked: &[(u32, f32, f32)],
        weight: f32,
        descent: &mut Option<Descent<'_>>,
    ) -> f64 {
        let (simd, h, rows) = (task.packed.simd, task.h, asked.len());
        self.head_x.clear();
        for (row, ..) in asked {
            self.head_x.extend_from_slice(&self.batch.states[*row as usize * h..][..h]);
        }
        head.hide(simd, rows, &self.head_x, &mut self.head_hidden);
        let keep = 1.0 - task.options.dropout;
        if let Some(descent) = descent {
            drop_out(&mut self.head_hidden, keep, &mut descent.random);
        }
        head.conclude(simd, rows, &self.head_hidden, &mut self.answers);
        let mut loss = 0.0;
        self.d_answers.clear();
        for (answer, (_, label, count)) in self.answers.iter().zip(asked) {
            let error = answer - label;
            loss += f64::from(error.abs()) * f64::from(*count);
            self.d_answers.push(if error == 0.0 { 0.0 } else { error.signum() * count * weight });
        }
        let Some(descent) = descent else { return loss };
        self.d_answers.iter_mut().for_each(|d| *d *= descent.share);
        let parameters = &task.sequence.parameters;
        descent.gradient.add(head.back[1].id, rows, &self.head_hidden, &self.d_answers, parameters);
        fill(&mut self.d_hidden, &head.back[1].map, simd, rows, &self.d_answers);
        mask(&mut self.d_hidden, &self.head_hidden, 1.0 / keep);
        descent.gradient.add(head.back[0].id, rows, &self.head_x, &self.d_hidden, parameters);
        fill(&mut self.d_input, &head.back[0].map, simd, rows, &self.d_hidden);
        for ((row, ..), input) in asked.iter().zip(self.d_input.chunks_exact(h)) {
            self.d_mid[*row as usize * h..][..h].iter_mut().zip(input).for_each(|(d, i)| *d += i);
        }
        loss
    }

    fn backwards(&mut self, task: &Task<'_>, losses: &mut Losses, descent: &mut Option<Descent<'_>>) {
        let Task { plan, h, .. } = task;
        self.d_states.clear();
        self.d_states.resize(plan.states * h, 0.0);
        let mut end = self.saved.len();
        for (number, event) in plan.events.iter().enumerate().rev() {
            let rows = event.flows.len() + event.classes.len();
            self.batch.states.clear();
            self.batch.states.extend_from_slice(&self.saved[end - rows * h..end]);
            end -= rows * h;
            self.load(task, event);
            self.gather(task, event);
            self.reverse(task, event, losses, descent);
            for (state, row) in event.flows.iter().chain(&event.classes).zip(self.d.chunks_exact(*h)) {
                self.d_states[*state as usize * h..][..*h].copy_from_slice(row);
            }
            for (new, from) in event.begun.iter().rev() {
                let new = *new as usize * h;
                for j in 0..*h {
                    let d = std::mem::take(&mut self.d_states[new + j]);
                    if let Some(old) = from {
                        self.d_states[*old as usize * h + j] += d;
                    }
                }
            }
            if task.options.truncation.is_some_and(|every| number % every.max(1) == 0) {
                self.d_states.fill(0.0);
            }
        }
    }

    /// The gradients of the states after an event.
    fn gather(&mut self, task: &Task<'_>, event: &Event) {
        let h = task.h;
        self.d.clear();
        for state in event.flows.iter().chain(&event.classes) {
            self.d.extend_from_slice(&self.d_states[*state as usize * h..][..h]);
        }
        for (row, member) in event.flows.iter().enumerate() {
            let member = *member as usize;
            if std::mem::take(&mut self.owed[member]) {
                let last = &self.d_last[member * h..][..h];
                self.d[row * h..][..h].iter_mut().zip(last).for_each(|(d, l)| *d += l);
            }
        }
    }

    /// One event: from the states before it in the batch, and the gradients after it in `d`, to those before it in `d`.
    fn reverse(&mut self, task: &Task<'_>, event: &Event, losses: &mut Losses, descent: &mut Option<Descent<'_>>) {
        let (packed, h) = (task.packed, task.h);
        let rows = self.batch.flows + self.batch.classes;
        self.before.clone_from(&self.batch.states);
        packed.model.advance(&mut self.batch);
        self.d_mid.clear();
        self.d_mid.resize(rows * h, 0.0);
        self.supervise(task, event, losses, descent);
        packed.model.exchange(&mut self.batch);
        packed.model.adjust(&mut self.batch);
        self.answers_now(task, event, losses, descent);
        let Some(Descent { gradient, .. }) = descent else { return };
        let parameters = &task.sequence.parameters;
        self.reverse_rates(packed, gradient, parameters, h);
        self.reverse_exchange(packed, gradient, parameters, rows);
        self.d.iter_mut().zip(&self.d_mid).zip(&self.d_x).for_each(|((d, mid), x)| *d += mid + x);
        self.reverse_times(packed, gradient, parameters, h);
    }

    /// The rate cells: from `d` to their inputs' gradients `d_x` and their old states' in `d`.
    fn reverse_rates(&mut self, packed: &Packed, gradient: &mut Gradient, parameters: &[f32; PARAMETERS], h: usize) {
        let (flows, classes) = (self.batch.flows, self.batch.classes);
        self.d_x.clear();
        let (Some(cells), Some(backs)) = (packed.model.cells(), &packed.cells) else {
            // The new state is the graph network's output and nothing else.
            std::mem::swap(&mut self.d_x, &mut self.d);
            self.d.resize(self.d_x.len(), 0.0);
            return self.d.fill(0.0);
        };
        self.d_x.resize((flows + classes) * h, 0.0);
        let (mid, heard) = (&self.batch.heard[0], &self.batch.heard[packed.layers.len()]);
        let (d_flows, d_links) = self.d.split_at_mut(flows * h);
        let (x_flows, x_links) = self.d_x.split_at_mut(flows * h);
        let [_, _, gates_flows, gates_links] = &mut self.batch.gates;
        let sides = [
            (&cells.flow_rate, &backs[2], flows, 0, d_flows, x_flows, gates_flows),
            (&cells.link_rate, &backs[3], classes, flows * h, d_links, x_links, gates_links),
        ];
        for (cell, back, rows, from, d, d_x, gates) in sides {
            cell.reverse(packed.simd, rows, &mid[from..], d, gates);
            gradient.add(back.input.id, rows, &heard[from..], &gates.input, parameters);
            gradient.add(back.hidden.id, rows, &mid[from..], &gates.hidden, parameters);
            back.input.map.apply(packed.simd, rows, &gates.input, d_x, Finish::Bias);
            back.hidden.map.apply(packed.simd, rows, &gates.hidden, d, Finish::Add);
        }
    }

    /// The graph network: `d_x` from the gradient of its output to that of its input.
    fn reverse_exchange(
        &mut self,
        packed: &Packed,
        gradient: &mut Gradient,
        parameters: &[f32; PARAMETERS],
        rows: usize,
    ) {
        let simd = packed.simd;
        for (i, back) in packed.layers.iter().enumerate().rev() {
            let (room, x) = (&self.batch.layers[i], &self.batch.heard[i]);
            // Gain and offset are neighbours in the vector of all weights.
            let (d_gain, d_offset) = gradient.values[back.gain.start..back.offset.end].split_at_mut(back.gain.len());
            packed.model.layers()[i].norm.reverse(simd, rows, &room.raw, &mut self.d_x, d_gain, d_offset);
            gradient.add(back.neighbours.id, rows, &room.sum, &self.d_x, parameters);
            gradient.add(back.own.id, rows, x, &self.d_x, parameters);
            fill(&mut self.d_sum, &back.neighbours.map, simd, rows, &self.d_x);
            fill(&mut self.d_input, &back.own.map, simd, rows, &self.d_x);
            let width = back.neighbours.map.outputs();
            send_back(&self.batch.neighbours, width, &self.d_sum, &mut self.d_projected);
            mask(&mut self.d_projected, &room.projected, 1.0);
            gradient.add(back.project.id, rows, x, &self.d_projected, parameters);
            back.project.map.apply(simd, rows, &self.d_projected, &mut self.d_input, Finish::Add);
            std::mem::swap(&mut self.d_x, &mut self.d_input);
        }
    }

    /// The time cells, where time passed: `d` from the states after them to those before.
    fn reverse_times(&mut self, packed: &Packed, gradient: &mut Gradient, parameters: &[f32; PARAMETERS], h: usize) {
        let (flows, classes) = (self.batch.moving_flows, self.batch.moving_classes);
        let (Some(cells), Some(backs)) = (packed.model.cells(), &packed.cells) else { return };
        if flows == 0 {
            return;
        }
        let (d_flows, d_links) = self.d.split_at_mut(flows * h);
        let [gates_flows, gates_links, ..] = &mut self.batch.gates;
        let sides = [
            (&cells.flow_time, &backs[0], flows, 0, d_flows, gates_flows),
            (&cells.link_time, &backs[1], classes, flows * h, d_links, gates_links),
        ];
        for (cell, back, rows, from, d, gates) in sides {
            cell.reverse(packed.simd, rows, &self.before[from..], d, gates);
            gradient.add(back.input.id, rows, &self.batch.elapsed_us, &gates.input, parameters);
            gradient.add(back.hidden.id, rows, &self.before[from..], &gates.hidden, parameters);
            back.hidden.map.apply(packed.simd, rows, &gates.hidden, d, Finish::Add);
        }
    }
}

/// `out[rows, M]` = the map's.
fn fill(out: &mut Vec<f32>, map: &Linear, simd: Simd, rows: usize, x: &[f32]) {
    out.resize(rows * map.outputs(), 0.0);
    map.apply(simd, rows, x, out, Finish::Bias);
}

/// The reverse of ReLU and dropout: nothing where the result was nothing, else times `scale`.
fn mask(d: &mut [f32], result: &[f32], scale: f32) {
    d.iter_mut().zip(result).for_each(|(d, r)| *d = if *r > 0.0 { *d * scale } else { 0.0 });
}

/// Leaves out a part of `1 − keep` at random; what is kept grows by 1 ÷ keep. Nothing is drawn if all is kept.
fn drop_out(hidden: &mut [f32], keep: f32, random: &mut SplitMix) {
    if keep >= 1.0 {
        return;
    }
    for v in hidden {
        let kept = ((random.next_u64() >> 40) as f32) < keep * (1u64 << 24) as f32;
        *v = if kept { *v / keep } else { 0.0 };
    }
}

/// The reverse of a sum over neighbours.
fn send_back(neighbours: &Neighbours, width: usize, d: &[f32], out: &mut Vec<f32>) {
    out.clear();
    out.resize(d.len(), 0.0);
    for (span, d) in neighbours.first.windows(2).zip(d.chunks_exact(width)) {
        for (source, weight) in &neighbours.edges[span[0] as usize..span[1] as usize] {
            out[*source as usize * width..][..width].iter_mut().zip(d).for_each(|(o, d)| *o += d * weight);
        }
    }
}
