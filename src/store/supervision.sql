-- Version 2: dense supervision, for training learned simulators (`--enable-train`). At most one per ok run.
CREATE TABLE supervision (
    run_id        INTEGER PRIMARY KEY REFERENCES run ON DELETE CASCADE,
    moments       INTEGER NOT NULL,              -- releases and deliveries of flows
    stream_bytes  INTEGER NOT NULL,              -- length of the stream before compression
    stream_zlib   BLOB NOT NULL                  -- the stream, zlib; its form: `mixlab_contract::supervision`. Flows are flow_index, channels 2·link (a to b) and 2·link + 1
) STRICT;
