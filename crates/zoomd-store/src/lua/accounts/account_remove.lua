-- Removes an account: its tokens are erased, a tombstone with its epoch stays,
-- its jobs are handed out to be failed.
--
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  account
-- ARGV[3]  reason
-- ARGV[4]  epoch of the tombstone where no grant is stored
-- ARGV[5]  remove only while this epoch is stored; empty: whatever is stored
-- ARGV[6]  timeline line (JSON object)
-- Answer:  {removed, state before, jobs waiting}, {changed} when another epoch is
--          stored, {none} when there is no such account
local account = ARGV[2]
local wrong = misplaced(account)
if wrong then return wrongtype(wrong) end
local a, g = P .. 'account:' .. account, P .. 'grant:' .. account
redis.call('ZREM', P .. 'asleep', '')
local stored = redis.call('HMGET', a, 'st', 'ep', 'uid')
local state = stored[1]
if not state then return {'none'} end
local jobs = waiting(account)
if state == 'removed' then return {'removed', state, jobs} end
if ARGV[5] ~= '' and stored[2] ~= ARGV[5] then return {'changed'} end
if stored[3] then
  local field = (redis.call('HGET', g, 'client_id') or '') .. '|' .. stored[3]
  if redis.call('HGET', P .. 'users', field) == account then redis.call('HDEL', P .. 'users', field) end
end
redis.call('DEL', g, P .. 'intent:' .. account)
redis.call('ZREM', P .. 'intents', account)
redis.call('ZREM', P .. 'probes', account)
redis.call('HDEL', a, 'uid', 'em', 'lk', 'lku', 'int', 'paused')
-- The epoch that was removed, at a generation no rotation reaches: a late one of
-- this epoch is older, a new consent is not.
redis.call('HSET', a, 'st', 'removed', 'why', ARGV[3], 'ep', stored[2] or ARGV[4],
  'gen', '9007199254740991', 'gone', int(now))
note(account, ARGV[6])
tell('account.removed', account, ARGV[3])
wake(account)
return {'removed', state, jobs}
