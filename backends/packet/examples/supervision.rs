//! What supervision costs: runs the stored training scenarios without and with it and prints times and sizes.
//!
//! `cargo run --release -p mixlab-packet --example supervision [-- set[/name] …]`

#[path = "../tests/support/mod.rs"]
mod support;

use cpu_time::ThreadTime;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use mixlab_contract::{Backend, Silent};
use mixlab_packet::PacketBackend;
use std::io::Write;
use support::cases;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let Some(truth) = support::truth_or_skip("this program") else { return };
    println!("| run | flows | moments | numbers | stream bytes | zlib bytes | CPU s without | CPU s with |");
    println!("|---|---|---|---|---|---|---|---|");
    for source in cases::all(&truth) {
        let name = format!("{}/{}", source.set, source.name);
        if !wanted.is_empty() && !wanted.iter().any(|w| name.starts_with(w.as_str())) {
            continue;
        }
        let scenario = source.open().scenario;
        let timed = |backend: PacketBackend| {
            let begin = ThreadTime::now();
            let output = backend.run(&scenario, &Silent).unwrap_or_else(|e| panic!("{name}: {e}"));
            (begin.elapsed().as_secs_f64(), output)
        };
        let (without, _) = timed(PacketBackend::NS3);
        let (with, output) = timed(PacketBackend::NS3.supervised());
        let supervision = output.supervision.expect("it was asked for");
        let numbers: usize = supervision.moments().map(|m| m.map_or(0, |m| m.remaining.len() + m.queues.len())).sum();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(supervision.as_bytes()).expect("writing to memory");
        println!(
            "| {name} | {} | {} | {numbers} | {} | {} | {without:.2} | {with:.2} |",
            scenario.flows().len(),
            supervision.len(),
            supervision.as_bytes().len(),
            zlib.finish().expect("writing to memory").len()
        );
    }
}
