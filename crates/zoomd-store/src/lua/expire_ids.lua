-- Forgets finished jobs' ids after their time, and notes the deadlines of waiting
-- jobs that come within a day; a few at each call.
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 cursor  3 fields to look at  4 remember s
-- Answer  {next cursor ('0': all were seen), forgotten}
local page = call('HSCAN', P .. 'ids', ARGV[2], 'COUNT', ARGV[3])
local oldest, old, near, times = math.floor(now / 1000) - tonumber(ARGV[4]), {}, {}, {}
for i = 1, #page[2], 2 do
  local finished = string.match(page[2][i + 1], '^D %d+ %S+ %S+ (%d+)')
  if finished and tonumber(finished) <= oldest then old[#old + 1] = page[2][i] end
  local dl = string.match(page[2][i + 1], '^L %d+ %S+ %S+ %S+ %d+ (-?%d+)')
  if dl and soon(dl) then near[#near + 1], times[#times + 1] = page[2][i], dl end
end
if #near > 0 then
  local owns = call('HMGET', P .. 'own', unpack(near))
  for i, id in ipairs(near) do if not owns[i] then call('ZADD', P .. 'dl', 'NX', times[i], id) end end
end
variadic('HDEL', P .. 'ids', old)
return {page[1], #old}
