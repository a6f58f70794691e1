#!lua flags=allow-oom
-- restore: return acknowledged frames that still stay to the oldest end of the
-- list.
--
-- KEYS  1 source  2 frames  3 acked  4 acktimes
-- ARGV  ids, the one acknowledged last first
-- Reply how many were returned
local restored, events, bytes = 0, 0, 0
for _, id in ipairs(ARGV) do
  local frame = redis.call('HGET', KEYS[3], id)
  if frame then
    redis.call('LPUSH', KEYS[2], frame)
    redis.call('HDEL', KEYS[3], id)
    redis.call('ZREM', KEYS[4], id)
    events = events + struct.unpack('<I4', frame, 18)
    bytes = bytes + #frame
    restored = restored + 1
  end
end
if restored > 0 then
  redis.call('HINCRBY', KEYS[1], 'events', events)
  redis.call('HINCRBY', KEYS[1], 'bytes', bytes)
  redis.call('HINCRBY', KEYS[1], 'ackedbytes', -bytes)
end
return restored
