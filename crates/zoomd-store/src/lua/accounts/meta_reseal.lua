-- Puts the secret of the namespace, sealed under a new key, in the place of the same
-- secret under an older one.
--
-- KEYS[1]  prefix P           KEYS[2]  P meta
-- ARGV[1]  clock offset in ms
-- ARGV[2]  the sealed text that is stored  ARGV[3] the new one
-- Answer:  1, or 0 when another is stored by now
if redis.call('HGET', KEYS[2], 'secret') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], 'secret', ARGV[3])
return 1
