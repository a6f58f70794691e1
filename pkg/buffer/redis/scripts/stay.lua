#!lua flags=no-writes,allow-oom
-- stay: for how long acknowledged frames stay at present, which is less where
-- they are many.
--
-- KEYS  1 source  2 acktimes
-- ARGV  1 time in µs for which acknowledged frames stay  2 bytes of them at most
-- Reply the time in µs: all of it with half the bytes free, else the age of the
--       oldest
local bytes = tonumber(redis.call('HGET', KEYS[1], 'ackedbytes') or 0)
local oldest = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if not oldest[1] or bytes <= ARGV[2] / 2 then
  return tonumber(ARGV[1])
end
local time = redis.call('TIME')
return math.min(ARGV[1], time[1] * 1000000 + time[2] - oldest[2])
