#!lua flags=no-writes,allow-oom
-- beats: all signs of life, the latest first.
--
-- KEYS  1 entries  2 times
-- Reply {now in ms, {JSON, ms}, ...}
local time = redis.call('TIME')
local reply = {time[1] * 1000 + math.floor(time[2] / 1000)}
local times = redis.call('ZREVRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for i = 1, #times, 2 do
  local entry = redis.call('HGET', KEYS[1], times[i])
  if entry then
    reply[#reply + 1] = {entry, tonumber(times[i + 1])}
  end
end
return reply
