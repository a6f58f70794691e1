#!lua flags=allow-oom
-- renew: begin the leases of frames anew. A frame that was delivered again since
-- keeps the lease of its new holder.
--
-- KEYS  1 leases  2 deliveries
-- ARGV  1 lease in µs  then pairs of id and stamp
-- Reply how many leases were renewed
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local renewed = 0
for i = 2, #ARGV, 2 do
  local last = redis.call('HGET', KEYS[2], ARGV[i])
  if last and string.match(last, '^%d+') == ARGV[i + 1] and redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    redis.call('ZADD', KEYS[1], now + ARGV[1] + renewed, ARGV[i])
    renewed = renewed + 1
  end
end
return renewed
