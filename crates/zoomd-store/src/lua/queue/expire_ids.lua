-- Forgets finished jobs' ids after their time, but for those that lead to a meeting that the
-- register knows (meetings_forget.lua sees to them; a purged account has none), and notes the deadlines of waiting
-- jobs that come within a day; a few at each call.
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 cursor  3 fields to look at  4 remember s
-- Answer  {next cursor ('0': all were seen), forgotten}
local page = call('HSCAN', P .. 'ids', ARGV[2], 'COUNT', ARGV[3])
local remember_s, old, near, times = tonumber(ARGV[4]), {}, {}, {}
local function leads_to_meeting(value)
  local A, number = made_by(value)
  return A and try('HEXISTS', P .. 'meeting:' .. A, number) ~= 0
end
for i = 1, #page[2], 2 do
  local state, _, _, _, finished = parse_memory(page[2][i + 1])
  if is_forgotten(state, finished, remember_s) and not leads_to_meeting(page[2][i + 1]) then old[#old + 1] = page[2][i] end
  local dl = deadline_of(page[2][i + 1])
  if dl and soon(dl) then near[#near + 1], times[#times + 1] = page[2][i], dl end
end
-- A scan may answer with more than it was asked for.
for from = 1, #near, CHUNK do
  local to = math.min(from + CHUNK - 1, #near)
  local owns = call('HMGET', P .. 'owner', unpack(near, from, to))
  for i = from, to do if not owns[i - from + 1] then call('ZADD', P .. 'deadline', 'NX', times[i], near[i]) end end
end
variadic('HDEL', P .. 'ids', old)
return {page[1], #old}
