-- Changes settings of an account that exists.
--
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  account
-- ARGV[3]  timeline line (JSON object)
-- ARGV[4]  1: serve its rooms again
-- then pairs of field and value of `account:<A>`; an empty value deletes the field
-- Answer:  {state before} or {} when there is no such account
local account = ARGV[2]
local wrong = misplaced(account)
if wrong then return wrongtype(wrong) end
local a = P .. 'account:' .. account
local state = redis.call('HGET', a, 'st')
if not state or state == 'removed' then return {} end
for at = 5, #ARGV, 2 do
  if ARGV[at] == 'z' then inherit(account, ARGV[at + 1]) end
  if ARGV[at + 1] == '' then
    redis.call('HDEL', a, ARGV[at])
  else
    redis.call('HSET', a, ARGV[at], ARGV[at + 1])
  end
end
note(account, ARGV[3])
if ARGV[4] == '1' then wake(account) end
return {state}
