#!lua flags=allow-oom
-- ack: end the flight of frames. A frame that was delivered again since stays in
-- flight. Acknowledged frames stay a while, within bounds.
--
-- KEYS  1 source  2 taken  3 leases  4 ages  5 deliveries  6 acked  7 acktimes
-- ARGV  1 time in µs for which acknowledged frames stay  2 bytes of them at most
--       then pairs of id and stamp, the latest stamp first
-- Reply how many frames were acknowledged
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local acked = 0
local bytes = tonumber(redis.call('HGET', KEYS[1], 'ackedbytes') or 0)
for i = 3, #ARGV, 2 do
  local id = ARGV[i]
  local last = redis.call('HGET', KEYS[5], id)
  if last and string.match(last, '^%d+') == ARGV[i + 1] then
    local frame = redis.call('HGET', KEYS[2], id)
    if frame then
      redis.call('HSET', KEYS[6], id, frame)
      redis.call('ZADD', KEYS[7], now + #ARGV - i, id)
      redis.call('HDEL', KEYS[2], id)
      redis.call('ZREM', KEYS[3], id)
      redis.call('ZREM', KEYS[4], id)
      redis.call('HDEL', KEYS[5], id)
      bytes = bytes + #frame
      acked = acked + 1
    end
  end
end

while true do
  local oldest = redis.call('ZRANGE', KEYS[7], 0, 0, 'WITHSCORES')
  if not oldest[1] or (bytes <= tonumber(ARGV[2]) and oldest[2] + ARGV[1] > now) then
    break
  end
  bytes = bytes - redis.call('HSTRLEN', KEYS[6], oldest[1])
  redis.call('HDEL', KEYS[6], oldest[1])
  redis.call('ZREM', KEYS[7], oldest[1])
end
redis.call('HSET', KEYS[1], 'ackedbytes', bytes)
return acked
