-- Shared by the scripts of rotations, after account_lib.lua.

-- True if version (ep, gen) is greater than (ep2, gen2); no version is the least.
local function greater(ep, gen, ep2, gen2)
  if not ep2 then return true end
  if ep ~= ep2 then return ep > ep2 end
  return tonumber(gen) > tonumber(gen2 or 0)
end

-- Counts what became of rotations, by UTC day; kept for eight.
local function tally(what)
  local key = P .. 'counter:rotations:' .. day_of(now)
  try('HINCRBY', key, what, 1)
  try('EXPIRE', key, 691200)
end

local function clear_intent(account)
  call('DEL', P .. 'intent:' .. account)
  call('HDEL', P .. 'account:' .. account, 'int')
  call('ZREM', P .. 'intents', account)
  call('ZREM', P .. 'probes', account)
end

-- Time at which the account's open intent may be probed: the earliest are probed first.
local function probe_at(account, due)
  call('HSET', P .. 'intent:' .. account, 'due', int(due))
  call('ZADD', P .. 'probes', int(due), account)
end

-- The lease goes only if it is `owner`'s. Of a rotation that came to nothing
-- (`rest_ms`) a rest takes its place, or what is left of the longer one that the lease
-- was taken over (`lkr`).
local function release(account, owner, rest_ms)
  local a = P .. 'account:' .. account
  if owner == '' or call('HGET', a, 'lk') ~= owner then return end
  local till = rest_ms and math.max(now + rest_ms, tonumber(call('HGET', a, 'lkr') or 0) or 0) or 0
  if till > now then
    call('HSET', a, 'lk', '-', 'lku', int(till))
    call('HDEL', a, 'lkr')
  else
    call('HDEL', a, 'lk', 'lku', 'lkr')
  end
end

-- Serves the account's jobs again, unless the gate is still closed.
local function reopen(account)
  local v = call('HMGET', P .. 'account:' .. account, 'lku', 'int')
  if not v[2] and (tonumber(v[1] or 0) or 0) <= now then
    wake(account)
  else
    try('PUBLISH', P .. 'wake', 't:' .. account)
  end
end

-- A server that restarted, failed over or was restored may have gone back: whoever
-- sees its new run id first says so for all, and notes when a beat was heard last,
-- before another is written. `heard` is the run id that the asker's own beat heard
-- last, or empty: who remembers one tells a server that forgot everything from the
-- first ever. Answers the run id, and when it was seen first (0 of the first ever).
local function see_run(heard)
  local info = try('INFO', 'server')
  local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)')
  if not run then return '', 0 end
  local seen = call('HMGET', P .. 'meta', 'run_id', 'run_at')
  local at = tonumber(seen[2] or 0) or 0
  if seen[1] == run then
    if at == 0 and heard ~= '' and heard ~= run then
      at = now
      call('HSET', P .. 'meta', 'run_at', int(at))
    end
    return run, at
  end
  at = (seen[1] or heard ~= '') and now or 0
  call('HSET', P .. 'meta', 'run_id', run, 'run_at', int(at))
  local last = call('ZREVRANGE', P .. 'beats', 0, 0, 'WITHSCORES')
  call('DEL', P .. 'hold')
  call('HSET', P .. 'hold', 'last', last[2] or '0')
  return run, at
end

-- Parts of the longest hold: a store whose last beat is so much older than what is
-- remembered is an old one; who is held back asks again so soon.
local OLD, AGAIN = 1 / 4, 1 / 60

-- Time when the hold ends by itself; 0 when it is over.
local function hold_ends(run_at, longest)
  if run_at == 0 or run_at + longest <= now then return 0 end
  if call('HGET', P .. 'hold', 'over') then return 0 end
  return run_at + longest
end
