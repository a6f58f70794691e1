#!lua flags=allow-oom
-- position: keep or take a source's name, and tell where its chain stands.
--
-- KEYS  1 source
-- ARGV  1 writer  2 silence in ms after which another writer may take the name
-- Reply {"ok", frame, cursor, writer}  frame is 16 zero bytes in a new source
--       {"fenced", holder}             another writer is alive
local at = redis.call('HMGET', KEYS[1], 'frame', 'cursor', 'writer', 'holder', 'seen')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if at[4] and at[4] ~= '' and at[4] ~= ARGV[1] and math.abs(now - (at[5] or 0)) < tonumber(ARGV[2]) then
  return {'fenced', at[4]}
end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'seen', now)
return {'ok', at[1] or string.rep('\0', 16), at[2] or '', at[3] or ''}
