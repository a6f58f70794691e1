-- One row a source: where its chain stands, who holds its name, and the sums of
-- what waits.
CREATE TABLE sources (
  id      INTEGER PRIMARY KEY,
  name    TEXT    NOT NULL UNIQUE,
  frame   BLOB    NOT NULL,            -- the newest frame; 16 zero bytes: none
  cursor  TEXT    NOT NULL DEFAULT '',
  writer  TEXT    NOT NULL DEFAULT '', -- who pushed it
  pushed  INTEGER NOT NULL DEFAULT 0,  -- when, in ms
  holder  TEXT    NOT NULL DEFAULT '', -- who may push
  seen    INTEGER NOT NULL DEFAULT 0,  -- when the holder was last heard of, in ms
  frames  INTEGER NOT NULL DEFAULT 0,  -- sums of what waits
  events  INTEGER NOT NULL DEFAULT 0,
  bytes   INTEGER NOT NULL DEFAULT 0,
  taken   INTEGER NOT NULL DEFAULT 0,  -- frames in flight
  stamp   INTEGER NOT NULL DEFAULT 0   -- of the latest delivery
) STRICT;

-- One row a frame, in the order of the list. An acknowledged frame has none.
CREATE TABLE frames (
  number  INTEGER PRIMARY KEY,
  source  INTEGER NOT NULL,
  id      BLOB    NOT NULL,
  events  INTEGER NOT NULL,
  bytes   INTEGER NOT NULL,
  oldest  INTEGER NOT NULL,            -- ms
  lease   INTEGER NOT NULL DEFAULT 0,  -- its end in µs; 0: the frame waits
  stamp   INTEGER NOT NULL DEFAULT 0,  -- of its latest delivery
  count   INTEGER NOT NULL DEFAULT 0   -- deliveries that were not given back
) STRICT;
CREATE INDEX frames_by_lease ON frames (source, lease);
CREATE INDEX frames_by_id ON frames (source, id);

-- The frames themselves, apart, so that a change of state rewrites no body.
CREATE TABLE bodies (
  number  INTEGER PRIMARY KEY,         -- that of the frame
  data    BLOB    NOT NULL
) STRICT;
