-- Prolongs leases that are still held under their fences, and with each those
-- that were taken by the same call.
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 lease ms  3… pairs of id and fence
-- Answer  {now, place (from 1) of each lease that is lost, …}
-- The first write is a removal: leases are renewed in a full Redis too.
local ids = {}
for i = 3, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
local owns = call('HMGET', P .. 'owner', unpack(ids))
call('ZREM', P .. 'leases', '')
local answer, kept, seen = {int(now)}, {}, {}
for i, id in ipairs(ids) do
  local own = owns[i] and parse_own(owns[i])
  if not own or own.fence ~= ARGV[2 + 2 * i] then
    answer[#answer + 1] = i
  elseif not seen[own.fence] then
    seen[own.fence] = true
    kept[#kept + 1], kept[#kept + 2] = int(now + tonumber(ARGV[2])), own.fence
  end
end
variadic('ZADD', P .. 'leases', kept)
return answer
