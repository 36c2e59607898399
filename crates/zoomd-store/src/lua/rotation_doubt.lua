-- Says of an intent that the host holds no reply for it: the exchange is over
-- and none came. The gate stays closed; the lease is given back.
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  account
-- ARGV[3]  owner, or empty
-- ARGV[4]  intent id
-- ARGV[5]  why, kept as the grant's last error; empty leaves it
-- ARGV[6]  timeline line (JSON), or empty
-- Answer:  1 when the intent is the account's, else 0
local A = ARGV[2]
local wrong = misplaced(A)
if wrong then return wrongtype(wrong) end
call('ZREM', P .. 'zz', '')
release(A, ARGV[3])
local intent = call('HMGET', P .. 'int:' .. A, 'id', 'owner')
if intent[1] ~= ARGV[4] then return 0 end
-- A successor answers for a dead process: its lease goes too.
release(A, intent[2] or '')
call('HSET', P .. 'int:' .. A, 'none', '1')
if ARGV[5] ~= '' and call('EXISTS', P .. 'g:' .. A) == 1 then
  call('HSET', P .. 'g:' .. A, 'last', ARGV[5])
end
if ARGV[6] ~= '' then note(A, ARGV[6]) end
try('PUBLISH', P .. 'wake', 't:' .. A)
return 1
