#!lua flags=allow-oom
-- switch: keep the switch of a stage, unless one as new is kept.
--
-- KEYS  1 entries
-- ARGV  1 stage  2 revision  3 the switch in JSON
-- Reply 1 kept, 0 one as new or newer is there
local last = redis.call('HGET', KEYS[1], ARGV[1])
if last and tonumber(string.match(last, '^%d+')) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
return 1
