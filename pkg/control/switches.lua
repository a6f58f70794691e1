#!lua flags=no-writes,allow-oom
-- switches: all that are kept.
--
-- KEYS  1 entries
-- Reply {now in ms, "REVISION JSON", …}
local time = redis.call('TIME')
local reply = {time[1] * 1000 + math.floor(time[2] / 1000)}
for _, entry in ipairs(redis.call('HVALS', KEYS[1])) do
  reply[#reply + 1] = entry
end
return reply
