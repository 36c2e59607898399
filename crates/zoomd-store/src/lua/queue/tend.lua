-- Looks after a page of accounts: calls in flight that are over are dropped,
-- and a lane that has work but neither a turn nor a time to wake gets a turn
-- (it can only have lost it by hands that are not ours).
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 cursor  3 accounts to look at
-- Answer  {next cursor ('0': all were seen), lanes mended}
-- Bounded: OVER calls that are over of one account.
local OVER = 1000
local page = call('ZSCAN', P .. 'accounts', ARGV[2], 'COUNT', ARGV[3])
local mended = 0
local function mend(lane, key)
  if call('EXISTS', key) == 0 then return end
  if call('ZSCORE', P .. 'ring', lane) or call('ZSCORE', P .. 'asleep', lane) then return end
  ring_push(lane)
  mended = mended + 1
end
for i = 1, #page[2], 2 do
  local A = page[2][i]
  local over = try('ZRANGEBYSCORE', P .. 'in_flight:' .. A, '-inf', int(now), 'LIMIT', 0, OVER)
  if #over > 0 then call('ZREM', P .. 'in_flight:' .. A, unpack(over)) end
  mend(A, P .. 'rooms:' .. A)
  local _, rooms = lanes_of(A)
  for lane, room in pairs(rooms) do mend(lane, P .. 'room:' .. A .. '|' .. room) end
end
if mended > 0 then try('PUBLISH', P .. 'wake', 'q') end
return {page[1], mended}
