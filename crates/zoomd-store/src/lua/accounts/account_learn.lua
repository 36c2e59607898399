-- Records which Zoom user and account a stored grant belongs to.
--
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  account
-- ARGV[3]  epoch of the grant it was learnt with
-- ARGV[4]  Zoom account, Zoom user, aliases (JSON); empty: not known
-- Answer:  {learnt}, {changed} when that grant is not the stored one any more,
--          {held, other} when another account has a grant of this Zoom user
local account, epoch, z, uid, em = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local wrong = misplaced(account)
if wrong then return wrongtype(wrong) end
local a = P .. 'account:' .. account
local stored = redis.call('HMGET', a, 'st', 'ep', 'uid')
if not stored[1] or stored[1] == 'removed' or stored[2] ~= epoch then return {'changed'} end
inherit(account, z)
if z ~= '' then redis.call('HSET', a, 'z', z) end
count_as(account, uid, em)
if em ~= '[]' then redis.call('HSET', a, 'em', em) end
if uid == '' then return {'learnt'} end
local client = redis.call('HGET', P .. 'grant:' .. account, 'client_id') or ''
if stored[3] and stored[3] ~= uid and redis.call('HGET', P .. 'users', client .. '|' .. stored[3]) == account then
  redis.call('HDEL', P .. 'users', client .. '|' .. stored[3])
end
redis.call('HSET', a, 'uid', uid)
local holder = redis.call('HGET', P .. 'users', client .. '|' .. uid)
if holder and holder ~= account then return {'held', holder} end
redis.call('HSET', P .. 'users', client .. '|' .. uid, account)
return {'learnt'}
