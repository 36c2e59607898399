-- Shared by the scripts of rotations, after account_lib.lua.

-- Whether version (ep, gen) is greater than (ep2, gen2); nothing is the least.
local function greater(ep, gen, ep2, gen2)
  if not ep2 then return true end
  if ep ~= ep2 then return ep > ep2 end
  return tonumber(gen) > tonumber(gen2 or 0)
end

-- Counts what became of rotations, by UTC day; kept for eight.
local function tally(what)
  local key = P .. 'n:rotations:' .. day_of(now)
  try('HINCRBY', key, what, 1)
  try('EXPIRE', key, 691200)
end

local function clear_intent(account)
  call('DEL', P .. 'int:' .. account)
  call('HDEL', P .. 'a:' .. account, 'int')
  call('ZREM', P .. 'intents', account)
end

-- The lease goes only if it is `owner`'s; a rest may take its place.
local function release(account, owner, rest_ms)
  local a = P .. 'a:' .. account
  if owner == '' or call('HGET', a, 'lk') ~= owner then return end
  if rest_ms and rest_ms > 0 then
    call('HSET', a, 'lk', '-', 'lku', int(now + rest_ms))
  else
    call('HDEL', a, 'lk', 'lku')
  end
end

-- Serves the account's jobs again, unless the gate is still closed.
local function reopen(account)
  local v = call('HMGET', P .. 'a:' .. account, 'lku', 'int')
  if not v[2] and (tonumber(v[1] or 0) or 0) <= now then
    wake(account)
  else
    try('PUBLISH', P .. 'wake', 't:' .. account)
  end
end
