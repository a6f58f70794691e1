#!lua flags=no-writes,allow-oom
-- depth: what waits and what is in flight, at one moment.
--
-- KEYS  1 source  2 frames  3 leases  4 ages
-- Reply {frames, events, bytes, in flight, oldest, frame, cursor, writer, pushed,
--       seen, oldest in flight}
--       oldest is that of the next frame of the list and of all in flight, in
--       ms; 0: none
local at = redis.call('HMGET', KEYS[1], 'events', 'bytes', 'frame', 'cursor', 'writer', 'pushed', 'seen')
local oldest = 0
local age = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')
if age[1] then
  oldest = tonumber(age[2])
end
local flying = oldest
local first = redis.call('LINDEX', KEYS[2], 0)
if first then
  local waits = struct.unpack('<i8', first, 22)
  if oldest == 0 or waits < oldest then
    oldest = waits
  end
end
return {
  redis.call('LLEN', KEYS[2]), tonumber(at[1] or 0), tonumber(at[2] or 0), redis.call('ZCARD', KEYS[3]), oldest,
  at[3] or string.rep('\0', 16), at[4] or '', at[5] or '', tonumber(at[6] or 0),
  tonumber(at[7] or 0), flying,
}
