//! What `train` keeps: checkpoints with their state, `loss.csv`, event files.

use super::{chosen, text};
use mixlab::train::checkpoint::Checkpoint;
use mixlab::train::log::Curve;
use mixlab::train::tensorboard;
use mixlab_m4::paper::Config;
use mixlab_m4::train::paper::{Options, Trainer};
use sha2::{Digest, Sha256};

/// The first byte chooses: a checkpoint (with the digest that a fuzzer can't guess), the state of a training of the published
/// architecture, a curve, an event file.
pub fn training(bytes: &[u8]) {
    let Some((choice, rest)) = chosen(bytes) else { return };
    match choice {
        b'c' => {
            let whole = [rest, &Sha256::digest(rest)[..]].concat();
            let _ = (Checkpoint::decode(rest), Checkpoint::decode(&whole));
        }
        b's' => {
            let config = Config { hidden: 4, exchange: vec![4], head: 2, recurrent: true };
            let options = Options { config, ..Options::default() };
            if let Ok(trainer) = Trainer::resume(options, rest) {
                assert!(!trainer.checkpoint().is_empty());
            }
        }
        b'l' => {
            let Ok(curve) = Curve::parse(&text(rest)) else { return };
            curve.columns.iter().for_each(|column| drop(curve.of(column)));
        }
        b'e' => {
            for event in tensorboard::decode(rest) {
                let again = tensorboard::decode(&tensorboard::encode(&event));
                assert_eq!(again.len(), 1);
                assert_eq!(tensorboard::encode(&again[0]), tensorboard::encode(&event));
            }
        }
        _ => {}
    }
}
