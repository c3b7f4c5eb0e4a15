//! `config.txt`: the parameters of an RDMA ns-3 program, as that program reads them.
//!
//! The text is a stream of words. A word that is a key takes what follows as its value; any other word is skipped. Integers
//! stop at the decimal point, and the rest is skipped as an unknown word (`BUFFER_SIZE 113.39` is 113 KiB). The last
//! mention of a key counts. A missing key leaves the program's initial value, which for some keys is odd (noted in
//! [`Config::warnings`]) or of no use (an error if the congestion control needs it).
//!
//! Where the program would loop for ever (no number where one must be) or use something a scenario can't express (link
//! failure, receive errors, other congestion controls …), reading fails. Keys that change no result are skipped: PINT,
//! BASE_RTT (overwritten there), GLOBAL_T, PAUSE_TIME, L2_CHUNK_SIZE, tracing and monitors.
//!
//! All keys with meaning, unit and default: `CONFIG.md` of this crate.
//!
//! Source: `third.cc` of liecn/UNISON-for-ns-3 (branch unison-3.39); older programs differ in what they do, not in the file.

use super::FileError;
use super::quantity;
use super::scanner::Scanner;
use crate::scenario::Application;
use crate::transport::{CongestionControl, Marking, Transport};
use crate::units::{BitsPerSec, Bytes, SimDuration, SimTime};
use std::collections::BTreeMap;

/// What `config.txt` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Transport and switches. Marking thresholds by ascending rate; `rng_run` is 1, since the file does not have it.
    pub transport: Transport,
    /// Open, or a closed loop (`MAX_INFLIGHT_FLOWS` above 0).
    pub application: Application,
    /// `SIMULATOR_STOP_TIME`.
    pub horizon: SimTime,
    /// Files it names, as written.
    pub files: ConfigFiles,
    /// Defaults that a person would hardly expect.
    pub warnings: Vec<String>,
}

/// Files that `config.txt` names. The default is a set of plain names in one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFiles {
    /// `TOPOLOGY_FILE`.
    pub topology: String,
    /// `FLOW_FILE`.
    pub flows: String,
    /// `TRACE_FILE`: nodes to trace.
    pub trace: String,
    /// `TRACE_OUTPUT_FILE`.
    pub trace_output: String,
    /// `FCT_OUTPUT_FILE`.
    pub fct: String,
    /// `PFC_OUTPUT_FILE`.
    pub pfc: String,
    /// `QLEN_MON_FILE`.
    pub queues: String,
}

impl Default for ConfigFiles {
    fn default() -> Self {
        let [topology, flows, trace, trace_output, fct, pfc, queues] =
            ["topology.txt", "flows.txt", "trace.txt", "mix.tr", "fct.txt", "pfc.txt", "qlen.txt"].map(String::from);
        Self { topology, flows, trace, trace_output, fct, pfc, queues }
    }
}

/// Reads `config.txt`. Cost: O(text).
///
/// # Errors
/// [`FileError`]: a value that is none, something not supported, or a key that the congestion control needs and that has
/// no usable default.
pub fn read_config(file: &str, text: &str) -> Result<Config, FileError> {
    let mut words = Scanner::new(file, text, 1);
    let mut values = Values { file, entries: BTreeMap::new() };
    while let Some(word) = words.next_word() {
        if let Some((key, form)) = KEYS.iter().find(|(key, _)| *key == word) {
            values.read(key, form, &mut words)?;
        }
    }
    values.check_unsupported()?;
    let mut warnings = Vec::new();
    Ok(Config {
        transport: values.transport(&mut warnings)?,
        application: values.application()?,
        horizon: values.horizon()?,
        files: values.files(),
        warnings,
    })
}

/// What a key is followed by.
#[derive(Clone, Copy)]
enum Form {
    /// An integer of 32 or 64 bits.
    Integer(u64),
    Real,
    Rate,
    Word,
    /// A count, then that many pairs of an integer rate and an integer.
    IntegerMap,
    /// The same with real values.
    RealMap,
    /// Time, node, node.
    LinkDown,
}

const INT: Form = Form::Integer(u32::MAX as u64);
const LONG: Form = Form::Integer(u64::MAX);

/// Every key with its form. Those that change no result are here too, so that their values are never taken for keys.
const KEYS: [(&str, Form); 55] = [
    ("ENABLE_QCN", INT),
    ("ENABLE_PFC", INT),
    ("CLAMP_TARGET_RATE", INT),
    ("PAUSE_TIME", Form::Real),
    ("DATA_RATE", Form::Word),
    ("LINK_DELAY", Form::Word),
    ("PACKET_PAYLOAD_SIZE", INT),
    ("L2_CHUNK_SIZE", INT),
    ("L2_ACK_INTERVAL", INT),
    ("L2_BACK_TO_ZERO", INT),
    ("TOPOLOGY_FILE", Form::Word),
    ("FLOW_FILE", Form::Word),
    ("TRACE_FILE", Form::Word),
    ("TRACE_OUTPUT_FILE", Form::Word),
    ("SIMULATOR_STOP_TIME", Form::Real),
    ("ALPHA_RESUME_INTERVAL", Form::Real),
    ("RP_TIMER", Form::Real),
    ("EWMA_GAIN", Form::Real),
    ("FAST_RECOVERY_TIMES", INT),
    ("RATE_AI", Form::Rate),
    ("RATE_HAI", Form::Rate),
    ("ERROR_RATE_PER_LINK", Form::Real),
    ("CC_MODE", INT),
    ("RATE_DECREASE_INTERVAL", Form::Real),
    ("MIN_RATE", Form::Rate),
    ("MAX_RATE", Form::Rate),
    ("FCT_OUTPUT_FILE", Form::Word),
    ("HAS_WIN", INT),
    ("GLOBAL_T", INT),
    ("MI_THRESH", INT),
    ("VAR_WIN", INT),
    ("FAST_REACT", INT),
    ("U_TARGET", Form::Real),
    ("INT_MULTI", INT),
    ("RATE_BOUND", INT),
    ("ACK_HIGH_PRIO", INT),
    ("DCTCP_RATE_AI", Form::Rate),
    ("TIMELY_T_HIGH", INT),
    ("TIMELY_T_LOW", INT),
    ("TIMELY_BETA", Form::Real),
    ("PFC_OUTPUT_FILE", Form::Word),
    ("LINK_DOWN", Form::LinkDown),
    ("ENABLE_TRACE", INT),
    ("KMAX_MAP", Form::IntegerMap),
    ("KMIN_MAP", Form::IntegerMap),
    ("PMAX_MAP", Form::RealMap),
    ("BUFFER_SIZE", INT),
    ("QLEN_MON_FILE", Form::Word),
    ("QLEN_MON_START", LONG),
    ("QLEN_MON_END", LONG),
    ("MULTI_RATE", INT),
    ("SAMPLE_FEEDBACK", INT),
    ("FIXED_WIN", LONG),
    ("MAX_INFLIGHT_FLOWS", INT),
    ("N_CLIENTS_PER_RACK_FOR_CLOSED_LOOP", INT),
];

/// The value of a key.
enum Value {
    Integer(u64),
    Real(f64),
    Rate(BitsPerSec),
    Word(String),
    /// Values by rate; integers here have 32 bits, so a double holds them.
    Map(BTreeMap<u64, f64>),
}

/// What the file says, by key, with the line.
struct Values<'a> {
    file: &'a str,
    entries: BTreeMap<&'static str, (usize, Value)>,
}

impl Values<'_> {
    fn read(&mut self, key: &'static str, form: &Form, words: &mut Scanner<'_>) -> Result<(), FileError> {
        let value = match *form {
            Form::Integer(max) => Value::Integer(words.integer_prefix(max, &format!("an integer after {key}"))?),
            Form::Real => Value::Real(words.real_prefix(&format!("a number after {key}"))?),
            Form::Word => Value::Word(words.word(&format!("a word after {key}"))?.into()),
            Form::Rate => {
                let expected = format!("a rate such as 615Mb/s after {key}");
                let word = words.word(&expected)?;
                Value::Rate(quantity::rate(word).ok_or_else(|| words.unexpected_word(word, expected))?)
            }
            Form::IntegerMap | Form::RealMap => {
                let mut map = match self.entries.remove(key) {
                    Some((_, Value::Map(map))) => map,
                    _ => BTreeMap::new(),
                };
                let expected = format!("a count, then a rate and a value each, after {key}");
                for _ in 0..words.integer_prefix(i32::MAX as u64, &expected)? {
                    let rate = words.integer_prefix(u64::MAX, &expected)?;
                    let value = match form {
                        Form::RealMap => words.real_prefix(&expected)?,
                        _ => words.integer_prefix(u64::from(u32::MAX), &expected)? as f64,
                    };
                    map.insert(rate, value);
                }
                Value::Map(map)
            }
            Form::LinkDown => {
                let mut next = || words.integer_prefix(u64::MAX, "three integers after LINK_DOWN");
                let (time, _, _) = (next()?, next()?, next()?);
                Value::Integer(time)
            }
        };
        self.entries.insert(key, (words.line(), value));
        Ok(())
    }

    fn integer(&self, key: &str, default: u64) -> u64 {
        match self.entries.get(key) {
            Some((_, Value::Integer(v))) => *v,
            _ => default,
        }
    }

    fn flag(&self, key: &str, default: bool) -> bool {
        self.integer(key, default.into()) != 0
    }

    fn small(&self, key: &str, default: u32) -> u32 {
        u32::try_from(self.integer(key, default.into())).unwrap_or(u32::MAX) // INT keys fit
    }

    fn real(&self, key: &str, default: f64) -> f64 {
        match self.entries.get(key) {
            Some((_, Value::Real(v))) => *v,
            _ => default,
        }
    }

    fn rate(&self, key: &str, default: BitsPerSec) -> BitsPerSec {
        match self.entries.get(key) {
            Some((_, Value::Rate(v))) => *v,
            _ => default,
        }
    }

    fn word(&self, key: &str, default: &str) -> String {
        match self.entries.get(key) {
            Some((_, Value::Word(v))) => v.clone(),
            _ => default.into(),
        }
    }

    fn needed_rate(&self, key: &'static str, needed_by: &'static str) -> Result<BitsPerSec, FileError> {
        let missing = || FileError::MissingKey { file: self.file.into(), key, needed_by };
        if self.entries.contains_key(key) { Ok(self.rate(key, BitsPerSec(0))) } else { Err(missing()) }
    }

    fn line(&self, key: &str) -> usize {
        self.entries.get(key).map_or(1, |(line, _)| *line)
    }

    fn fault(&self, key: &str, found: impl std::fmt::Display, expected: &str) -> FileError {
        let (file, line) = (self.file.into(), self.line(key));
        FileError::Unexpected { file, line, found: format!("{key} {found}"), expected: expected.into() }
    }

    fn check_unsupported(&self) -> Result<(), FileError> {
        let cc = self.integer("CC_MODE", 1);
        let (error_rate, ack_interval) = (self.real("ERROR_RATE_PER_LINK", 0.0), self.integer("L2_ACK_INTERVAL", 0));
        let modes = "1 (DCQCN), 3 (HPCC), 7 (TIMELY), 8 (DCTCP)";
        // Intervals 0 and 1 both acknowledge every packet.
        let rules = [
            ("CC_MODE", !matches!(cc, 1 | 3 | 7 | 8), cc.to_string(), modes),
            ("ERROR_RATE_PER_LINK", error_rate != 0.0, error_rate.to_string(), "0"),
            ("LINK_DOWN", self.integer("LINK_DOWN", 0) != 0, "at a time above 0".into(), "0 0 0"),
            ("L2_BACK_TO_ZERO", self.flag("L2_BACK_TO_ZERO", false), "1".into(), "0"),
            ("L2_ACK_INTERVAL", ack_interval > 1, ack_interval.to_string(), "1"),
            ("SAMPLE_FEEDBACK", cc == 3 && self.flag("SAMPLE_FEEDBACK", false), "1".into(), "0"),
        ];
        match rules.into_iter().find(|(_, broken, _, _)| *broken) {
            None => Ok(()),
            Some((key, _, found, supported)) => {
                let (file, line) = (self.file.into(), self.line(key));
                Err(FileError::Unsupported { file, line, feature: format!("{key} {found}"), supported })
            }
        }
    }

    fn transport(&self, warnings: &mut Vec<String>) -> Result<Transport, FileError> {
        let window = if self.flag("HAS_WIN", true) { self.integer("FIXED_WIN", 0) } else { 0 };
        if self.flag("HAS_WIN", true) && window == 0 {
            warnings.push("FIXED_WIN is missing or 0 although HAS_WIN is on: senders have no window".into());
        }
        let kib = self.integer("BUFFER_SIZE", 16);
        let buffer = u32::try_from(kib * 1024);
        let buffer = buffer.map_err(|_| self.fault("BUFFER_SIZE", format!("{kib} KiB"), "less than 4 GiB"))?;
        Ok(Transport {
            payload: Bytes(self.integer("PACKET_PAYLOAD_SIZE", 1000)),
            window: (window > 0).then_some(Bytes(window)),
            variable_window: self.flag("VAR_WIN", false),
            min_rate: self.rate("MIN_RATE", BitsPerSec(100_000_000)),
            max_rate: self.rate("MAX_RATE", BitsPerSec::from_gbps(10)),
            rate_bound: self.flag("RATE_BOUND", true),
            ack_high_priority: self.flag("ACK_HIGH_PRIO", false),
            pfc: self.flag("ENABLE_PFC", true),
            ecn: self.flag("ENABLE_QCN", true),
            buffer: Bytes(buffer.into()),
            marking: self.marking(),
            congestion_control: self.congestion_control(warnings)?,
            rng_run: 1,
        })
    }

    /// Thresholds of every rate that any of the three maps has; what a map lacks is 0, as in the program.
    fn marking(&self) -> Vec<(BitsPerSec, Marking)> {
        let empty = BTreeMap::new();
        let map = |key| match self.entries.get(key) {
            Some((_, Value::Map(map))) => map,
            _ => &empty,
        };
        let (k_min, k_max, p_max) = (map("KMIN_MAP"), map("KMAX_MAP"), map("PMAX_MAP"));
        let mut rates: Vec<u64> = [k_min, k_max, p_max].into_iter().flat_map(|m| m.keys().copied()).collect();
        rates.sort_unstable();
        rates.dedup();
        let value = |map: &BTreeMap<u64, f64>, rate| map.get(&rate).copied().unwrap_or(0.0);
        // Thresholds are thousands of bytes, multiplied in 32 bits.
        let bytes = |map, rate| Bytes((value(map, rate) as u32).wrapping_mul(1000).into());
        let marking =
            |rate| Marking { k_min: bytes(k_min, rate), k_max: bytes(k_max, rate), p_max: value(p_max, rate) };
        rates.into_iter().map(|rate| (BitsPerSec(rate), marking(rate))).collect()
    }

    fn congestion_control(&self, warnings: &mut Vec<String>) -> Result<CongestionControl, FileError> {
        Ok(match self.integer("CC_MODE", 1) {
            8 => CongestionControl::Dctcp {
                gain: self.gain(warnings),
                additive: self.rate("DCTCP_RATE_AI", BitsPerSec::from_gbps(1)),
            },
            7 => CongestionControl::Timely {
                t_low: SimDuration::from_ns(self.integer("TIMELY_T_LOW", 50_000)),
                t_high: SimDuration::from_ns(self.integer("TIMELY_T_HIGH", 500_000)),
                beta: self.real("TIMELY_BETA", 0.8),
                additive: self.needed_rate("RATE_AI", "TIMELY")?,
                hyper: self.needed_rate("RATE_HAI", "TIMELY")?,
            },
            3 => CongestionControl::Hpcc {
                target_utilisation: self.real("U_TARGET", 0.95),
                additive: self.needed_rate("RATE_AI", "HPCC")?,
                additive_stages: self.small("MI_THRESH", 5),
                telemetry_multiplier: self.small("INT_MULTI", 1),
                fast_reaction: self.flag("FAST_REACT", true),
                per_hop_rate: self.flag("MULTI_RATE", true),
            },
            _ => CongestionControl::Dcqcn {
                gain: self.gain(warnings),
                alpha_interval: self.timer("ALPHA_RESUME_INTERVAL", Some(55.0))?,
                decrease_interval: self.timer("RATE_DECREASE_INTERVAL", Some(4.0))?,
                increase_interval: self.timer("RP_TIMER", None)?,
                fast_recovery_rounds: self.small("FAST_RECOVERY_TIMES", 5),
                additive: self.needed_rate("RATE_AI", "DCQCN")?,
                hyper: self.needed_rate("RATE_HAI", "DCQCN")?,
                clamp_target: self.flag("CLAMP_TARGET_RATE", false),
            },
        })
    }

    fn gain(&self, warnings: &mut Vec<String>) -> f64 {
        if !self.entries.contains_key("EWMA_GAIN") {
            warnings.push("EWMA_GAIN is missing: the program takes 0 (it computes 1/16 in integers)".into());
        }
        self.real("EWMA_GAIN", 0.0)
    }

    /// A DCQCN timer: microseconds, truncated.
    fn timer(&self, key: &'static str, default: Option<f64>) -> Result<SimDuration, FileError> {
        let us = match (self.entries.get(key), default) {
            (Some((_, Value::Real(us))), _) => *us,
            (_, Some(us)) => us,
            _ => return Err(FileError::MissingKey { file: self.file.into(), key, needed_by: "DCQCN" }),
        };
        let ns = (us as u64).checked_mul(1000).and_then(quantity::within_range).filter(|ns| *ns > 0);
        ns.map(SimDuration::from_ns).ok_or_else(|| self.fault(key, us, "at least 1 and at most 213 days, in µs"))
    }

    fn application(&self) -> Result<Application, FileError> {
        let key = "N_CLIENTS_PER_RACK_FOR_CLOSED_LOOP";
        let (max_inflight, hosts_per_group) = (self.small("MAX_INFLIGHT_FLOWS", 0), self.small(key, 1));
        match (max_inflight, hosts_per_group) {
            (0, _) => Ok(Application::Open),
            (_, 0) => Err(self.fault(key, 0, "at least 1")),
            _ => Ok(Application::ClosedLoop { max_inflight, hosts_per_group }),
        }
    }

    fn horizon(&self) -> Result<SimTime, FileError> {
        let key = "SIMULATOR_STOP_TIME";
        let seconds = self.real(key, 3.01);
        let ns = quantity::seconds_to_ns(seconds, true);
        ns.map(SimTime::from_ns).ok_or_else(|| self.fault(key, seconds, "seconds from 0 to 18,446,744 (213 days)"))
    }

    fn files(&self) -> ConfigFiles {
        ConfigFiles {
            topology: self.word("TOPOLOGY_FILE", ""),
            flows: self.word("FLOW_FILE", ""),
            trace: self.word("TRACE_FILE", ""),
            trace_output: self.word("TRACE_OUTPUT_FILE", ""),
            fct: self.word("FCT_OUTPUT_FILE", "fct.txt"),
            pfc: self.word("PFC_OUTPUT_FILE", "pfc.txt"),
            queues: self.word("QLEN_MON_FILE", ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_documented_and_nothing_else() {
        let page = include_str!("../../CONFIG.md");
        let first_cells = page.lines().filter_map(|l| l.strip_prefix("| `")?.split(" |").next());
        let mut documented: Vec<&str> = first_cells.flat_map(|cell| cell.trim_end_matches('`').split("`, `")).collect();
        let mut known: Vec<&str> = KEYS.iter().map(|(key, _)| *key).chain(["BASE_RTT"]).collect();
        documented.sort_unstable();
        known.sort_unstable();
        assert_eq!(documented, known);
    }

    fn read(text: &str) -> Config {
        read_config("c", text).unwrap()
    }

    #[test]
    fn integers_stop_at_the_point_and_the_rest_is_skipped() {
        let text = "ENABLE_PFC 1.0\nBUFFER_SIZE 113.39264428892938 FIXED_WIN 12364.0\nTIMELY_T_HIGH 101489.86\n\
                    TIMELY_T_LOW 48438.4 CC_MODE 7 RATE_AI 10.0Mb/s RATE_HAI 50.0Mb/s # comment\nSIMULATOR_STOP_TIME 3";
        let Config { transport, horizon, .. } = read(text);
        assert_eq!((transport.buffer, transport.window), (Bytes(113 * 1024), Some(Bytes(12_364))));
        assert_eq!(horizon, SimTime::from_ns(3_000_000_000));
        let expected = CongestionControl::Timely {
            t_low: SimDuration::from_ns(48_438),
            t_high: SimDuration::from_ns(101_489),
            beta: 0.8,
            additive: BitsPerSec(10_000_000),
            hyper: BitsPerSec(50_000_000),
        };
        assert_eq!(transport.congestion_control, expected);
    }

    #[test]
    fn the_last_mention_of_a_key_counts_and_maps_grow() {
        let text = "CC_MODE 3 CC_MODE 8 EWMA_GAIN 0.0625 FIXED_WIN 1 KMIN_MAP 1 5 7 KMIN_MAP 2 3 1 5 8 KMAX_MAP 1 5 9";
        let t = read(text).transport;
        assert_eq!(t.congestion_control.name(), "dctcp");
        let mark = |k_min, k_max| Marking { k_min: Bytes(k_min), k_max: Bytes(k_max), p_max: 0.0 };
        assert_eq!(t.marking, [(BitsPerSec(3), mark(1000, 0)), (BitsPerSec(5), mark(8000, 9000))]);
    }

    #[test]
    fn missing_keys_leave_the_initial_values_of_the_program() {
        let config = read("RATE_AI 5Mb/s CC_MODE 3");
        let expected = CongestionControl::Hpcc {
            target_utilisation: 0.95,
            additive: BitsPerSec(5_000_000),
            additive_stages: 5,
            telemetry_multiplier: 1,
            fast_reaction: true,
            per_hop_rate: true,
        };
        assert_eq!(config.transport.congestion_control, expected);
        assert_eq!((config.transport.window, config.warnings.len()), (None, 1));
        assert_eq!(config.transport.min_rate, BitsPerSec(100_000_000));
        assert_eq!((config.application, config.horizon), (Application::Open, SimTime::from_ns(3_010_000_000)));
        assert_eq!(config.files.fct, "fct.txt");
    }

    #[test]
    fn a_limit_of_flows_in_flight_makes_a_closed_loop() {
        let base = "CC_MODE 8 MAX_INFLIGHT_FLOWS ";
        assert_eq!(read(&format!("{base}0")).application, Application::Open);
        let closed = Application::ClosedLoop { max_inflight: 5, hosts_per_group: 16 };
        assert_eq!(read(&format!("{base}5 N_CLIENTS_PER_RACK_FOR_CLOSED_LOOP 16")).application, closed);
    }

    #[test]
    fn what_no_scenario_can_express_is_an_error_with_its_line() {
        for (text, message) in [
            (
                "\nCC_MODE 10",
                "c:2: CC_MODE 10 is not supported (supported: 1 (DCQCN), 3 (HPCC), 7 (TIMELY), 8 (DCTCP))",
            ),
            ("CC_MODE 8 ERROR_RATE_PER_LINK 0.01", "c:1: ERROR_RATE_PER_LINK 0.01 is not supported (supported: 0)"),
            ("CC_MODE 8 LINK_DOWN 5 1 2", "c:1: LINK_DOWN at a time above 0 is not supported (supported: 0 0 0)"),
            ("CC_MODE 8 L2_BACK_TO_ZERO 1", "c:1: L2_BACK_TO_ZERO 1 is not supported (supported: 0)"),
            ("CC_MODE 8 L2_ACK_INTERVAL 4", "c:1: L2_ACK_INTERVAL 4 is not supported (supported: 1)"),
            ("CC_MODE 7", "c: key RATE_AI is missing, but TIMELY needs it"),
            ("CC_MODE 1", "c: key RP_TIMER is missing, but DCQCN needs it"),
            ("RP_TIMER 0.9", "c:1: found RP_TIMER 0.9, expected at least 1 and at most 213 days, in µs"),
            ("CC_MODE x", "c:1: found `x`, expected an integer after CC_MODE"),
            ("BUFFER_SIZE 4194304 CC_MODE 8", "c:1: found BUFFER_SIZE 4194304 KiB, expected less than 4 GiB"),
            ("CC_MODE 8 MIN_RATE fast", "c:1: found `fast`, expected a rate such as 615Mb/s after MIN_RATE"),
            (
                "KMAX_MAP 2000000000 1 2",
                "c:1: found the end, expected a count, then a rate and a value each, after KMAX_MAP",
            ),
            (
                "SIMULATOR_STOP_TIME -1 CC_MODE 8",
                "c:1: found SIMULATOR_STOP_TIME -1, expected seconds from 0 to 18,446,744 (213 days)",
            ),
        ] {
            assert_eq!(read_config("c", text).unwrap_err().to_string(), message, "{text}");
        }
    }
}
