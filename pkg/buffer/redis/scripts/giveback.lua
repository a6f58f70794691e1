#!lua flags=allow-oom
-- giveback: return frames undelivered to the oldest end of the list. A frame
-- that was delivered again since stays with its new holder.
--
-- KEYS  1 source  2 frames  3 taken  4 leases  5 ages  6 deliveries
-- ARGV  pairs of id and stamp, the latest stamp first
-- Reply how many frames were given back
local given, events, bytes = 0, 0, 0
for i = 1, #ARGV, 2 do
  local id = ARGV[i]
  local last = redis.call('HGET', KEYS[6], id)
  if last and string.match(last, '^%d+') == ARGV[i + 1] then
    local frame = redis.call('HGET', KEYS[3], id)
    if frame then
      redis.call('LPUSH', KEYS[2], frame)
      redis.call('HDEL', KEYS[3], id)
      redis.call('ZREM', KEYS[4], id)
      redis.call('ZREM', KEYS[5], id)
      local count = string.match(last, ' (%d+)$') - 1
      if count > 0 then
        redis.call('HSET', KEYS[6], id, ARGV[i + 1] .. ' ' .. count)
      else
        redis.call('HDEL', KEYS[6], id)
      end
      events = events + struct.unpack('<I4', frame, 18)
      bytes = bytes + #frame
      given = given + 1
    end
  end
end
if given > 0 then
  redis.call('HINCRBY', KEYS[1], 'events', events)
  redis.call('HINCRBY', KEYS[1], 'bytes', bytes)
end
return given
