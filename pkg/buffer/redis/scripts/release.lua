#!lua flags=allow-oom
-- release: give up a source's name, so that the next writer need not wait.
--
-- KEYS  1 source
-- ARGV  1 writer
-- Reply 1 given up, 0 another writer has it
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'holder', '')
return 1
