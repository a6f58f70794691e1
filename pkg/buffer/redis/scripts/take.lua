#!lua flags=allow-oom
-- take: lease frames to a filter; those whose lease ended first, then the oldest
-- that wait.
--
-- KEYS  1 source  2 frames  3 taken  4 leases  5 ages  6 deliveries  7 acked
--       8 acktimes
-- ARGV  1 frames to take at most  2 lease in µs  3 time in µs for which
--       acknowledged frames stay
-- Reply a list of {id, stamp, count, frame}; none while filters are paused
local most, lease = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local paused = redis.call('HGET', KEYS[1], 'paused')
if paused then
  local till = tonumber(string.match(paused, ' (%-?%d+)$'))
  if till == 0 or till * 1000 > now then
    return {}
  end
end

-- Here too, since after the last ack nothing else would remove them. A few at a
-- time: a filter waits for the reply.
local stale = redis.call('ZRANGE', KEYS[8], '-inf', now - ARGV[3], 'BYSCORE', 'LIMIT', 0, 16)
if #stale > 0 then
  local bytes = redis.call('HGET', KEYS[1], 'ackedbytes')
  for _, id in ipairs(stale) do
    bytes = bytes - redis.call('HSTRLEN', KEYS[7], id)
  end
  redis.call('HDEL', KEYS[7], unpack(stale))
  redis.call('ZREM', KEYS[8], unpack(stale))
  redis.call('HSET', KEYS[1], 'ackedbytes', bytes)
end

-- A lease cannot end later than this unless the clock was set back; such a one
-- has ended too, or its frame would be stuck for as long.
local ended = redis.call('ZRANGE', KEYS[4], '-inf', now, 'BYSCORE', 'LIMIT', 0, most)
if #ended < most then
  local strange = redis.call('ZRANGE', KEYS[4], now + 4 * lease, '+inf', 'BYSCORE', 'LIMIT', 0, most - #ended)
  for _, id in ipairs(strange) do
    ended[#ended + 1] = id
  end
end
local frames = {}
if #ended < most then
  frames = redis.call('LPOP', KEYS[2], most - #ended) or {}
end
if #ended + #frames == 0 then
  return {}
end

local reply = {}
local stamp = tonumber(redis.call('HGET', KEYS[1], 'stamp') or 0)
local function deliver(id, frame)
  stamp = math.max(stamp + 1, now)
  local count = 1
  local before = redis.call('HGET', KEYS[6], id)
  if before then
    count = string.match(before, ' (%d+)$') + 1
  end
  redis.call('HSET', KEYS[6], id, string.format('%.0f %d', stamp, count))
  -- The place in the reply keeps the order of frames that are taken at once.
  redis.call('ZADD', KEYS[4], now + lease + #reply, id)
  reply[#reply + 1] = {id, stamp, count, frame}
end

for _, id in ipairs(ended) do
  local frame = redis.call('HGET', KEYS[3], id)
  if frame then
    deliver(id, frame)
  else -- left by a server that lost a part of a script: it would spoil every reply
    redis.call('ZREM', KEYS[4], id)
    redis.call('ZREM', KEYS[5], id)
    redis.call('HDEL', KEYS[6], id)
  end
end
local events, bytes = 0, 0
for _, frame in ipairs(frames) do
  local id = string.sub(frame, 2, 17)
  events = events + struct.unpack('<I4', frame, 18)
  bytes = bytes + #frame
  redis.call('HSET', KEYS[3], id, frame)
  redis.call('ZADD', KEYS[5], struct.unpack('<i8', frame, 22), id)
  deliver(id, frame)
end
redis.call('HSET', KEYS[1], 'stamp', stamp)
if #frames > 0 then -- HINCRBY refuses Lua's -0
  redis.call('HINCRBY', KEYS[1], 'events', -events)
  redis.call('HINCRBY', KEYS[1], 'bytes', -bytes)
end
return reply
