//! Real ns-3 as a backend: a program of ours on ns-3's own event kernel, built against whichever ns-3 is installed.
//!
//! ```text
//! Scenario ──scenario_text──► mixlab-ns3 batch  (C++, ns-3's Simulator) ──lines──► results ──► RunOutput
//!        └───(cc tcp-*)─────► mixlab-ns3-tcp batch  (C++, ns-3's TCP, queues, links) ────┘
//!                             mixlab-ns3 online ◄── requests / answers ──► Ns3Network (contract's online Network)
//! install: which ns-3 is here    compile: build once, cached by content    process: run it without trusting it
//!                                                      (also for mixlab's external backends)
//! ```
//!
//! The physics is that of the RDMA stack of the HPCC family of ns-3 programs (m3's and m4's ground truth): hosts, switches
//! and links, windowed senders with go-back-N, ECN, PFC, shared buffers, DCTCP, DCQCN, HPCC and TIMELY, in the event order
//! of that stack. It is the same as the `packet` backend's, written a second time in another language over another kernel:
//! where both agree with each other and with stored outputs of the original, neither is likely to be wrong.
//!
//! TCP scenarios run on ns-3's own stack, by a second program over more of its modules; there is nothing to compare them with.
//!
//! On a UNISON tree the RDMA program also runs on the multithreaded kernel, if asked to; its order of equal-time events, and
//! so its results, are that kernel's own, on any number of threads.
//!
//! Left out: TCP online or on several threads; several threads online.

mod backend;
pub mod bounded;
mod compile;
mod install;
mod online;
pub mod process;
pub mod results;
mod scenario_text;
mod sources;
mod tcp_limits;
mod tree;

pub use backend::Ns3Backend;
pub use compile::{CompileError, cache_dir};
pub use install::{Installation, NoThreads, NotInstalled, Origin, Profile};
pub use online::Ns3Network;
pub use tree::Ns3Tree;
