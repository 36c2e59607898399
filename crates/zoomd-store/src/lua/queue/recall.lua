-- Gives back leases whose answer was lost on the way to the daemon that asked for
-- them: it knows their fence, and that it sent nothing under it.
-- KEYS  1 prefix  2 jobs
-- ARGV  1 clock offset  2 fence  3 cursor  4 leases to look at
--       5 class of calls that spend a host's day  6 class of a look
-- Answer  {next cursor ('0': all were seen), given back}
labels.hosted, labels.look = ARGV[5], ARGV[6]
local page = call('HSCAN', P .. 'owner', ARGV[3], 'COUNT', ARGV[4])
local ids, owns = {}, {}
for i = 1, #page[2], 2 do
  local own = parse_own(page[2][i + 1])
  if own and own.fence == ARGV[2] then ids[#ids + 1], owns[#owns + 1] = page[2][i], own end
end
if #ids == 0 then return {page[1], 0} end
local values = call('HMGET', P .. 'ids', unpack(ids))
call('ZREM', P .. 'leases', '')
for i, id in ipairs(ids) do
  local live = values[i] and parse_live(values[i])
  if live and take_back(id, owns[i], live) then
    recount({A = live.A, host = live.host, other = live.other, o = owns[i], unsent = true})
  end
end
local given = #done
finish_back()
return {page[1], given}
