//! Writing `config.txt`, so that the program reads back exactly the transport, application and horizon of a scenario.
//!
//! Keys stand in the order of parsimon-eval's template. Keys that the scenario's congestion control does not use get fixed
//! values, since the program's own initial values are partly unusable. Queue monitoring is put off for ever: it changes no
//! result and dominates the program's run time. `rng_run` is not in the file; ns-3 takes it from outside (`RngRun`).

use super::config::ConfigFiles;
use super::quantity::seconds_to_ns;
use crate::scenario::{Application, Scenario};
use crate::transport::{CongestionControl, Transport};
use crate::units::{BitsPerSec, Bytes, PS_PER_NS, SimDuration, SimTime};
use std::fmt::{Display, Write as _};

/// A value that `config.txt` has no way to say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {found}, but config.txt can only say {expressible}")]
pub struct NotExpressible {
    /// Which value.
    pub field: &'static str,
    /// What it is.
    pub found: String,
    /// What the file can say.
    pub expressible: &'static str,
}

/// Writes `config.txt` for `scenario`, with the given names of files.
///
/// # Errors
/// [`NotExpressible`]: a buffer of broken KiB or ≥ 4 GiB, thresholds of broken thousands of bytes, timers of broken µs, RTT
/// thresholds or a horizon of broken ns, marking not by ascending rate, numbers beyond the program's types, names with spaces.
pub fn write_config(scenario: &Scenario, files: &ConfigFiles) -> Result<String, NotExpressible> {
    let t = scenario.transport();
    let mut out = Lines(String::new());
    out.line("ENABLE_QCN", u8::from(t.ecn));
    out.line("ENABLE_PFC", u8::from(t.pfc));
    out.line("PACKET_PAYLOAD_SIZE", int("payload", t.payload.0)?);
    for (key, name) in [
        ("TOPOLOGY_FILE", &files.topology),
        ("FLOW_FILE", &files.flows),
        ("TRACE_FILE", &files.trace),
        ("TRACE_OUTPUT_FILE", &files.trace_output),
        ("FCT_OUTPUT_FILE", &files.fct),
        ("PFC_OUTPUT_FILE", &files.pfc),
        ("QLEN_MON_FILE", &files.queues),
    ] {
        out.line(key, file_name(name)?);
    }
    out.line("SIMULATOR_STOP_TIME", seconds(scenario.horizon())?);
    congestion_control(&mut out, &t.congestion_control)?;
    out.line("MIN_RATE", rate(t.min_rate));
    out.line("MAX_RATE", rate(t.max_rate));
    for (key, value) in
        [("ERROR_RATE_PER_LINK", "0"), ("L2_CHUNK_SIZE", "4000"), ("L2_ACK_INTERVAL", "1"), ("L2_BACK_TO_ZERO", "0")]
    {
        out.line(key, value);
    }
    out.line("HAS_WIN", u8::from(t.window.is_some()));
    out.line("FIXED_WIN", t.window.unwrap_or_default().0);
    out.line("GLOBAL_T", 1);
    out.line("VAR_WIN", u8::from(t.variable_window));
    out.line("SAMPLE_FEEDBACK", 0);
    out.line("RATE_BOUND", u8::from(t.rate_bound));
    out.line("ACK_HIGH_PRIO", u8::from(t.ack_high_priority));
    out.line("LINK_DOWN", "0 0 0");
    out.line("ENABLE_TRACE", 0);
    marking(&mut out, t)?;
    let kib = whole("buffer", t.buffer.0, 1024, t.buffer, "whole KiB below 4 GiB")?;
    if t.buffer.0 > u64::from(u32::MAX) {
        return Err(NotExpressible {
            field: "buffer",
            found: t.buffer.to_string(),
            expressible: "whole KiB below 4 GiB",
        });
    }
    out.line("BUFFER_SIZE", kib);
    out.line("QLEN_MON_START", 900_000_000_000_000_000u64);
    out.line("QLEN_MON_END", 900_000_000_000_000_001u64);
    out.line("BASE_RTT", scenario.base_rtt().ns_floor());
    let (max_inflight, hosts_per_group) = match scenario.application() {
        Application::Open => (0, 1),
        Application::ClosedLoop { max_inflight, hosts_per_group } => (max_inflight, hosts_per_group),
    };
    out.line("MAX_INFLIGHT_FLOWS", max_inflight);
    out.line("N_CLIENTS_PER_RACK_FOR_CLOSED_LOOP", hosts_per_group);
    Ok(out.0)
}

/// Values of the congestion-control keys that a scenario's own congestion control does not use.
struct Unused {
    timers_us: [u64; 3],
    gain: f64,
    rates: [BitsPerSec; 3],
}

const UNUSED: Unused = Unused {
    timers_us: [1, 4, 300],
    gain: 0.00390625,
    rates: [BitsPerSec(10_000_000), BitsPerSec(10_000_000), BitsPerSec(1_000_000_000)],
};

fn congestion_control(out: &mut Lines, cc: &CongestionControl) -> Result<(), NotExpressible> {
    let Unused { timers_us: [mut alpha, mut decrease, mut increase], mut gain, rates: [mut ai, mut hai, mut dctcp] } =
        UNUSED;
    let (mut rounds, mut clamp, mut eta, mut beta, mut low, mut high) = (1, false, 0.95, 0.8, 50_000, 500_000);
    let (mut stages, mut multiplier, mut fast, mut per_hop) = (0, 1, false, false);
    let mode = match *cc {
        CongestionControl::Dctcp { gain: g, additive } => {
            (gain, dctcp) = (g, additive);
            8
        }
        CongestionControl::Dcqcn {
            gain: g,
            alpha_interval,
            decrease_interval,
            increase_interval,
            fast_recovery_rounds,
            additive,
            hyper,
            clamp_target,
        } => {
            (alpha, decrease, increase) = (us(alpha_interval)?, us(decrease_interval)?, us(increase_interval)?);
            (gain, rounds, ai, hai, clamp) = (g, fast_recovery_rounds, additive, hyper, clamp_target);
            1
        }
        CongestionControl::Hpcc {
            target_utilisation,
            additive,
            additive_stages,
            telemetry_multiplier,
            fast_reaction,
            per_hop_rate,
        } => {
            (eta, ai, stages, multiplier) = (target_utilisation, additive, additive_stages, telemetry_multiplier);
            (fast, per_hop) = (fast_reaction, per_hop_rate);
            3
        }
        CongestionControl::Timely { t_low, t_high, beta: b, additive, hyper } => {
            (low, high, beta, ai, hai) = (ns(t_low)?, ns(t_high)?, b, additive, hyper);
            7
        }
        CongestionControl::Tcp { variant, .. } => {
            let (found, expressible) = (variant.name().into(), "dctcp, dcqcn, hp or timely");
            return Err(NotExpressible { field: "congestion control", found, expressible });
        }
    };
    out.line("CC_MODE", mode);
    out.line("ALPHA_RESUME_INTERVAL", alpha);
    out.line("RATE_DECREASE_INTERVAL", decrease);
    out.line("CLAMP_TARGET_RATE", u8::from(clamp));
    out.line("RP_TIMER", increase);
    out.line("EWMA_GAIN", real("gain", gain)?);
    out.line("FAST_RECOVERY_TIMES", rounds);
    out.line("RATE_AI", rate(ai));
    out.line("RATE_HAI", rate(hai));
    out.line("DCTCP_RATE_AI", rate(dctcp));
    out.line("TIMELY_T_HIGH", high);
    out.line("TIMELY_T_LOW", low);
    out.line("TIMELY_BETA", real("beta", beta)?);
    out.line("FAST_REACT", u8::from(fast));
    out.line("U_TARGET", real("target_utilisation", eta)?);
    out.line("MI_THRESH", stages);
    out.line("INT_MULTI", multiplier);
    out.line("MULTI_RATE", u8::from(per_hop));
    Ok(())
}

fn marking(out: &mut Lines, t: &Transport) -> Result<(), NotExpressible> {
    if !t.marking.windows(2).all(|w| w[0].0 < w[1].0) {
        let found = "a list in another order, or with a rate twice".into();
        return Err(NotExpressible { field: "marking", found, expressible: "one entry per rate, ascending" });
    }
    let (mut k_min, mut k_max, mut p_max) = (t.marking.len().to_string(), String::new(), String::new());
    k_max.clone_from(&k_min);
    p_max.clone_from(&k_min);
    for (rate, m) in &t.marking {
        let p = real("p_max", m.p_max)?;
        for (map, value) in [(&mut k_min, threshold("k_min", m.k_min)?), (&mut k_max, threshold("k_max", m.k_max)?)] {
            write!(map, " {} {value}", rate.0).expect("writing to a string cannot fail");
        }
        write!(p_max, " {} {p}", rate.0).expect("writing to a string cannot fail");
    }
    out.line("KMAX_MAP", k_max);
    out.line("KMIN_MAP", k_min);
    out.line("PMAX_MAP", p_max);
    Ok(())
}

struct Lines(String);

impl Lines {
    fn line(&mut self, key: &str, value: impl Display) {
        writeln!(self.0, "{key} {value}").expect("writing to a string cannot fail");
    }
}

fn whole(
    field: &'static str,
    value: u64,
    unit: u64,
    found: impl Display,
    expressible: &'static str,
) -> Result<u64, NotExpressible> {
    if value.is_multiple_of(unit) {
        Ok(value / unit)
    } else {
        Err(NotExpressible { field, found: found.to_string(), expressible })
    }
}

fn int(field: &'static str, value: u64) -> Result<u64, NotExpressible> {
    let fits = value <= u64::from(u32::MAX);
    let error = || NotExpressible { field, found: value.to_string(), expressible: "numbers of 32 bits" };
    fits.then_some(value).ok_or_else(error)
}

fn threshold(field: &'static str, k: Bytes) -> Result<u64, NotExpressible> {
    let expressible = "whole thousands of bytes below 4 GiB";
    if k.0 > u64::from(u32::MAX) {
        return Err(NotExpressible { field, found: k.to_string(), expressible });
    }
    whole(field, k.0, 1000, k, expressible)
}

fn real(field: &'static str, value: f64) -> Result<f64, NotExpressible> {
    let error = || NotExpressible { field, found: value.to_string(), expressible: "finite numbers" };
    value.is_finite().then_some(value).ok_or_else(error)
}

/// A timer, at least 1 µs.
fn us(d: SimDuration) -> Result<u64, NotExpressible> {
    let expressible = "whole µs, at least 1";
    let us = whole("a DCQCN timer", d.ps(), 1000 * PS_PER_NS, d, expressible)?;
    if us > 0 { Ok(us) } else { Err(NotExpressible { field: "a DCQCN timer", found: d.to_string(), expressible }) }
}

fn ns(d: SimDuration) -> Result<u64, NotExpressible> {
    int("a TIMELY threshold", whole("a TIMELY threshold", d.ps(), PS_PER_NS, d, "whole ns")?)
}

/// The horizon in seconds, if the program rounds it to the same nanosecond.
fn seconds(horizon: SimTime) -> Result<f64, NotExpressible> {
    let seconds = horizon.ns_floor() as f64 / 1e9;
    if seconds_to_ns(seconds, true).map(SimTime::from_ns) == Some(horizon) {
        return Ok(seconds);
    }
    let expressible = "whole ns, as far as a double of seconds tells them apart";
    Err(NotExpressible { field: "horizon", found: horizon.to_string(), expressible })
}

/// In Mb/s where that is exact, else as plain bits per second.
fn rate(rate: BitsPerSec) -> String {
    const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
    match rate.0 {
        r if r % 1_000_000 == 0 && r < EXACT => format!("{}Mb/s", r / 1_000_000),
        r => r.to_string(),
    }
}

fn file_name(name: &str) -> Result<&str, NotExpressible> {
    let fits = !name.is_empty() && !name.bytes().any(|b| matches!(b, b' ' | b'\t'..=b'\r'));
    let error = || NotExpressible { field: "a file name", found: format!("`{name}`"), expressible: "a word" };
    fits.then_some(name).ok_or_else(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Scope, random_scenario, under_tcp};
    use crate::files::read_config;
    use crate::tcp::{QueueDiscipline, TcpVariant};
    use crate::transport::Marking;
    use proptest::prelude::*;

    #[test]
    fn every_key_that_is_written_is_documented_and_tcp_has_no_file() {
        let page = include_str!("../../CONFIG.md");
        let mut parts = random_scenario(0, Scope::default()).into_parts();
        parts.transport.marking.clear(); // thresholds need not be whole KB
        let scenario = Scenario::new(parts).expect("no thresholds are valid");
        let text = write_config(&scenario, &ConfigFiles::default()).expect("whole KiB and µs");
        for key in text.lines().filter_map(|line| line.split(' ').next()) {
            assert!(page.contains(&format!("`{key}`")), "{key} is not documented");
        }
        let tcp = under_tcp(&scenario, TcpVariant::Cubic, QueueDiscipline::Red);
        let refused = write_config(&tcp, &ConfigFiles::default()).map_err(|e| e.to_string());
        let expected = "congestion control is tcp-cubic, but config.txt can only say dctcp, dcqcn, hp or timely";
        assert_eq!(refused, Err(expected.into()));
    }

    fn any_rate() -> impl Strategy<Value = BitsPerSec> {
        prop_oneof![(1u64..1_000_000).prop_map(|m| BitsPerSec(m * 1_000_000)), (1u64..u64::MAX).prop_map(BitsPerSec)]
    }

    fn any_real() -> impl Strategy<Value = f64> {
        prop_oneof![0.0..1.0, any::<f64>().prop_filter("finite", |x| x.is_finite())]
    }

    fn any_congestion_control() -> impl Strategy<Value = CongestionControl> {
        let us = || (1u64..1_000_000_000).prop_map(|u| SimDuration::from_ns(u * 1000));
        let ns = || any::<u32>().prop_map(|n| SimDuration::from_ns(n.into()));
        prop_oneof![
            (any_real(), any_rate()).prop_map(|(gain, additive)| CongestionControl::Dctcp { gain, additive }),
            ((any_real(), us(), us(), us()), (any::<u32>(), any_rate(), any_rate(), any::<bool>())).prop_map(
                |((gain, alpha_interval, decrease_interval, increase_interval), (rounds, additive, hyper, clamp))| {
                    CongestionControl::Dcqcn {
                        gain,
                        alpha_interval,
                        decrease_interval,
                        increase_interval,
                        fast_recovery_rounds: rounds,
                        additive,
                        hyper,
                        clamp_target: clamp,
                    }
                }
            ),
            (any_real(), any_rate(), any::<[u32; 2]>(), any::<[bool; 2]>()).prop_map(
                |(target_utilisation, additive, [additive_stages, telemetry_multiplier], [fast, per_hop])| {
                    CongestionControl::Hpcc {
                        target_utilisation,
                        additive,
                        additive_stages,
                        telemetry_multiplier,
                        fast_reaction: fast,
                        per_hop_rate: per_hop,
                    }
                }
            ),
            (ns(), ns(), any_real(), any_rate(), any_rate()).prop_map(|(t_low, t_high, beta, additive, hyper)| {
                CongestionControl::Timely { t_low, t_high, beta, additive, hyper }
            }),
        ]
    }

    prop_compose! {
        fn any_transport()(
            payload in 1u64..=u64::from(u32::MAX),
            window in proptest::option::of(1u64..),
            rates in (any_rate(), any_rate()),
            [variable_window, rate_bound, ack_high_priority, pfc, ecn] in any::<[bool; 5]>(),
            kib in 0u64..1 << 22,
            marking in proptest::collection::btree_map(any::<u64>(), (0u64..4_294_968, 0u64..4_294_968, any_real()), 0..5),
            congestion_control in any_congestion_control(),
        ) -> Transport {
            let mark = |(rate, (k_min, k_max, p_max))| {
                (BitsPerSec(rate), Marking { k_min: Bytes(k_min * 1000), k_max: Bytes(k_max * 1000), p_max })
            };
            Transport {
                payload: Bytes(payload),
                window: window.map(Bytes),
                variable_window,
                min_rate: rates.0.min(rates.1),
                max_rate: rates.0.max(rates.1),
                rate_bound,
                ack_high_priority,
                pfc,
                ecn,
                buffer: Bytes(kib * 1024),
                marking: marking.into_iter().map(mark).collect(),
                congestion_control,
                rng_run: 1,
            }
        }
    }

    proptest! {
        #[test]
        fn the_program_reads_back_the_same_scenario(
            transport in any_transport(),
            closed in proptest::option::of((1u32.., 1u32..)),
            horizon_ns in 0u64..4_000_000_000_000_000,
        ) {
            let mut parts = random_scenario(1, Scope::default()).into_parts();
            parts.transport = transport;
            parts.horizon = SimTime::from_ns(horizon_ns);
            parts.application = closed.map_or(Application::Open, |(max_inflight, hosts_per_group)| {
                Application::ClosedLoop { max_inflight, hosts_per_group }
            });
            let scenario = Scenario::new(parts).unwrap();
            let files = ConfigFiles { topology: "a/b.txt".into(), ..ConfigFiles::default() };
            let config = read_config("c", &write_config(&scenario, &files).unwrap()).unwrap();
            prop_assert_eq!(&config.transport, scenario.transport());
            prop_assert_eq!((config.application, config.horizon), (scenario.application(), scenario.horizon()));
            prop_assert_eq!((config.files, config.warnings.len()), (files, 0));
        }
    }

    #[test]
    fn what_the_file_cannot_say_is_an_error() {
        let refused = |change: fn(&mut crate::ScenarioParts)| {
            let mut parts = random_scenario(1, Scope::default()).into_parts();
            let m = Marking { k_min: Bytes(1000), k_max: Bytes(2000), p_max: 1.0 };
            parts.transport.marking = vec![(BitsPerSec(5), m), (BitsPerSec(6), m)];
            change(&mut parts);
            write_config(&Scenario::new(parts).unwrap(), &ConfigFiles::default()).unwrap_err().field
        };
        assert_eq!(refused(|p| p.transport.buffer = Bytes(1000)), "buffer");
        assert_eq!(refused(|p| p.transport.buffer = Bytes(1 << 32)), "buffer");
        assert_eq!(refused(|p| p.horizon = SimTime::from_ps(1)), "horizon");
        assert_eq!(refused(|p| p.transport.payload = Bytes(1 << 32)), "payload");
        assert_eq!(refused(|p| p.transport.marking[1].1.k_min = Bytes(1500)), "k_min");
        assert_eq!(refused(|p| p.transport.marking[1].1.p_max = f64::NAN), "p_max");
        assert_eq!(refused(|p| p.transport.marking.reverse()), "marking");
    }
}
