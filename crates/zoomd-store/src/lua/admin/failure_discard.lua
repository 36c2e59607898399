-- Takes a failure off the list; an id that it held is free again. The public
-- stream is not touched. After lib/base.lua.
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 failure id
-- Answer  1 done, 0 no such failure
-- Time for which the entry of a discarded failure is remembered, s: 30 days.
local KEPT_S = 2592000
local key = P .. 'failure:' .. ARGV[2]
local failure = call('HMGET', key, 'job_id', 'entry')
if call('ZREM', P .. 'failures', ARGV[2]) == 0 then return 0 end
call('DEL', key)
-- A later job that names the id must not mean an earlier create (see aim.lua).
if failure[2] then
  call('HSET', key, 'last', failure[2])
  call('EXPIRE', key, KEPT_S)
end
if failure[1] then
  local memory = call('HGET', P .. 'ids', failure[1])
  local state, _, entry = parse_memory(memory or '')
  if state == 'U' and entry == failure[2] then call('HDEL', P .. 'ids', failure[1]) end
end
return 1
