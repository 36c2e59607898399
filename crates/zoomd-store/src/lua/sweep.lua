-- Takes back leases that ended without a settle: their daemon is dead, stopped,
-- or cut off. A job that was not sent goes back to its room unspent; one that
-- may have been sent goes to the room of those that are looked for first.
-- KEYS  1 prefix  2 jobs
-- ARGV  1 clock offset  2 most leases  3 a look's deadline ms (from now)
-- Answer  {now, unsent, sent, jobs that had no state}
-- The first write is a removal: a full Redis sweeps too.
for _, key in ipairs({'dl', 'due', 'zz', 'ring'}) do call('ZCARD', P .. key) end
local ids = call('ZRANGEBYSCORE', P .. 'lease', '-inf', int(now), 'LIMIT', 0, tonumber(ARGV[2]))
if #ids == 0 then return {int(now), 0, 0, 0} end
local owns = call('HMGET', P .. 'own', unpack(ids))
local values = call('HMGET', P .. 'ids', unpack(ids))
call('ZREM', P .. 'lease', '')
local unsent, sent, lost = 0, 0, 0

local function sweep(id, own, j)
  local may_be_sent = string.find(own.flags, 's', 1, true)
  if may_be_sent then
    j.mode, j.sent = 'r', int(own.granted)
    j.dl = int(math.max(tonumber(j.dl), now + tonumber(ARGV[3])))
  end
  -- Leases that called nobody (an expired job's) poison nothing.
  if not string.find(own.flags, 'f', 1, true) then j.sweeps = math.min(9, tonumber(j.sweeps) + 1) end
  if not take_back(id, own, j) then return end
  if may_be_sent then sent = sent + 1 else unsent = unsent + 1 end
end

for i, id in ipairs(ids) do
  local own = owns[i] and parse_own(owns[i])
  local live = values[i] and parse_live(values[i])
  if own and live then
    sweep(id, own, live)
  else
    -- Nothing says whose it was: the entry, if there is one, is read again.
    lost = lost + 1
    done[#done + 1] = id
  end
end
finish_back()
return {int(now), unsent, sent, lost}
