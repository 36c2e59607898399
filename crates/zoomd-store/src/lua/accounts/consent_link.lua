-- Makes a connect link.
--
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  digest of the link's token
-- ARGV[3]  account            ARGV[4]  the account's field of `tomb`
-- ARGV[5]  plan, or ''        ARGV[6]  1: the Zoom user may be taken over
-- ARGV[7]  ms it is good      ARGV[8]  timeline line (JSON), for an account that exists
-- ARGV[9]  label for people, or ''
-- ARGV[10] address of the way back, or ''
-- Answer:  {until ms}
local account, key = ARGV[3], P .. 'link:' .. ARGV[2]
local wrong = misplaced(account)
if wrong then return wrongtype(wrong) end
local until_ms = int(now + tonumber(ARGV[7]))
local buried = redis.call('HGET', P .. 'tombs', ARGV[4]) or ''
redis.call('DEL', key)
-- Removed in the very millisecond in which the link is made: before it.
redis.call('HSET', key, 'account', account, 'plan', ARGV[5], 'take', ARGV[6], 'made', int(now + 1),
  'until', until_ms, 'tomb', ARGV[4], 'buried', buried, 'label', ARGV[9], 'back', ARGV[10])
redis.call('PEXPIRE', key, ARGV[7])
if redis.call('HEXISTS', P .. 'account:' .. account, 'st') == 1 then note(account, ARGV[8]) end
return {until_ms}
