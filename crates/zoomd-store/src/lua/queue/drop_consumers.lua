-- Removes consumers of the jobs stream that are gone: idle for long and with
-- nothing pending (what is pending goes with the consumer, for good).
-- KEYS  1 prefix  2 jobs
-- ARGV  1 clock offset  2 idle ms  3 the own consumer
-- Answer  how many
local function field(list, name)
  for i = 1, #list, 2 do if list[i] == name then return list[i + 1] end end
end
local consumers, dropped = try('XINFO', 'CONSUMERS', KEYS[2], 'zoomd'), 0
if consumers.err then return 0 end
for _, c in ipairs(consumers) do
  local name = field(c, 'name')
  if name ~= ARGV[3] and field(c, 'pending') == 0 and field(c, 'idle') > tonumber(ARGV[2]) then
    call('XGROUP', 'DELCONSUMER', KEYS[2], 'zoomd', name)
    dropped = dropped + 1
    if dropped >= 1000 then break end
  end
end
return dropped
