#!lua flags=allow-oom
-- register: let filters find a source.
--
-- KEYS  1 registry
-- ARGV  1 source
-- Reply 1 it was new, 0 it was known
return redis.call('SADD', KEYS[1], ARGV[1])
