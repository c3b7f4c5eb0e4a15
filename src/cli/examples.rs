//! Examples at the end of every subcommand's `--help`.

use clap::Command;

/// Subcommand and its examples, one per line.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("ideal", &["mixlab --root r --mixes spec/demo.mix.json ideal"]),
    (
        "flowsim",
        &[
            "mixlab --root r --mixes spec/demo.mix.json flowsim",
            "mixlab --root r flowsim    # every scenario stored under r",
        ],
    ),
    ("flowsim-window", &["mixlab --root r --mixes spec/demo.mix.json flowsim-window"]),
    ("m4-fluid", &["mixlab --root r --mixes spec/demo.mix.json m4-fluid"]),
    ("coarse", &["mixlab --root r --mixes spec/demo.mix.json coarse"]),
    (
        "packet",
        &[
            "mixlab --root r --mixes spec/demo.mix.json --jobs 2 --timeout 15m packet",
            "mixlab --root r --mixes spec/demo.mix.json --fidelity clean packet",
        ],
    ),
    ("floor", &["mixlab --root r --mixes spec/demo.mix.json floor && mixlab --root r compare --baseline packet"]),
    (
        "probe",
        &[
            "mixlab --mixes spec/demo.mix.json probe --mix-id 0 --queues --every 1us --channels busiest 8",
            "mixlab --mixes spec/demo.mix.json probe --mix-id 0 --acks 3,17 --pfc --out acks",
            "mixlab --root r probe --scenario 4fc1 --moments    # a stored scenario, by its digest",
        ],
    ),
    (
        "mlsys",
        &[
            "mixlab --root r --mixes spec/demo.mix.json mlsys",
            "mixlab init my.mix.json && mixlab --mixes my.mix.json mlsys",
        ],
    ),
    (
        "all",
        &[
            "mixlab --root r --mixes spec/demo.mix.json all --out figures",
            "mixlab --root r --mixes spec/demo.mix.json --dry-run all",
        ],
    ),
    (
        "ns3",
        &[
            "mixlab --root r --mixes spec/demo.mix.json ns3",
            "mixlab --root r --mixes spec/demo.mix.json --ns3-dir ~/UNISON-for-ns-3 --ns3-flavor hpcc ns3",
        ],
    ),
    (
        "m4",
        &[
            "mixlab --root r --mixes spec/demo.mix.json m4",
            "mixlab --root r --mixes spec/demo.mix.json --m4-weights weights m4",
        ],
    ),
    ("pmn", &["mixlab doctor    # says why Parsimon is not available"]),
    ("pmn-m", &["mixlab doctor    # says why Parsimon is not available"]),
    ("pmn-mc", &["mixlab doctor    # says why Parsimon is not available"]),
    (
        "figures",
        &["mixlab --root r figures --list", "mixlab --root r figures slowdown-cdf --baseline packet --out paper"],
    ),
    ("compare", &["mixlab --root r compare", "mixlab --root r compare --baseline ns3 --format csv > errors.csv"]),
    (
        "report",
        &[
            "mixlab --root r report --out report.html",
            "mixlab --root r report --baseline ns3 --filter 'cc=dctcp load>0.5'",
        ],
    ),
    (
        "serve",
        &[
            "mixlab --root r serve    # then open the address it prints",
            "mixlab --root r serve --listen 127.0.0.1:9000",
        ],
    ),
    (
        "train",
        &[
            "mixlab --root m4/truth train --out m4/1",
            "mixlab --root m4/truth train --out m4/2 --weights-seed 2",
            "mixlab train --average m4/1,m4/2 --out m4              # better than either",
            "mixlab --root m4/truth train --out small --hidden 16 --rounds 20",
        ],
    ),
    ("test", &["mixlab --root r --mixes spec/demo.mix.json test --weights m4 --simulate-truth"]),
    ("status", &["mixlab --root r status", "mixlab --root r --mixes spec/demo.mix.json status    # these mixes only"]),
    ("import", &["mixlab --root r import --name ns3-lab runs/2024-05    # every scenario folder below"]),
    (
        "export",
        &[
            "mixlab --root r export --format parquet --out flows.parquet",
            "mixlab --root r export --layout parsimon-eval",
        ],
    ),
    (
        "doctor",
        &[
            "mixlab doctor",
            "mixlab --root r doctor                        # with the settings of r/mixlab.toml",
            "mixlab doctor --conformance store-and-forward # is a backend sound?",
        ],
    ),
    ("init", &["mixlab init", "mixlab init loads.mix.json && mixlab --mixes loads.mix.json mlsys"]),
    ("help-events", &["mixlab --mixes spec/demo.mix.json --message-format ndjson mlsys | jq .event"]),
    ("help-settings", &["mixlab help-settings", "mixlab help-settings --schema > mixlab.schema.json"]),
    ("completions", &["mixlab completions bash > ~/.local/share/bash-completion/completions/mixlab"]),
    ("man", &["mixlab man | man -l -"]),
];

/// The definition with examples after the help of every subcommand that has none of its own there.
pub fn with_examples(definition: Command) -> Command {
    definition.mut_subcommands(|s| {
        let own = s.get_after_help().map(ToString::to_string).unwrap_or_default();
        let Some((_, lines)) = EXAMPLES.iter().find(|(name, _)| *name == s.get_name()) else { return s };
        let gap = if own.is_empty() { "" } else { "\n\n" };
        s.after_help(format!("{own}{gap}Examples:\n  {}", lines.join("\n  ")))
    })
}

#[cfg(test)]
mod tests {
    use crate::cli::start::definition;

    #[test]
    fn every_subcommand_ends_its_help_with_examples() {
        for subcommand in definition().get_subcommands() {
            let help = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:\n  mixlab"), "`mixlab {} --help` has no example", subcommand.get_name());
        }
    }

    #[test]
    fn examples_are_of_subcommands_that_exist() {
        let definition = definition();
        for (name, lines) in super::EXAMPLES {
            assert!(definition.find_subcommand(name).is_some_and(|_| !lines.is_empty()), "{name}");
        }
    }
}
