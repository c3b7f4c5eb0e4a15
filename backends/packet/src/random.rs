//! The random streams of ECN marking: MRG32k3a (L'Ecuyer 1999, as in ns-3's `RngStream`).
//!
//! ns-3 makes a new stream for every marking decision and uses only its first number. Stream k starts 2^127·k steps, and
//! run r of it another 2^76·r steps, after the seed (all words 1). Since jumps commute, the start of stream k + 1 is the
//! start of stream k moved by one constant matrix, so the cost per stream is two products of a 3×3 matrix and a vector.
//! Creating a PFC frame also uses up one stream, without drawing from it.

const M1: u64 = 4_294_967_087;
const M2: u64 = 4_294_944_443;
const A12: u64 = 1_403_580;
const A13: u64 = 810_728;
const A21: u64 = 527_612;
const A23: u64 = 1_370_589;
const NORM: f64 = 1.0 / (M1 + 1) as f64;

/// Exponent of two of the distance between streams, and between runs of a stream.
const STREAM_STEP: u32 = 127;
const RUN_STEP: u32 = 76;

type Matrix = [[u64; 3]; 3];

/// The numbers of consecutive streams.
#[derive(Clone, Debug)]
pub struct Streams {
    state: [[u64; 3]; 2],
    /// Streams used up since `state` was current.
    skipped: u64,
    /// `jumps[j]` moves by 2^j streams.
    jumps: Vec<[Matrix; 2]>,
}

impl Streams {
    /// Streams from number `first` on, of run `run`. Cost: some 200 matrix products.
    pub fn new(first: u64, run: u64) -> Self {
        let mut power = [[[0, 1, 0], [0, 0, 1], [M1 - A13, A12, 0]], [[0, 1, 0], [0, 0, 1], [M2 - A23, 0, A21]]];
        let mut state = [[1; 3]; 2];
        let mut jumps = Vec::with_capacity(64);
        for exponent in 0..STREAM_STEP + 64 {
            if exponent >= RUN_STEP && exponent - RUN_STEP < 64 && (run >> (exponent - RUN_STEP)) & 1 == 1 {
                apply(&power, &mut state);
            }
            if exponent >= STREAM_STEP {
                jumps.push(power);
            }
            power = [square::<M1>(&power[0]), square::<M2>(&power[1])];
        }
        let mut streams = Self { state, skipped: first, jumps };
        streams.catch_up();
        streams
    }

    /// Uses up one stream.
    pub fn skip(&mut self) {
        self.skipped += 1;
    }

    /// The first number of the next stream, uniform in (0, 1).
    pub fn draw(&mut self) -> f64 {
        self.catch_up();
        self.skipped = 1;
        let [[x0, x1, _], [y0, _, y2]] = self.state;
        let first = (A12 * x1 + (M1 - A13) * x0 % M1) % M1;
        let second = (A21 * y2 + (M2 - A23) * y0 % M2) % M2;
        let difference = if first > second { first - second } else { first + M1 - second };
        difference as f64 * NORM
    }

    fn catch_up(&mut self) {
        let mut bit = 0;
        while self.skipped != 0 {
            if self.skipped & 1 == 1 {
                apply(&self.jumps[bit], &mut self.state);
            }
            self.skipped >>= 1;
            bit += 1;
        }
    }
}

#[inline]
fn apply(m: &[Matrix; 2], state: &mut [[u64; 3]; 2]) {
    state[0] = product::<M1>(&m[0], &state[0]);
    state[1] = product::<M2>(&m[1], &state[1]);
}

#[inline]
fn product<const M: u64>(m: &Matrix, v: &[u64; 3]) -> [u64; 3] {
    // Both moduli are 2^32 less a little, so 2^32 counts as that little: a product below 2^64 folds to below 2^47.
    let fold = |x: u64| (x >> 32) * ((1 << 32) - M) + (x & 0xffff_ffff);
    m.map(|row| fold(fold(row[0] * v[0]) + fold(row[1] * v[1]) + fold(row[2] * v[2])) % M)
}

fn square<const M: u64>(m: &Matrix) -> Matrix {
    let mut columns = [[0; 3]; 3];
    for (j, column) in columns.iter_mut().enumerate() {
        *column = product::<M>(m, &[m[0][j], m[1][j], m[2][j]]);
    }
    [0, 1, 2].map(|i| [columns[0][i], columns[1][i], columns[2][i]])
}

/// Draw number `draw` of the port of `channel` in run `run`, uniform in [0, 1): the marking decisions of clean fidelity,
/// in which ports do not share a stream and so do not influence each other. Mixing function: SplitMix64's
/// (Steele, Lea, Flood 2014), once per word.
pub fn port_uniform(run: u64, channel: u32, draw: u64) -> f64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |x: u64| {
        let x = x.wrapping_add(GOLDEN);
        let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let bits = mix(mix(mix(run) ^ u64::from(channel)) ^ draw);
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_of_ports_are_uniform_and_differ_by_port_and_run() {
        let mean = |run, channel| (0..10_000).map(|n| port_uniform(run, channel, n)).sum::<f64>() / 1e4;
        for (run, channel) in [(1, 0), (1, 1), (2, 0)] {
            assert!((mean(run, channel) - 0.5).abs() < 0.02);
        }
        assert_ne!(port_uniform(1, 0, 5), port_uniform(1, 1, 5));
        assert_ne!(port_uniform(1, 0, 5), port_uniform(2, 0, 5));
    }

    #[test]
    fn streams_start_where_ns3_starts_them() {
        // First outputs printed by ns-3 (seed 1, run 1, and runs 2 and 3 of stream 0).
        for (stream, run, want) in [
            (0, 1, 0.816_532_044_168_251),
            (1, 1, 0.835_150_073_680_844),
            (416, 1, 0.340_433_692_981_071_84),
            (417, 1, 0.104_639_355_737_014_22),
            (10_082, 1, 0.452_640_480_629_452_56),
            (0, 2, 0.683_541_497_023_923_2),
            (0, 3, 0.775_416_570_782_346_4),
        ] {
            assert_eq!(Streams::new(stream, run).draw(), want, "stream {stream} run {run}");
        }
    }

    #[test]
    fn skipping_and_drawing_use_up_one_stream_each() {
        let mut streams = Streams::new(400, 1);
        for k in 400..1000u64 {
            if k.is_multiple_of(3) {
                streams.skip();
            } else {
                assert_eq!(streams.draw(), Streams::new(k, 1).draw(), "stream {k}");
            }
        }
    }
}
