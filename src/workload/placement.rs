//! Which rack of the cluster plays which rack of the trace, and drawing pairs of hosts from the two.
//!
//! Left out: traffic to anything outside the cluster.

use super::{Problem, shown};
use crate::spec::LoadedMix;
use mixlab_contract::{NodeId, Topology};
use rand::Rng;
use rand::seq::SliceRandom;

/// The hosts that play each rack of the matrix (empty for a rack without a part).
pub struct Placement<'a> {
    mix: &'a LoadedMix,
    hosts: Vec<&'a [NodeId]>,
}

impl<'a> Placement<'a> {
    /// Gives the matrix's pods, in the order `pods` lists them, the cluster's pods 0, 1, 2 …; the racks of each are shuffled.
    ///
    /// # Errors
    /// If there are not equally many pods, a pod has too few racks, or traffic is within a rack of one host (or with one of none).
    pub fn new(mix: &'a LoadedMix, pods: &[usize], rng: &mut impl Rng) -> Result<Self, Problem> {
        let (cluster, spatial) = (&mix.cluster, &mix.spatial);
        let (spatial_file, cluster_file) = (shown(&mix.mix.spatial), shown(&mix.mix.cluster));
        if cluster.pods.len() != spatial.pods.len() {
            let (matrix, pods) = (spatial.pods.len(), cluster.pods.len());
            return Err(Problem::Pods { spatial: spatial_file, cluster: cluster_file, matrix, pods });
        }
        let mut hosts: Vec<&[NodeId]> = vec![&[]; spatial.racks];
        for (pod, named) in pods.iter().enumerate() {
            let named = &spatial.pods[*named];
            let mut racks: Vec<usize> = (0..cluster.pods[pod].racks.len()).collect();
            if racks.len() < named.racks.len() {
                return Err(Problem::Racks {
                    spatial: spatial_file,
                    cluster: cluster_file,
                    pod,
                    name: named.name.clone(),
                    racks: racks.len(),
                    needed: named.racks.len(),
                });
            }
            racks.shuffle(rng);
            for (row, rack) in named.racks.iter().zip(racks) {
                hosts[*row] = &cluster.pods[pod].racks[rack].hosts;
            }
        }
        let placement = Self { mix, hosts };
        placement.check()?;
        Ok(placement)
    }

    /// Every entry of the matrix must have two different hosts to draw.
    fn check(&self) -> Result<(), Problem> {
        for (_, src, dst) in self.mix.spatial.entries() {
            let (src, dst) = (*src as usize, *dst as usize);
            let (row, needed, with) = match src == dst {
                true => (src, 2, "within itself"),
                false if self.hosts[src].is_empty() => (src, 1, "to other racks"),
                false => (dst, 1, "from other racks"),
            };
            if self.hosts[row].len() < needed {
                let (spatial, cluster) = (shown(&self.mix.mix.spatial), shown(&self.mix.mix.cluster));
                return Err(Problem::Hosts { spatial, cluster, row, with, hosts: self.hosts[row].len() });
            }
        }
        Ok(())
    }

    /// Draws a pair of racks from the matrix, then hosts of the two until they differ.
    pub fn pair(&self, rng: &mut impl Rng) -> (NodeId, NodeId) {
        let (src, dst) = self.mix.spatial.sample(rng);
        let choose = |rack: usize, rng: &mut _| *self.hosts[rack].choose(rng).expect("racks with traffic have hosts");
        loop {
            let (a, b) = (choose(src, rng), choose(dst, rng));
            if a != b {
                return (a, b);
            }
        }
    }
}

/// Seconds the busiest channel needs to carry its bytes: max over channels of bytes·8 ÷ rate.
pub fn busiest_seconds(topology: &Topology, bytes: &[u64]) -> f64 {
    let rates = topology.links().iter().flat_map(|link| [link.rate.0; 2]);
    bytes.iter().zip(rates).map(|(bytes, rate)| *bytes as f64 * 8.0 / rate as f64).fold(0.0, f64::max)
}
