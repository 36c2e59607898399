-- Ends the raising of the layout: all keys have their new names.
--
-- KEYS[1]  prefix P           KEYS[2]  P meta
-- ARGV[1]  clock offset in ms
-- ARGV[2]  the layout meanwhile  ARGV[3] the new one
-- Answer:  1, or 0 when it has been ended before
if redis.call('HGET', KEYS[2], 'layout') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], 'layout', ARGV[3])
return 1
