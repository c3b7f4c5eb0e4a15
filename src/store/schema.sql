-- Version 1 of the store: what `mixlab` keeps of every experiment, in one SQLite file.
--
--   mix ──► scenario ──► topology          run ──► run_phase, run_summary
--              │ └──► flow                  │ └──► outcome (one per flow)
--              └──────────────────────────► run
--
-- Units are in the column names; ids ending in _id without a text form are internal. Times of a simulation are in ns of
-- simulated time, times of a run (wall_ns, cpu_ns) in ns of real time. Later versions are numbered migrations.

-- Networks, each kept once however many scenarios use it.
CREATE TABLE topology (
    topology_id   INTEGER PRIMARY KEY,
    digest        TEXT NOT NULL UNIQUE,          -- SHA-256 of topology_json
    node_count    INTEGER NOT NULL,              -- hosts and switches; ids 0 to node_count - 1
    topology_json TEXT NOT NULL                  -- {"node_count", "switch_order": [id], "links": [[a, b, rate_bps, delay_ps]]}; all other nodes are hosts
) STRICT;

-- Experiments with every choice made. Equal digests are the same experiment, whatever files they came from.
CREATE TABLE scenario (
    scenario_id      INTEGER PRIMARY KEY,
    digest           TEXT NOT NULL UNIQUE,       -- SHA-256 of the whole scenario, 64 hex digits
    topology_id      INTEGER NOT NULL REFERENCES topology,
    cc               TEXT NOT NULL,              -- congestion control: dctcp, dcqcn, hp, timely
    host_count       INTEGER NOT NULL,
    flow_count       INTEGER NOT NULL,
    horizon_ns       INTEGER NOT NULL,           -- nothing happens later (rounded down)
    horizon_rest_ps  INTEGER NOT NULL,           -- what the rounding took, 0 to 999
    transport_json   TEXT NOT NULL,              -- transport and switch parameters
    application_json TEXT NOT NULL,              -- what releases flows: open or closed loop
    paths            BLOB,                       -- NULL: ECMP. Else little-endian u32 per flow: data hops, channels, ACK hops, channels
    start_rests_ps   BLOB                        -- NULL: all starts are whole ns. Else little-endian u16 per flow to add to start_ns
) STRICT;

-- Flows of a scenario as asked for, the same for every backend.
CREATE TABLE flow (
    scenario_id  INTEGER NOT NULL REFERENCES scenario ON DELETE CASCADE,
    flow_index   INTEGER NOT NULL,               -- position by start time, from 0
    flow_id      INTEGER NOT NULL,               -- name of the flow in files
    src          INTEGER NOT NULL,               -- node id of the sender
    dst          INTEGER NOT NULL,               -- node id of the receiver
    size_bytes   INTEGER NOT NULL,               -- application bytes
    start_ns     INTEGER NOT NULL,               -- when the application asks for it
    ideal_fct_ns INTEGER NOT NULL,               -- FCT alone on its path
    PRIMARY KEY (scenario_id, flow_index)
) STRICT, WITHOUT ROWID;

-- Mixes as people wrote them, each pointing to the scenario it currently makes. An edited mix points to a new scenario.
CREATE TABLE mix (
    mix_id             INTEGER NOT NULL,         -- id in the spec file
    seed               INTEGER NOT NULL,
    nr_flows           INTEGER NOT NULL,         -- flows asked for
    workload           TEXT NOT NULL,            -- generator: compat, calibrated, import
    enable_app         INTEGER NOT NULL CHECK (enable_app IN (0, 1)),
    scenario_id        INTEGER NOT NULL REFERENCES scenario,
    spec_file          TEXT NOT NULL,
    mix_json           TEXT NOT NULL,            -- the mix as written
    cc                 TEXT NOT NULL,
    spatial            TEXT NOT NULL,            -- rack-to-rack matrix
    size_dist          TEXT NOT NULL,            -- flow-size distribution
    cluster            TEXT NOT NULL,
    lognorm_sigma      REAL,                     -- burstiness
    max_load           REAL,                     -- load asked for, 0 to 1
    delivered_load     REAL,                     -- load the busiest channel really gets
    buffer_bytes       INTEGER NOT NULL,         -- of each switch
    window_bytes       INTEGER NOT NULL,         -- of each sender, 0 = none
    host_count         INTEGER NOT NULL,
    max_inflight_flows INTEGER NOT NULL,         -- of a closed loop, 0 = open
    PRIMARY KEY (mix_id, seed, nr_flows, workload, enable_app)
) STRICT, WITHOUT ROWID;

-- One execution of a scenario by a backend. Status, outcomes, summary and phases of a run appear in one transaction.
CREATE TABLE run (
    run_id             INTEGER PRIMARY KEY,
    scenario_id        INTEGER NOT NULL REFERENCES scenario,
    backend            TEXT NOT NULL,
    fingerprint        TEXT NOT NULL,            -- everything besides the scenario that can change the answer
    status             TEXT NOT NULL CHECK (status IN ('ok', 'failed', 'unsupported')),
    started_at_unix_ms INTEGER NOT NULL,
    wall_ns            INTEGER NOT NULL,
    cpu_ns             INTEGER NOT NULL,
    peak_rss_bytes     INTEGER NOT NULL,
    timed_alone        INTEGER NOT NULL CHECK (timed_alone IN (0, 1)), -- 0: other runs shared the machine, wall_ns is not comparable
    events             INTEGER NOT NULL,
    packets            INTEGER NOT NULL,         -- packet transmissions, each link crossed counted
    marks              INTEGER NOT NULL,         -- packets marked by ECN
    pauses             INTEGER NOT NULL,         -- PFC pause frames
    drops              INTEGER NOT NULL,
    version            TEXT NOT NULL,            -- of mixlab
    commit_id          TEXT NOT NULL,
    host               TEXT NOT NULL,            -- machine it ran on
    command            TEXT NOT NULL,            -- command line
    error              TEXT,                     -- chain of causes, if not ok
    log_tail           TEXT,                     -- last lines of an outside program
    work_dir           TEXT,                     -- its files, if kept
    UNIQUE (scenario_id, backend, fingerprint)
) STRICT;

-- Where the time of a run went, in order.
CREATE TABLE run_phase (
    run_id   INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name     TEXT NOT NULL,
    wall_ns  INTEGER NOT NULL,
    PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;

-- What happened to each flow in an ok run.
CREATE TABLE outcome (
    run_id     INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    flow_index INTEGER NOT NULL,
    start_ns   INTEGER,                          -- when it was released; NULL: never
    fct_ns     INTEGER,                          -- release to last byte at the receiver; NULL: unfinished
    PRIMARY KEY (run_id, flow_index)
) STRICT, WITHOUT ROWID;

-- Slowdowns of an ok run by flow-size bucket and over all flows (bucket 'all'); NULL where no flow finished.
CREATE TABLE run_summary (
    run_id        INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    bucket        TEXT NOT NULL,
    flows         INTEGER NOT NULL,
    unfinished    INTEGER NOT NULL,              -- of flows
    mean_slowdown REAL,
    p50_slowdown  REAL,
    p90_slowdown  REAL,
    p99_slowdown  REAL,
    PRIMARY KEY (run_id, bucket)
) STRICT, WITHOUT ROWID;

-- The run that counts for a scenario and backend: the newest that is ok.
CREATE VIEW selected_run AS
SELECT run.* FROM run
WHERE run_id = (SELECT newest.run_id FROM run AS newest
                WHERE newest.scenario_id = run.scenario_id AND newest.backend = run.backend AND newest.status = 'ok'
                ORDER BY newest.started_at_unix_ms DESC, newest.run_id DESC LIMIT 1);

-- The common case in one SELECT: every flow of every current mix under every backend. FCT and slowdown are NULL if unfinished.
-- CROSS JOIN fixes the order of the loops (runs outside, their flows inside); SQLite's own choice is 2.5 times slower.
CREATE VIEW flow_result AS
SELECT mix.mix_id, scenario.digest AS scenario, run.backend, flow.flow_id, flow.src, flow.dst, flow.size_bytes,
       outcome.start_ns, outcome.fct_ns, flow.ideal_fct_ns,
       CAST(outcome.fct_ns AS REAL) / flow.ideal_fct_ns AS slowdown
FROM mix
CROSS JOIN scenario USING (scenario_id)
CROSS JOIN selected_run AS run USING (scenario_id)
CROSS JOIN outcome USING (run_id)
CROSS JOIN flow ON flow.scenario_id = mix.scenario_id AND flow.flow_index = outcome.flow_index;
