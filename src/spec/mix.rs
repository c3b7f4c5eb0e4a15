//! A mix as a person writes it: fields, defaults and ranges of every parsimon-eval version, in that program's names and units.
//!
//! Source of fields and defaults: the mix structures of parsimon-eval (fig_8 and fig_7 experiments, 2024–2025).
//! Left out: the `duration` stop rule of its fig_7 program (the number of flows always comes from the command line).

use super::error::{SpecError, suggestion};
use super::json::{Fields, Node};
use super::tcp::Queue;
use mixlab_contract::TcpVariant;
use serde::Serialize;
use std::path::PathBuf;

/// Every field a mix may have.
pub const MIX_FIELDS: &[&str] = &[
    "id",
    "spatial",
    "size_dist",
    "lognorm_sigma",
    "max_load",
    "cluster",
    "duration",
    "param_id",
    "bfsz",
    "window",
    "enable_pfc",
    "cc",
    "param_1",
    "param_2",
    "queue",
    "max_inflight_flows",
];

/// Congestion control, by the names mixes use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cc {
    /// DCTCP.
    #[default]
    Dctcp,
    /// DCQCN.
    Dcqcn,
    /// HPCC.
    Hp,
    /// TIMELY.
    Timely,
    /// ns-3's own TCP.
    Tcp(TcpVariant),
}

/// One experiment as written. Serialises to the JSON it was read from (defaults filled in).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mix {
    /// Name of the mix, unique in its list.
    pub id: u64,
    /// File of the rack-to-rack matrix, as written.
    pub spatial: PathBuf,
    /// File of the flow-size distribution, as written.
    pub size_dist: PathBuf,
    /// Burstiness σ: log-normal inter-arrival times have this standard deviation of their logarithm. > 0.
    pub lognorm_sigma: f64,
    /// Load asked for on the busiest channel, as a fraction (0.5 = 50 %). In (0, 2].
    pub max_load: f64,
    /// File of the cluster, as written.
    pub cluster: PathBuf,
    /// Seconds of arrivals; read for compatibility, decides only the default of `bfsz`.
    #[serde(rename = "duration", skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<u64>,
    /// Label of the parameter sample it was drawn with.
    pub param_id: u64,
    /// Switch buffer in units of 10 KiB (the tenth's fraction of a KiB is dropped). Default 40, or 50 with a `duration`. Under
    /// TCP the limit of each port.
    pub bfsz: f64,
    /// Sender window in bytes, 0 = none. Default 18,000. TCP ignores it.
    pub window: u64,
    /// Whether PFC is on (DCQCN always has it). Default on. TCP ignores it.
    #[serde(serialize_with = "one_or_zero")]
    pub enable_pfc: bool,
    /// Congestion control. Default DCTCP.
    pub cc: Cc,
    /// First parameter: K (KB) of DCTCP, K_min (KB at 25 Gb/s) of DCQCN, η (%) of HPCC, T_low (µs) of TIMELY. Default 30.
    /// Under TCP it belongs to the queue ([`Queue::default_parameters`]).
    pub param_1: f64,
    /// Second parameter: K_max (KB at 25 Gb/s) of DCQCN, additive increase (10 Mb/s) of HPCC, T_high (µs) of TIMELY. Default 30.
    pub param_2: f64,
    /// Queue discipline of all ports, under TCP only. Default [`Queue::default_for`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
    /// Flows a rack of 16 senders may have in flight, 0 = no limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_inflight_flows: u32,
}

// Signatures are serde's.
#[expect(clippy::trivially_copy_pass_by_ref)]
fn one_or_zero<S: serde::Serializer>(on: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(if *on { 1.0 } else { 0.0 })
}

#[expect(clippy::trivially_copy_pass_by_ref)]
fn is_zero(v: &u32) -> bool {
    *v == 0
}

impl Cc {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Dctcp,
        Self::Dcqcn,
        Self::Hp,
        Self::Timely,
        Self::Tcp(TcpVariant::Dctcp),
        Self::Tcp(TcpVariant::Cubic),
        Self::Tcp(TcpVariant::Bbr),
        Self::Tcp(TcpVariant::NewReno),
    ];

    /// The name in mixes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dctcp => "dctcp",
            Self::Dcqcn => "dcqcn",
            Self::Hp => "hp",
            Self::Timely => "timely",
            Self::Tcp(variant) => variant.name(),
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    /// A fault with the nearest name.
    pub fn parse(node: &Node<'_>) -> Result<Self, SpecError> {
        let name = node.string("the name of a congestion control")?;
        let names = Self::ALL.map(Self::name);
        let hint =
            if name.eq_ignore_ascii_case("hpcc") { "HPCC is called `hp`".into() } else { suggestion(&name, &names) };
        let found = Self::ALL.into_iter().find(|cc| cc.name() == name);
        found.ok_or_else(|| node.fault(&format!("one of {}", names.join(", ")), &hint))
    }
}

impl Serialize for Cc {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Mix {
    /// Reads a mix from the fields of its object.
    ///
    /// # Errors
    /// A fault at the first field that is missing, of the wrong type or out of range.
    pub fn parse(fields: &Fields<'_>) -> Result<Self, SpecError> {
        let path = |name| fields.required(name)?.string("the path of a file").map(PathBuf::from);
        let duration_s = match fields.optional("duration") {
            Some(node) => Some(node.whole("whole seconds", u64::from(u32::MAX))?),
            None => None,
        };
        let cc = or(fields.optional("cc"), Cc::Dctcp, Cc::parse)?;
        let queue = fields.optional("queue").map(|node| queue(node, cc)).transpose()?;
        let (param_1, param_2) = match cc {
            Cc::Tcp(variant) => queue.unwrap_or(Queue::default_for(variant)).default_parameters(),
            _ => (30.0, 30.0),
        };
        let mix = Self {
            id: fields.required("id")?.whole("a whole number of at most 2^53", 1 << 53)?,
            spatial: path("spatial")?,
            size_dist: path("size_dist")?,
            lognorm_sigma: sigma(fields.required("lognorm_sigma")?)?,
            max_load: load(fields.required("max_load")?)?,
            cluster: path("cluster")?,
            duration_s,
            param_id: or(fields.optional("param_id"), 0, |n| n.whole("a whole number", 1 << 53))?,
            bfsz: or(fields.optional("bfsz"), if duration_s.is_some() { 50.0 } else { 40.0 }, bfsz)?,
            window: or(fields.optional("window"), 18_000, |n| n.whole("whole bytes (0 = no window)", 1 << 40))?,
            enable_pfc: or(fields.optional("enable_pfc"), true, pfc)?,
            cc,
            param_1: or(fields.optional("param_1"), param_1, parameter)?,
            param_2: or(fields.optional("param_2"), param_2, parameter)?,
            queue,
            max_inflight_flows: or(fields.optional("max_inflight_flows"), 0, |n| {
                n.whole("a whole number below 2^32 (0 = no limit)", u64::from(u32::MAX))
            })? as u32,
        };
        mix.check_parameters(fields)?;
        Ok(mix)
    }

    /// Ranges that depend on the congestion control.
    fn check_parameters(&self, fields: &Fields<'_>) -> Result<(), SpecError> {
        let (p1, p2) = (self.param_1, self.param_2);
        let fault = |name: &str, value: f64, expected: &str| {
            let hint = "param_1 and param_2 mean something else for each cc; see spec/README.md";
            Err(match fields.optional(name) {
                Some(node) => node.fault(expected, hint),
                None => fields.node().fault_with(
                    &format!("a field `{name}` with {expected}"),
                    &format!("none, so {value}"),
                    hint,
                ),
            })
        };
        match self.cc {
            Cc::Dctcp if p1 < 0.0 => fault("param_1", p1, "the marking threshold K in KB at 10 Gb/s, at least 0"),
            Cc::Dcqcn if p1 < 0.0 => fault("param_1", p1, "K_min in KB at 25 Gb/s, at least 0"),
            Cc::Dcqcn if p2 < p1 => fault("param_2", p2, "K_max in KB at 25 Gb/s, at least K_min (param_1)"),
            Cc::Hp if !(p1 > 0.0 && p1 <= 100.0) => {
                fault("param_1", p1, "the target utilisation in percent, above 0 and at most 100")
            }
            Cc::Hp if p2 < 0.0 => fault("param_2", p2, "the additive increase in units of 10 Mb/s, at least 0"),
            Cc::Timely if p1 < 0.0 => fault("param_1", p1, "T_low in µs, at least 0"),
            Cc::Timely if p2 < p1 => fault("param_2", p2, "T_high in µs, at least T_low (param_1)"),
            Cc::Tcp(variant) => match self.queue.unwrap_or(Queue::default_for(variant)).parameter_fault(p1, p2) {
                Some((name, value, expected)) => fault(name, value, expected),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Fields of `fields` that are known but mean nothing under this mix's congestion control.
    pub fn meaningless<'f>(&self, fields: &'f Fields<'_>) -> impl Iterator<Item = &'static str> + use<'f> {
        let tcp = matches!(self.cc, Cc::Tcp(_));
        ["window", "enable_pfc"].into_iter().filter(move |name| tcp && fields.optional(name).is_some())
    }
}

/// The queue discipline, which only TCP has.
fn queue(node: &Node<'_>, cc: Cc) -> Result<Queue, SpecError> {
    match cc {
        Cc::Tcp(_) => Queue::parse(node),
        _ => {
            let hint = "switches of the RDMA transport always mark a FIFO; queue disciplines belong to tcp-* congestion controls";
            Err(node.fault(&format!("no `queue` with the cc {}", cc.name()), hint))
        }
    }
}

fn or<'a, T>(
    node: Option<&Node<'a>>,
    default: T,
    parse: impl FnOnce(&Node<'a>) -> Result<T, SpecError>,
) -> Result<T, SpecError> {
    node.map_or(Ok(default), parse)
}

/// Burstiness σ.
pub(super) fn sigma(node: &Node<'_>) -> Result<f64, SpecError> {
    node.real("a number above 0 and at most 20", "1 and 2 are usual", |v| v > 0.0 && v <= 20.0)
}

/// A load as a fraction.
pub(super) fn load(node: &Node<'_>) -> Result<f64, SpecError> {
    node.real("a load above 0 and at most 2", "it is a fraction: write 0.7 for 70 %", |v| v > 0.0 && v <= 2.0)
}

/// A buffer size in units of 10 KiB; at least one whole KiB must be left after truncation.
pub(super) fn bfsz(node: &Node<'_>) -> Result<f64, SpecError> {
    let hint = "the unit is 10 KiB: 10 means a buffer of 100 KiB per switch";
    node.real("a buffer of 0.1 to 10,000,000", hint, |v| (0.1..=1e7).contains(&v))
}

/// Whether PFC is on: a boolean or a number 0 or 1.
pub(super) fn pfc(node: &Node<'_>) -> Result<bool, SpecError> {
    let number = node.real("", "", |v| v == 0.0 || v == 1.0).map(|v| v == 1.0);
    number.or_else(|_| node.boolean("true, false, 1 or 0"))
}

/// A congestion-control parameter, bounded so that no unit conversion can overflow.
pub(super) fn parameter(node: &Node<'_>) -> Result<f64, SpecError> {
    node.real("a number between −1,000,000 and 1,000,000", "", |v| v.abs() <= 1e6)
}
