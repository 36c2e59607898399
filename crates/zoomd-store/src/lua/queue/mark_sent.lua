-- Notes that a call is about to leave, for a job reconcile cannot judge.
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 job id  3 fence
-- Answer  1 noted, 0 the lease is not held any more: nothing may be sent
local value = call('HGET', P .. 'owner', ARGV[2])
local own = value and parse_own(value)
if not own or own.fence ~= ARGV[3] then return 0 end
local lease = call('ZSCORE', P .. 'leases', ARGV[3])
if not lease or tonumber(lease) <= now then return 0 end
if not string.find(own.flags, 's', 1, true) then
  call('HSET', P .. 'owner', ARGV[2], format_own(own.fence, int(own.granted), own.flags .. 's', own.z))
end
return 1
