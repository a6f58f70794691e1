#!lua
-- push: append a frame and move the source's position, in one step.
--
-- It is not allow-oom: a full Redis answers OOM before the script begins.
--
-- KEYS  1 source  2 frames
-- ARGV  1 frame  2 id of the frame before it (16 zero bytes: none)  3 cursor
--       4 writer  5 silence in ms after which another writer may take the name
--       6 events that may wait (0: any number)
-- Reply {"ok"}      stored, or stored before: this frame is the newest
--       {"fenced", holder}                 another writer is alive
--       {"behind", frame, cursor, writer}  where the chain stands
--       {"full"}    as many events wait as may
local frame = ARGV[1]
if #frame < 37 then
  return redis.error_reply('ERR frame is shorter than its header')
end
local id = string.sub(frame, 2, 17)
local events = struct.unpack('<I4', frame, 18)
local at = redis.call('HMGET', KEYS[1], 'frame', 'cursor', 'writer', 'holder', 'seen', 'events')
local newest = at[1] or string.rep('\0', 16)
if newest == id then
  return {'ok'}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- The distance, and not the difference: after the clock was set back a holder
-- of the future must not block the name.
if at[4] and at[4] ~= '' and at[4] ~= ARGV[4] and math.abs(now - (at[5] or 0)) < tonumber(ARGV[5]) then
  return {'fenced', at[4]}
end
redis.call('HSET', KEYS[1], 'holder', ARGV[4], 'seen', now)
if newest ~= ARGV[2] then
  return {'behind', newest, at[2] or '', at[3] or ''}
end
local most = tonumber(ARGV[6])
if most > 0 and tonumber(at[6] or 0) >= most then
  return {'full'}
end

redis.call('RPUSH', KEYS[2], frame)
redis.call('HSET', KEYS[1], 'frame', id, 'cursor', ARGV[3], 'writer', ARGV[4], 'pushed', now)
redis.call('HINCRBY', KEYS[1], 'events', events)
redis.call('HINCRBY', KEYS[1], 'bytes', #frame)
return {'ok'}
