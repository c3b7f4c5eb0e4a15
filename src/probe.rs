//! One packet simulation under chosen probes, as files: what `mixlab probe` does.
//!
//! | file | one row per | columns |
//! |---|---|---|
//! | `queues.csv` | channel and interval | `time_ns, from, to, queue_bytes, utilisation` |
//! | `pfc.txt` | PFC frame sent or obeyed | those of the RDMA ns-3 programs ([`mixlab_contract::files::write_pfc`]) |
//! | `acks.csv` | ACK or NACK of a chosen flow | `time_ns, flow_id, kind, marked, sequence_bytes, rtt_ns, rate_bps, window_bytes, unacknowledged_bytes, next_bytes` |
//! | `moments.csv` | release or delivery of a flow | `moment, time_ns, change, flow_id` |
//! | `remaining.csv` | moment and active flow | `moment, flow_id, remaining_bytes` |
//! | `moment_queues.csv` | moment and queue that is not empty, on an active flow's path | `moment, from, to, queue_bytes` |
//!
//! What each number means is said where it is measured: [`mixlab_packet::probe`], [`mixlab_contract::supervision`]. `from` and
//! `to` are the nodes at the ends of a channel. Times count from 0 of the scenario, in ns, with three decimals where they are
//! not whole (clean fidelity). Rows go to the disk as they come up, and moments after the run, from their compact stream; files
//! get their names when the run is over, so one that was stopped leaves none. The run is the stored one to the byte: probes
//! change nothing. Left out: packet traces, and probes of other backends, which have none.

use crate::atomic::Replacement;
use crate::details::busiest_ports;
use mixlab_contract::files::{PfcEvent as PfcRow, PfcKind, write_pfc};
use mixlab_contract::supervision::{Change, Supervision};
use mixlab_contract::{
    Backend, ChannelId, FlowIndex, NodeId, Observer, RunError, RunOutput, Scenario, SimDuration, SimTime, Topology,
    Unsupported,
};
use mixlab_packet::PacketBackend;
use mixlab_packet::probe::{
    Acknowledgement, ChannelSeries, FlowTrace, PfcEvent, Probe, Supervisor, Transmission, View,
};
use std::fmt::{self, Display};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// What to look at, as asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Queues and utilisations of these channels, every so often (more than 0).
    pub queues: Option<(Channels, SimDuration)>,
    /// PFC frames.
    pub pfc: bool,
    /// ACKs of the flows with these ids.
    pub acks: Vec<u64>,
    /// The state of all active flows at each release and delivery.
    pub moments: bool,
}

/// Channels, as asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channels {
    /// From the first node of each pair to the second.
    Between(Vec<(u32, u32)>),
    /// So many switch ports, those that most bytes are to cross.
    Busiest(usize),
}

/// What was done.
#[derive(Debug)]
pub struct Recorded {
    /// The run, as without probes.
    pub output: RunOutput,
    /// The files and how many rows each has (without its header).
    pub files: Vec<(PathBuf, u64)>,
}

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// No flow has this id.
    #[error("there is no flow {id}: the {count} flows have ids from {first} to {last}")]
    NoFlow {
        /// What was asked for.
        id: u64,
        /// Flows of the scenario.
        count: usize,
        /// Smallest id.
        first: u64,
        /// Largest id.
        last: u64,
    },
    /// No link joins these nodes.
    #[error("there is no channel from {from} to {to}: {}", known_channels(*.nodes, .heads))]
    NoChannel {
        /// Its start, as asked for.
        from: u32,
        /// Its end, as asked for.
        to: u32,
        /// Nodes of the network.
        nodes: usize,
        /// Where the channels from there lead, if there is such a node.
        heads: Vec<u32>,
    },
    /// The engine can't run this scenario.
    #[error("backend `{backend}` can't run this scenario: {source}")]
    Unsupported {
        /// The engine.
        backend: String,
        /// What it lacks.
        source: Unsupported,
    },
    /// The run was stopped or failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A file can't be written.
    #[error("{}", crate::atomic::refusal(path, source))]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn known_channels(nodes: usize, heads: &[u32]) -> String {
    const SHOWN: usize = 12;
    if heads.is_empty() {
        return format!("nodes go from 0 to {}", nodes.saturating_sub(1));
    }
    let shown = heads.iter().take(SHOWN).map(u32::to_string).collect::<Vec<_>>().join(", ");
    format!("those from there lead to {shown}{}", if heads.len() > SHOWN { ", …" } else { "" })
}

/// A request that fits its scenario.
#[derive(Clone, Debug)]
pub struct Probes {
    queues: Option<(Vec<ChannelId>, SimDuration)>,
    pfc: bool,
    acks: Vec<FlowIndex>,
    moments: bool,
}

impl Probes {
    /// Finds what was asked for in the scenario. Cost: O(flows asked for × flows + hops of all flows).
    ///
    /// # Errors
    /// [`ProbeError::NoFlow`], [`ProbeError::NoChannel`].
    pub fn of(request: &Request, scenario: &Scenario) -> Result<Self, ProbeError> {
        let queues = match &request.queues {
            Some((channels, interval)) => Some((found_channels(channels, scenario)?, *interval)),
            None => None,
        };
        let acks = request.acks.iter().map(|id| found_flow(*id, scenario)).collect::<Result<_, _>>()?;
        Ok(Self { queues, pfc: request.pfc, acks, moments: request.moments })
    }

    /// Runs `scenario`, the one they were found in, on `backend` and writes the files to `folder`, over older ones.
    /// Memory beyond that of the run: a buffer per file, and the compact stream of the moments.
    ///
    /// # Errors
    /// [`ProbeError::Unsupported`], [`ProbeError::Run`], [`ProbeError::Write`]; there are no new files then.
    pub fn record(
        &self,
        backend: PacketBackend,
        scenario: &Scenario,
        folder: &Path,
        observer: &dyn Observer,
    ) -> Result<Recorded, ProbeError> {
        let unsupported = |source| ProbeError::Unsupported { backend: backend.id().into(), source };
        backend.check(scenario).map_err(unsupported)?;
        let trouble = Trouble::default();
        let watch = Watch::new(self, scenario, folder, &trouble)?;
        let ran = backend.observe(scenario, watch, &Guarded { observer, trouble: &trouble });
        // It stops the run, so it comes before what the run says.
        trouble.check()?;
        let (output, watch) = ran?;
        let tables = watch.into_tables(folder)?;
        trouble.check()?;
        let files = tables.into_iter().map(Table::finish).collect::<Result<_, _>>()?;
        Ok(Recorded { output, files })
    }
}

fn found_channels(channels: &Channels, scenario: &Scenario) -> Result<Vec<ChannelId>, ProbeError> {
    let topology = scenario.topology();
    let between = |(from, to): &(u32, u32)| {
        let known = (*from as usize) < topology.node_count();
        let outgoing = if known { topology.outgoing(NodeId(*from)) } else { &[] };
        outgoing.iter().copied().find(|c| topology.head(*c).0 == *to).ok_or_else(|| {
            let heads = outgoing.iter().map(|c| topology.head(*c).0).collect();
            ProbeError::NoChannel { from: *from, to: *to, nodes: topology.node_count(), heads }
        })
    };
    match channels {
        Channels::Between(pairs) => pairs.iter().map(between).collect(),
        Channels::Busiest(most) => Ok(busiest_ports(scenario, *most)),
    }
}

fn found_flow(id: u64, scenario: &Scenario) -> Result<FlowIndex, ProbeError> {
    let flows = scenario.flows();
    scenario.indices().find(|f| scenario.flow(*f).id == id).ok_or_else(|| {
        let ids = || flows.iter().map(|f| f.id);
        let (first, last) = (ids().min().unwrap_or_default(), ids().max().unwrap_or_default());
        ProbeError::NoFlow { id, count: flows.len(), first, last }
    })
}

/// The first thing that went wrong while writing; it ends the run.
#[derive(Default)]
struct Trouble(Mutex<Option<ProbeError>>);

impl Trouble {
    fn first(&self) -> MutexGuard<'_, Option<ProbeError>> {
        self.0.lock().expect("no thread panics while it holds this lock")
    }

    fn check(&self) -> Result<(), ProbeError> {
        self.first().take().map_or(Ok(()), Err)
    }
}

/// A file in the making.
struct Table<'a> {
    path: PathBuf,
    replacement: Replacement,
    rows: u64,
    trouble: &'a Trouble,
}

impl<'a> Table<'a> {
    /// With a first line, unless that is empty.
    fn new(path: PathBuf, header: &str, trouble: &'a Trouble) -> Result<Self, ProbeError> {
        let begun = Replacement::of(&path).and_then(|mut replacement| {
            replacement.file.write_all(header.as_bytes())?;
            Ok(replacement)
        });
        match begun {
            Ok(replacement) => Ok(Self { path, replacement, rows: 0, trouble }),
            Err(source) => Err(ProbeError::Write { path, source }),
        }
    }

    /// Writes a row, with its end of line.
    fn row(&mut self, row: fmt::Arguments<'_>) {
        self.rows += 1;
        if let Err(source) = self.replacement.file.write_fmt(row) {
            let path = self.path.clone();
            self.trouble.first().get_or_insert(ProbeError::Write { path, source });
        }
    }

    fn finish(self) -> Result<(PathBuf, u64), ProbeError> {
        match self.replacement.finish() {
            Ok(()) => Ok((self.path, self.rows)),
            Err(source) => Err(ProbeError::Write { path: self.path, source }),
        }
    }
}

/// All chosen probes in one.
struct Watch<'a> {
    scenario: &'a Scenario,
    queues: Option<(ChannelSeries, SimDuration, Table<'a>)>,
    pfc: Option<Table<'a>>,
    acks: Option<(FlowTrace, Table<'a>)>,
    moments: Option<Supervisor<'a>>,
    trouble: &'a Trouble,
}

impl<'a> Watch<'a> {
    fn new(probes: &Probes, scenario: &'a Scenario, folder: &Path, trouble: &'a Trouble) -> Result<Self, ProbeError> {
        let table = |name: &str, header: &str| Table::new(folder.join(name), header, trouble);
        let begin = scenario.flows().first().map_or(SimTime::ZERO, |f| f.start);
        let queues = match &probes.queues {
            Some((channels, interval)) => {
                let series = ChannelSeries::new(channels.clone(), begin + *interval, *interval);
                Some((series, *interval, table("queues.csv", "time_ns,from,to,queue_bytes,utilisation\n")?))
            }
            None => None,
        };
        let acks = match probes.acks.is_empty() {
            true => None,
            false => Some((FlowTrace::of(probes.acks.iter().copied()), table("acks.csv", ACKS)?)),
        };
        let pfc = if probes.pfc { Some(table("pfc.txt", "")?) } else { None };
        let moments = probes.moments.then(|| Supervisor::new(scenario));
        Ok(Self { scenario, queues, pfc, acks, moments, trouble })
    }

    /// All files, after the last event.
    fn into_tables(self, folder: &Path) -> Result<Vec<Table<'a>>, ProbeError> {
        let moments = match self.moments {
            Some(supervisor) => moment_tables(&supervisor.finish(), self.scenario, folder, self.trouble)?,
            None => Vec::new(),
        };
        let (queues, acks) = (self.queues.map(|(_, _, table)| table), self.acks.map(|(_, table)| table));
        Ok(queues.into_iter().chain(self.pfc).chain(acks).chain(moments).collect())
    }
}

const ACKS: &str =
    "time_ns,flow_id,kind,marked,sequence_bytes,rtt_ns,rate_bps,window_bytes,unacknowledged_bytes,next_bytes\n";

impl Probe for Watch<'_> {
    const WATCHES_CLOCK: bool = true;

    fn transmit(&mut self, t: &Transmission) {
        if let Some((series, ..)) = &mut self.queues {
            series.transmit(t);
        }
    }

    fn pfc(&mut self, time: SimTime, device: ChannelId, event: PfcEvent) {
        if let Some(table) = &mut self.pfc {
            let row = pfc_row(self.scenario.topology(), time, device, event);
            table.row(format_args!("{}", write_pfc(&[row])));
        }
    }

    fn acknowledged(&mut self, ack: &Acknowledgement) {
        let Some((trace, table)) = &mut self.acks else { return };
        trace.acknowledged(ack);
        for a in trace.records.drain(..) {
            let (time, rtt, id) = (Ns(a.time.ps()), Ns(a.rtt.ps()), self.scenario.flow(a.flow).id);
            let kind = if a.nack { "nack" } else { "ack" };
            let (marked, rate, window) = (u8::from(a.echo), a.rate, a.window);
            let (sequence, first, next) = (a.sequence, a.unacknowledged, a.next);
            table.row(format_args!("{time},{id},{kind},{marked},{sequence},{rtt},{rate},{window},{first},{next}\n"));
        }
    }

    fn released(&mut self, time: SimTime, flow: FlowIndex, view: &View<'_>) {
        if let Some(supervisor) = &mut self.moments {
            supervisor.released(time, flow, view);
        }
    }

    fn delivered(&mut self, time: SimTime, flow: FlowIndex, view: &View<'_>) {
        if let Some(supervisor) = &mut self.moments {
            supervisor.delivered(time, flow, view);
        }
    }

    fn before(&mut self, time: SimTime, view: &View<'_>) {
        let Some((series, interval, table)) = &mut self.queues else { return };
        series.before(time, view);
        let topology = self.scenario.topology();
        for s in series.samples.drain(..) {
            let full = topology.link(s.channel).rate.0 as f64 * interval.as_secs_f64() / 8.0;
            let (time, ends) = (Ns(s.time.ps()), Ends(topology, s.channel));
            table.row(format_args!("{time},{ends},{},{:.6}\n", s.queued.0, s.sent.0 as f64 / full));
        }
    }
}

/// The frame as the ns-3 programs log it: where, by node and number of its port.
fn pfc_row(topology: &Topology, time: SimTime, device: ChannelId, event: PfcEvent) -> PfcRow {
    let node = topology.tail(device);
    let place = topology.outgoing(node).iter().position(|c| *c == device).expect("a channel of its tail");
    let kind = match event {
        PfcEvent::ResumeReceived => PfcKind::ResumeReceived,
        PfcEvent::PauseReceived => PfcKind::PauseReceived,
        PfcEvent::PauseSent => PfcKind::PauseSent,
        PfcEvent::ResumeSent => PfcKind::ResumeSent,
    };
    PfcRow { time, node, node_kind: topology.kind(node), port: place as u32 + 1, kind }
}

/// The three files of a supervision.
fn moment_tables<'a>(
    supervision: &Supervision,
    scenario: &Scenario,
    folder: &Path,
    trouble: &'a Trouble,
) -> Result<Vec<Table<'a>>, ProbeError> {
    let table = |name: &str, header: &str| Table::new(folder.join(name), header, trouble);
    let mut moments = table("moments.csv", "moment,time_ns,change,flow_id\n")?;
    let mut remaining = table("remaining.csv", "moment,flow_id,remaining_bytes\n")?;
    let mut queues = table("moment_queues.csv", "moment,from,to,queue_bytes\n")?;
    for (number, moment) in supervision.moments().enumerate() {
        let moment = moment.expect("a supervision that was just recorded is well formed");
        trouble.check()?;
        let change = match moment.change {
            Change::Released => "released",
            Change::Delivered => "delivered",
        };
        let (time, id) = (Ns(moment.time.ps()), scenario.flow(moment.flow).id);
        moments.row(format_args!("{number},{time},{change},{id}\n"));
        for (flow, left) in &moment.remaining {
            remaining.row(format_args!("{number},{},{}\n", scenario.flow(*flow).id, left.0));
        }
        for (channel, bytes) in &moment.queues {
            queues.row(format_args!("{number},{},{}\n", Ends(scenario.topology(), *channel), bytes.0));
        }
    }
    Ok(vec![moments, remaining, queues])
}

/// Picoseconds, shown in ns.
struct Ns(u64);

impl Display for Ns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 1000 {
            0 => write!(f, "{}", self.0 / 1000),
            ps => write!(f, "{}.{ps:03}", self.0 / 1000),
        }
    }
}

/// The nodes at the ends of a channel, as two columns.
struct Ends<'a>(&'a Topology, ChannelId);

impl Display for Ends<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.0.tail(self.1).0, self.0.head(self.1).0)
    }
}

/// The observer of the run, who also stops it when a file can't be written.
struct Guarded<'a> {
    observer: &'a dyn Observer,
    trouble: &'a Trouble,
}

impl Observer for Guarded<'_> {
    fn phase(&self, name: &'static str) {
        self.observer.phase(name);
    }

    fn progress(&self, done: u64) {
        self.observer.progress(done);
    }

    fn outside_cpu(&self, time: Duration) {
        self.observer.outside_cpu(time);
    }

    fn cancelled(&self) -> bool {
        self.observer.cancelled() || self.trouble.first().is_some()
    }

    fn work_dir(&self) -> &Path {
        self.observer.work_dir()
    }
}
