//! Specs: mixes, mix spaces, clusters, matrices, size distributions. What is accepted goes on to scenarios.

use super::text;
use mixlab::spec::json::{Document, Node};
use mixlab::spec::{Cluster, LoadedMix, Mix, MixSpace, SizeDistribution, SpatialMatrix, SpecError, mix};
use mixlab::workload::{Generator, WorkloadOptions, delivered_load, scenario};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// Clusters beyond this are read, but not simulated.
const SMALL: usize = 2_000;

/// A small sound mix with its files, of which each target replaces one.
static BASE: LazyLock<LoadedMix> = LazyLock::new(|| {
    let mix = r#"{"id": 0, "spatial": "s", "size_dist": "d", "lognorm_sigma": 1, "max_load": 0.5, "cluster": "c"}"#;
    let cluster = r#"{"pods": 2, "fabs_per_pod": 2, "spines_per_plane": 1, "racks_per_pod": 2, "hosts_per_rack": 2,
        "host_rate": 1e10, "fabric_rate": 4e10, "delay": 1000}"#;
    let spatial = r#"{"pods": 2, "racks_per_pod": 2, "same_rack": 0.2, "same_pod": 0.3, "other_pods": 0.5}"#;
    let cluster = Arc::new(Cluster::parse(&document(cluster), &mut Vec::new()).expect("sound"));
    LoadedMix {
        mix: one_mix(&document(mix).root().expect("JSON")).expect("sound"),
        topology: Arc::clone(&cluster.topology),
        cluster,
        spatial: Arc::new(SpatialMatrix::parse(&document(spatial), &mut Vec::new()).expect("sound")),
        sizes: Arc::new(SizeDistribution::parse(&document("100 10\n2000 60\n90000 100\n")).expect("sound")),
        spec_file: "mixes".into(),
    }
});

fn document(text: &str) -> Document {
    Document::new(Path::new("file"), text.to_owned())
}

fn one_mix(node: &Node<'_>) -> Result<Mix, SpecError> {
    Mix::parse(&node.fields("a mix: an object", mix::MIX_FIELDS)?)
}

/// An accepted mix is a scenario or says why not, with both generators.
fn simulate(mix: &LoadedMix) {
    if mix.topology.node_count() > SMALL {
        return;
    }
    for generator in [Generator::Compat, Generator::Calibrated] {
        let options = WorkloadOptions { seed: 0, nr_flows: 20, enable_app: false, generator };
        match scenario(mix, &options) {
            Ok(s) => assert!(delivered_load(&s) >= 0.0 && s.flows().len() == 20),
            Err(e) => assert!(!e.to_string().is_empty()),
        }
    }
}

pub fn mixes(bytes: &[u8]) {
    let document = document(&text(bytes));
    let Ok(root) = document.root() else { return };
    let nodes = if root.is_array() { root.array("mixes").unwrap_or_default() } else { vec![root] };
    for mix in nodes.iter().take(4).filter_map(|node| one_mix(node).ok()) {
        let written = serde_json::to_string(&mix).expect("a mix is plain data");
        let again = self::document(&written);
        assert_eq!(one_mix(&again.root().expect("JSON")).expect("written by us"), mix);
        simulate(&LoadedMix { mix, ..BASE.clone() });
    }
}

pub fn mix_space(bytes: &[u8]) {
    let Ok(space) = MixSpace::parse(&document(&text(bytes))) else { return };
    let drawn = space.draw(3, 1, 2);
    let written = document(&space.to_json(&drawn).expect("paths are UTF-8"));
    let nodes = written.root().expect("JSON").array("mixes").expect("an array");
    assert_eq!(nodes.iter().map(|n| one_mix(n).expect("drawn by us")).collect::<Vec<_>>(), drawn);
    simulate(&LoadedMix { mix: drawn[0].clone(), ..BASE.clone() });
}

pub fn cluster(bytes: &[u8]) {
    let Ok(cluster) = Cluster::parse(&document(&text(bytes)), &mut Vec::new()) else { return };
    for rack in cluster.pods.iter().flat_map(|pod| &pod.racks) {
        let ids = rack.hosts.iter().chain([&rack.tor]);
        assert!(ids.into_iter().all(|n| (n.0 as usize) < cluster.topology.node_count()));
    }
    let cluster = Arc::new(cluster);
    simulate(&LoadedMix { topology: Arc::clone(&cluster.topology), cluster, ..BASE.clone() });
}

pub fn spatial(bytes: &[u8]) {
    let Ok(matrix) = SpatialMatrix::parse(&document(&text(bytes)), &mut Vec::new()) else { return };
    let mut rng = StdRng::seed_from_u64(0);
    for _ in 0..4 {
        let (src, dst) = matrix.sample(&mut rng);
        assert!(src < matrix.racks && dst < matrix.racks);
    }
    assert!(matrix.entries().is_sorted_by(|a, b| a.0 < b.0));
    simulate(&LoadedMix { spatial: Arc::new(matrix), ..BASE.clone() });
}

pub fn sizes(bytes: &[u8]) {
    let Ok(sizes) = SizeDistribution::parse(&document(&text(bytes))) else { return };
    let written: String = sizes.points().iter().map(|(bytes, percent)| format!("{bytes} {percent}\n")).collect();
    assert_eq!(SizeDistribution::parse(&document(&written)).expect("written by us"), sizes);
    let mut rng = StdRng::seed_from_u64(0);
    let largest = sizes.points().last().expect("at least one point").0;
    assert!((0..4).all(|_| (0.0..=largest).contains(&sizes.sample(&mut rng))));
    simulate(&LoadedMix { sizes: Arc::new(sizes), ..BASE.clone() });
}
