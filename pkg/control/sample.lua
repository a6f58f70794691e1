#!lua flags=allow-oom
-- sample: keep a point of the last hour, in the place of the one an hour older.
--
-- KEYS  1 entries
-- ARGV  1 slot  2 JSON
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
