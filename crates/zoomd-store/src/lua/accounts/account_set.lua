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
local told, reason
for at = 5, #ARGV, 2 do
  if ARGV[at] == 'z' then inherit(account, ARGV[at + 1]) end
  if ARGV[at + 1] == '' then
    local was = redis.call('HDEL', a, ARGV[at])
    if ARGV[at] == 'paused' and was == 1 then told = 'account.resumed' end
  else
    redis.call('HSET', a, ARGV[at], ARGV[at + 1])
    if ARGV[at] == 'paused' then told, reason = 'account.paused', ARGV[at + 1] end
  end
end
note(account, ARGV[3])
if told then tell(told, account, reason) end
if ARGV[4] == '1' then wake(account) end
return {state}
