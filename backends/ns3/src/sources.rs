//! The text of our C++ programs, embedded, so that an installed mixlab needs no source tree to build them.

/// Source files by name; those that end in `.cc` are compiled.
pub type Sources = &'static [(&'static str, &'static str)];

/// The keeper of programs that are not ours.
pub const GUARD: Sources = &[("guard.cc", include_str!("../guard/guard.cc"))];

/// The simulator of ns-3's own TCP.
pub const TCP: Sources = &[
    ("events.cc", include_str!("../program/events.cc")),
    ("events.h", include_str!("../program/events.h")),
    ("kernel.cc", include_str!("../program/kernel.cc")),
    ("kernel.h", include_str!("../program/kernel.h")),
    ("lifeline.cc", include_str!("../program/lifeline.cc")),
    ("lifeline.h", include_str!("../program/lifeline.h")),
    ("main.cc", include_str!("../tcp/main.cc")),
    ("network.cc", include_str!("../tcp/network.cc")),
    ("network.h", include_str!("../tcp/network.h")),
    ("partition.cc", include_str!("../program/partition.cc")),
    ("partition.h", include_str!("../program/partition.h")),
    ("pool.h", include_str!("../program/pool.h")),
    ("queues.cc", include_str!("../tcp/queues.cc")),
    ("queues.h", include_str!("../tcp/queues.h")),
    ("routing.cc", include_str!("../tcp/routing.cc")),
    ("routing.h", include_str!("../tcp/routing.h")),
    ("scenario.cc", include_str!("../program/scenario.cc")),
    ("scenario.h", include_str!("../program/scenario.h")),
    ("sockets.cc", include_str!("../tcp/sockets.cc")),
    ("sockets.h", include_str!("../tcp/sockets.h")),
    ("units.h", include_str!("../program/units.h")),
];

/// The simulator on ns-3's kernel.
pub const SIMULATOR: Sources = &[
    ("congestion.h", include_str!("../program/congestion.h")),
    ("dcqcn.cc", include_str!("../program/dcqcn.cc")),
    ("dctcp.cc", include_str!("../program/dctcp.cc")),
    ("events.cc", include_str!("../program/events.cc")),
    ("events.h", include_str!("../program/events.h")),
    ("flow.h", include_str!("../program/flow.h")),
    ("host.cc", include_str!("../program/host.cc")),
    ("host.h", include_str!("../program/host.h")),
    ("hpcc.cc", include_str!("../program/hpcc.cc")),
    ("kernel.cc", include_str!("../program/kernel.cc")),
    ("kernel.h", include_str!("../program/kernel.h")),
    ("kernel_mtp.cc", include_str!("../program/kernel_mtp.cc")),
    ("lifeline.cc", include_str!("../program/lifeline.cc")),
    ("lifeline.h", include_str!("../program/lifeline.h")),
    ("main.cc", include_str!("../program/main.cc")),
    ("marking.cc", include_str!("../program/marking.cc")),
    ("marking.h", include_str!("../program/marking.h")),
    ("network.cc", include_str!("../program/network.cc")),
    ("network.h", include_str!("../program/network.h")),
    ("packet.cc", include_str!("../program/packet.cc")),
    ("packet.h", include_str!("../program/packet.h")),
    ("partition.cc", include_str!("../program/partition.cc")),
    ("partition.h", include_str!("../program/partition.h")),
    ("pool.h", include_str!("../program/pool.h")),
    ("port.cc", include_str!("../program/port.cc")),
    ("port.h", include_str!("../program/port.h")),
    ("scenario.cc", include_str!("../program/scenario.cc")),
    ("scenario.h", include_str!("../program/scenario.h")),
    ("session.cc", include_str!("../program/session.cc")),
    ("session.h", include_str!("../program/session.h")),
    ("switch.cc", include_str!("../program/switch.cc")),
    ("switch.h", include_str!("../program/switch.h")),
    ("timely.cc", include_str!("../program/timely.cc")),
    ("units.h", include_str!("../program/units.h")),
];
