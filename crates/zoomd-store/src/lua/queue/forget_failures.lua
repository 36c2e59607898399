-- Forgets failures of the index after their time, a few at each call. The
-- public stream is not touched.
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 kept ms  3 most
-- Answer  how many
local ids = call('ZRANGEBYSCORE', P .. 'failures', '-inf', int(now - tonumber(ARGV[2])), 'LIMIT', 0, ARGV[3])
if #ids == 0 then return 0 end
local keys = {}
for i, id in ipairs(ids) do keys[i] = P .. 'failure:' .. id end
variadic('DEL', keys)
variadic('ZREM', P .. 'failures', ids)
return #ids
