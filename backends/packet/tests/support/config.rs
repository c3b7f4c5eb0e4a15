//! The `config.txt` of the RDMA ns-3 programs as a contract `Transport`.
//!
//! Rules of that program: a value read into an integer stops at the decimal point; `BUFFER_SIZE` is KiB; thresholds are
//! kB (×1000); timers are whole microseconds; `HAS_WIN 0` means no window, whatever `FIXED_WIN` says.

use mixlab_contract::{Application, BitsPerSec, Bytes, CongestionControl, Marking, SimDuration, SimTime, Transport};
use std::collections::HashMap;

/// The parsed file.
pub struct Config {
    values: HashMap<String, Vec<String>>,
}

impl Config {
    pub fn parse(text: &str) -> Self {
        let values = text
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace().map(str::to_owned);
                Some((words.next()?, words.collect()))
            })
            .collect();
        Self { values }
    }

    fn word(&self, key: &str) -> &str {
        &self.values.get(key).unwrap_or_else(|| panic!("config has no {key}"))[0]
    }

    /// An integer, cut at the decimal point.
    pub fn integer(&self, key: &str) -> u64 {
        integer(self.word(key))
    }

    fn real(&self, key: &str) -> f64 {
        self.word(key).parse().unwrap_or_else(|_| panic!("{key} is not a number"))
    }

    fn flag(&self, key: &str) -> bool {
        self.integer(key) != 0
    }

    fn rate(&self, key: &str) -> BitsPerSec {
        parse_rate(self.word(key))
    }

    fn micros(&self, key: &str) -> SimDuration {
        SimDuration::from_ns(self.integer(key) * 1_000)
    }

    /// When the simulation ends.
    pub fn horizon(&self) -> SimTime {
        SimTime::from_ns((self.real("SIMULATOR_STOP_TIME") * 1e9).round() as u64)
    }

    pub fn application(&self) -> Application {
        match self.integer("MAX_INFLIGHT_FLOWS") {
            0 => Application::Open,
            limit => Application::ClosedLoop {
                max_inflight: limit as u32,
                hosts_per_group: self.integer("N_CLIENTS_PER_RACK_FOR_CLOSED_LOOP") as u32,
            },
        }
    }

    pub fn transport(&self, rng_run: u64) -> Transport {
        Transport {
            payload: Bytes(self.integer("PACKET_PAYLOAD_SIZE")),
            window: self.flag("HAS_WIN").then(|| Bytes(self.integer("FIXED_WIN"))),
            variable_window: self.flag("VAR_WIN"),
            min_rate: self.rate("MIN_RATE"),
            max_rate: self.rate("MAX_RATE"),
            rate_bound: self.flag("RATE_BOUND"),
            ack_high_priority: self.flag("ACK_HIGH_PRIO"),
            pfc: self.flag("ENABLE_PFC"),
            ecn: self.flag("ENABLE_QCN"),
            buffer: Bytes(self.integer("BUFFER_SIZE") * 1024),
            marking: self.marking(),
            congestion_control: self.congestion_control(),
            rng_run,
        }
    }

    fn marking(&self) -> Vec<(BitsPerSec, Marking)> {
        let map = |key: &str| -> Vec<(u64, f64)> {
            let words = &self.values[key][1..];
            words.chunks(2).map(|w| (integer(&w[0]), w[1].parse().expect("a number"))).collect()
        };
        let (k_min, k_max, p_max) = (map("KMIN_MAP"), map("KMAX_MAP"), map("PMAX_MAP"));
        let of = |map: &[(u64, f64)], rate: u64| map.iter().find(|(r, _)| *r == rate).expect("same rates").1;
        k_min
            .iter()
            .map(|(rate, k)| {
                let bytes = |kilobytes: f64| Bytes(kilobytes as u64 * 1_000);
                let marking = Marking { k_min: bytes(*k), k_max: bytes(of(&k_max, *rate)), p_max: of(&p_max, *rate) };
                (BitsPerSec(*rate), marking)
            })
            .collect()
    }

    fn congestion_control(&self) -> CongestionControl {
        match self.integer("CC_MODE") {
            1 => CongestionControl::Dcqcn {
                gain: self.real("EWMA_GAIN"),
                alpha_interval: self.micros("ALPHA_RESUME_INTERVAL"),
                decrease_interval: self.micros("RATE_DECREASE_INTERVAL"),
                increase_interval: self.micros("RP_TIMER"),
                fast_recovery_rounds: self.integer("FAST_RECOVERY_TIMES") as u32,
                additive: self.rate("RATE_AI"),
                hyper: self.rate("RATE_HAI"),
                clamp_target: self.flag("CLAMP_TARGET_RATE"),
            },
            3 => CongestionControl::Hpcc {
                target_utilisation: self.real("U_TARGET"),
                additive: self.rate("RATE_AI"),
                additive_stages: self.integer("MI_THRESH") as u32,
                telemetry_multiplier: self.integer("INT_MULTI") as u32,
                fast_reaction: self.flag("FAST_REACT"),
                per_hop_rate: self.flag("MULTI_RATE"),
            },
            7 => CongestionControl::Timely {
                t_low: SimDuration::from_ns(self.integer("TIMELY_T_LOW")),
                t_high: SimDuration::from_ns(self.integer("TIMELY_T_HIGH")),
                beta: self.real("TIMELY_BETA"),
                additive: self.rate("RATE_AI"),
                hyper: self.rate("RATE_HAI"),
            },
            8 => CongestionControl::Dctcp { gain: self.real("EWMA_GAIN"), additive: self.rate("DCTCP_RATE_AI") },
            mode => panic!("CC_MODE {mode} is not one of the four"),
        }
    }
}

/// Leading digits of a word.
pub fn integer(word: &str) -> u64 {
    let digits = word.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("{word} is not a number"))
}

/// `10Gbps`, `10000000000bps`, `10.0Mb/s`.
pub fn parse_rate(word: &str) -> BitsPerSec {
    let split = word.find(|c: char| c.is_ascii_alphabetic()).expect("a rate has a unit");
    let number: f64 = word[..split].parse().expect("a number");
    let scale = match &word[split..] {
        "bps" | "b/s" => 1.0,
        "Mbps" | "Mb/s" => 1e6,
        "Gbps" | "Gb/s" => 1e9,
        unit => panic!("unknown rate unit {unit}"),
    };
    BitsPerSec((number * scale) as u64)
}

/// `1000ns`, `0.001ms`.
pub fn parse_delay(word: &str) -> SimDuration {
    let split = word.find(|c: char| c.is_ascii_alphabetic()).expect("a delay has a unit");
    let number: f64 = word[..split].parse().expect("a number");
    let scale = match &word[split..] {
        "ns" => 1.0,
        "us" => 1e3,
        "ms" => 1e6,
        unit => panic!("unknown time unit {unit}"),
    };
    SimDuration::from_ns((number * scale).round() as u64)
}
