-- Closes what Zoom named in a 429 to a call outside of any job.
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 account  3 host ('' none)  4 field (`@` the host's day)
--       5 until ms
-- Answer  1 closed, 0 no such account, or a key of it is of a wrong type
local A, host, field, till = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local a = load_account(A)
if a.missing or a.broken or (field == '@' and host == '') then return 0 end
share(a)
if field == '@' then field = canonical(a, host).field end
if a.broken then return 0 end
-- The first write is a removal, which a full Redis allows.
call('ZREM', P .. 'asleep', '')
close_gates(a.z, {{field, till}})
return 1
