-- Takes a failure off the list; an id that it held is free again. The public
-- stream is not touched. After lib/base.lua.
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 failure id
-- Answer  1 done, 0 no such failure
local key = P .. 'failure:' .. ARGV[2]
local failure = call('HMGET', key, 'job_id', 'entry')
if call('ZREM', P .. 'failures', ARGV[2]) == 0 then return 0 end
call('DEL', key)
if failure[1] then
  local memory = call('HGET', P .. 'ids', failure[1])
  local state, _, entry = parse_memory(memory or '')
  if state == 'U' and entry == failure[2] then call('HDEL', P .. 'ids', failure[1]) end
end
return 1
