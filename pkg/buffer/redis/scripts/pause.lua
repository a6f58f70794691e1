#!lua flags=allow-oom
-- pause: keep what take obeys of the filters' switch, unless as new is kept.
--
-- KEYS  1 source
-- ARGV  1 revision  2 end of the pause in ms (0: none; -1: not paused)
-- Reply 1 kept, 0 one as new or newer is there
local last = redis.call('HGET', KEYS[1], 'paused')
if last and tonumber(string.match(last, '^%d+')) >= tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'paused', ARGV[1] .. ' ' .. ARGV[2])
return 1
