//! No file makes a reader panic, allocate what it merely claims, or accept nonsense: random text, and written files with
//! random damage (bytes changed, cut, doubled; numbers replaced by extreme ones).

use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::files::{
    ConfigFiles, PfcEvent, PfcKind, StartRounding, match_outcomes, read_config, read_fct, read_flows, read_paths,
    read_pfc, read_topology, write_config, write_fct, write_flows, write_paths, write_pfc, write_topology,
};
use mixlab_contract::{Backend, IdealBackend, NodeId, NodeKind, Scenario, ScenarioParts, Silent, SimTime};
use proptest::prelude::*;

/// Every reader, on the same text.
fn read_with_all(text: &str, scenario: &Scenario) {
    let _ = read_topology("t", text);
    let _ = read_flows("f", text, StartRounding::Nearest);
    let _ = read_config("c", text);
    let _ = read_fct("r", text).and_then(|fct| match_outcomes(&fct, scenario));
    let _ = read_paths("p", text, scenario.topology(), scenario.flows());
    let _ = read_pfc("q", text);
}

/// Every kind of file for a random scenario.
fn written(scenario: &Scenario) -> Vec<String> {
    let outcomes = IdealBackend.run(scenario, &Silent).expect("the ideal backend runs everything").outcomes;
    let mut parts: ScenarioParts = scenario.clone().into_parts();
    parts.transport.marking.clear(); // random thresholds are not what config.txt can say
    let plain = Scenario::new(parts).expect("still valid");
    let event = |i: u64| PfcEvent {
        time: SimTime::from_ns(i),
        node: NodeId(i as u32),
        node_kind: NodeKind::Switch,
        port: 1,
        kind: PfcKind::PauseSent,
    };
    vec![
        write_topology(scenario),
        write_flows(scenario),
        write_config(&plain, &ConfigFiles::default()).expect("random transports without marking can be said"),
        write_fct(scenario, &outcomes),
        write_paths(scenario),
        write_pfc(&(0..20).map(event).collect::<Vec<_>>()),
    ]
}

#[derive(Clone, Debug)]
enum Damage {
    Byte(usize, u8),
    Cut(usize, usize),
    Double(usize, usize),
    Word(usize, &'static str),
}

fn damage() -> impl Strategy<Value = Damage> {
    let words =
        ["4294967295", "18446744073709551615", "-1", "1e308", "NaN", "inf", "0", "", "é", "99999999999999999999"];
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        (any::<usize>(), 1usize..40).prop_map(|(at, n)| Damage::Cut(at, n)),
        (any::<usize>(), 1usize..200).prop_map(|(at, n)| Damage::Double(at, n)),
        (any::<usize>(), proptest::sample::select(words.to_vec())).prop_map(|(at, w)| Damage::Word(at, w)),
    ]
}

fn apply(text: &str, damage: &[Damage]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for d in damage {
        let length = bytes.len().max(1);
        match *d {
            Damage::Byte(at, byte) if !bytes.is_empty() => bytes[at % length] = byte,
            Damage::Byte(..) => {}
            Damage::Cut(at, n) => {
                let (from, to) = (at % length, (at % length + n).min(bytes.len()));
                bytes.drain(from.min(to)..to);
            }
            Damage::Double(at, n) => {
                let (from, to) = (at % length, (at % length + n).min(bytes.len()));
                let piece = bytes[from.min(to)..to].to_vec();
                bytes.splice(to..to, piece);
            }
            Damage::Word(at, word) => {
                let is_space = |b: &u8| b.is_ascii_whitespace();
                let from = bytes[..at % length].iter().rposition(is_space).map_or(0, |p| p + 1).min(bytes.len());
                let to = bytes[from..].iter().position(is_space).map_or(bytes.len(), |p| from + p);
                bytes.splice(from..to, word.bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        read_with_all(&String::from_utf8_lossy(&bytes), &random_scenario(1, Scope::default()));
    }

    #[test]
    fn random_numbers_never_panic(words in proptest::collection::vec("[0-9]{1,3}|[0-9a-f]{8}|[0-9]{18,21}|-?[0-9.]{1,4}(ns|Gbps)?|\n", 0..60)) {
        read_with_all(&words.join(" "), &random_scenario(1, Scope::default()));
    }

    #[test]
    fn damaged_files_never_panic(seed in 0u64..50, damage in proptest::collection::vec(damage(), 1..6)) {
        let scenario = random_scenario(seed, Scope::default());
        for text in written(&scenario) {
            read_with_all(&apply(&text, &damage), &scenario);
        }
    }

    #[test]
    fn a_changed_size_or_a_doubled_row_is_never_accepted(seed in 0u64..50, at: usize) {
        let scenario = random_scenario(seed, Scope::default());
        let outcomes = IdealBackend.run(&scenario, &Silent).expect("runs").outcomes;
        let text = write_fct(&scenario, &outcomes);
        let rows: Vec<&str> = text.lines().collect();
        let row = rows[at % rows.len()];
        let mut words: Vec<String> = row.split(' ').map(String::from).collect();
        words[5].push('0');
        for other in [format!("{text}{row}\n"), text.replacen(row, &words.join(" "), 1)] {
            let fct = read_fct("r", &other).expect("well formed");
            prop_assert!(match_outcomes(&fct, &scenario).is_err());
        }
    }
}

#[test]
fn claimed_counts_cost_nothing() {
    // Each of these would need gigabytes if a reader believed it.
    let scenario = random_scenario(1, Scope::default());
    for text in [
        "4294967295 0 4294967295\n",
        "4294967295 4294967295 0\n0 1 2",
        "18446744073709551615\n0 1 0 3 100 5 1",
        "KMAX_MAP 2147483647 1 1",
        "18446744073709551615,1\n",
    ] {
        read_with_all(text, &scenario);
    }
}
