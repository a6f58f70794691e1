#!lua flags=allow-oom
-- beat: keep an instance's sign of life, and forget old ones.
--
-- KEYS  1 entries, a hash: instance to JSON  2 times, a sorted set: instance by ms
-- ARGV  1 instance  2 JSON  3 ms for which entries stay  4 how many at most
-- Reply how many were forgotten
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
local old = redis.call('ZRANGE', KEYS[2], '-inf', now - ARGV[3], 'BYSCORE')
if #old == 0 then
  old = redis.call('ZRANGE', KEYS[2], 0, -1 - ARGV[4])
end
for _, instance in ipairs(old) do
  redis.call('HDEL', KEYS[1], instance)
  redis.call('ZREM', KEYS[2], instance)
end
return #old
