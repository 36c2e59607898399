-- Takes back leases that ended without a settle: their daemon is dead, stopped,
-- or cut off. A job that was not sent goes back to its room unspent; one that
-- may have been sent goes to the room of those that are looked for first.
-- A lease stands for all jobs that one call took, under the call's fence; those
-- whose jobs are all settled are dropped here.
-- KEYS  1 prefix  2 jobs
-- ARGV  1 clock offset  2 most jobs  3 a look's deadline ms (from now)
-- Answer  {now, unsent, sent, jobs that had no state, more to do (0|1)}
-- The first write is a removal: a full Redis sweeps too.
local FENCES = 3000
local most = tonumber(ARGV[2])
if call('EXISTS', P .. 'owner') == 0 then
  call('UNLINK', P .. 'leases')
  return {int(now), 0, 0, 0, 0}
end
local fences = call('ZRANGEBYSCORE', P .. 'leases', '-inf', int(now), 'LIMIT', 0, FENCES)
if #fences == 0 then return {int(now), 0, 0, 0, 0} end
local ended = {}
for _, fence in ipairs(fences) do ended[fence] = true end

-- All leases are read: no more than all daemons' slots. Most of these leases have nothing left,
-- having been settled.
local ids, owns, seen, cursor = {}, {}, {}, '0'
repeat
  local page = call('HSCAN', P .. 'owner', cursor, 'COUNT', 1000)
  cursor = page[1]
  for i = 1, #page[2], 2 do
    local id, own = page[2][i], parse_own(page[2][i + 1])
    if (not own or ended[own.fence]) and not seen[id] then
      seen[id] = true
      ids[#ids + 1], owns[#owns + 1] = id, own
    end
  end
until cursor == '0' or #ids >= most
local values = #ids > 0 and call('HMGET', P .. 'ids', unpack(ids)) or {}
call('ZREM', P .. 'leases', '')
local unsent, sent, lost = 0, 0, 0

local function sweep(id, own, j)
  local may_be_sent, is_part = string.find(own.flags, 's', 1, true), string.find(own.flags, 'p', 1, true)
  if may_be_sent and is_part then
    -- The call that carried it is looked for, and holds it until then.
    j.mode = 'p'
  elseif may_be_sent then
    j.mode, j.sent = 'r', int(own.granted)
    j.dl = int(math.max(tonumber(j.dl), now + tonumber(ARGV[3])))
  end
  -- Leases without a call (an expired job's) do not count.
  if not string.find(own.flags, 'f', 1, true) then j.sweeps = math.min(9, tonumber(j.sweeps) + 1) end
  if not take_back(id, own, j) then ended[own.fence] = nil return end
  if is_part then return end
  if may_be_sent then sent = sent + 1 else unsent = unsent + 1 end
end

for i, id in ipairs(ids) do
  local live = values[i] and parse_live(values[i])
  if owns[i] and live then
    sweep(id, owns[i], live)
  else
    -- The owner is unknown: the entry, if there is one, is read again.
    lost = lost + 1
    done[#done + 1] = id
  end
end
finish_back()
local over = {}
if cursor == '0' then
  for _, fence in ipairs(fences) do if ended[fence] then over[#over + 1] = fence end end
  variadic('ZREM', P .. 'leases', over)
end
local more = (cursor ~= '0' and #done > 0) or (#fences == FENCES and #over > 0)
return {int(now), unsent, sent, lost, more and 1 or 0}
