-- A process that keeps a rotation journal says that it is there and, while the hold
-- after a change of Redis' run id lasts, what its journals and its memory say. The
-- hold ends when all have reported that are in the list of the store or in the
-- memory of one of them; at the latest by itself.
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  the process
-- ARGV[3]  run id to whose server all it holds is committed, or empty
-- ARGV[4]  JSON list: the processes whose journals it has taken over
-- ARGV[5]  JSON list: the processes it saw alive within the last ten minutes
-- ARGV[6]  the last beat it knows of, ms; empty: it has no memory from before
-- ARGV[7]  how long the hold lasts at most, ms. A store whose last beat is a quarter
--          of that older than one that is remembered is an old one: then it does
-- ARGV[8]  the run id that its beat before this one heard, or empty
-- Answer:  {run id, until when the hold lasts or 0, now, {process, beat, …}, {gone, …}}
local KEPT, SEEN, MOST = DAY, 600000, 200
local beats, hold, gone = P .. 'beats', P .. 'hold', P .. 'gone'
for name, kind in pairs({
  beats = 'zset', hold = 'hash', gone = 'zset', meta = 'hash', asleep = 'zset', daemons = 'zset',
}) do
  if not holds(P .. name, kind) then return wrongtype(P .. name) end
end
local me, longest = ARGV[2], tonumber(ARGV[7])
local journals, seen = cjson.decode(ARGV[4]), cjson.decode(ARGV[5])
call('ZREM', P .. 'asleep', '')
local run, run_at = see_run(ARGV[8])
call('ZADD', beats, int(now), me)
call('ZREMRANGEBYSCORE', beats, '-inf', int(now - KEPT))
call('ZREMRANGEBYSCORE', gone, '-inf', int(now - SEEN))

local ends = hold_ends(run_at, longest)
if ends > 0 then
  local last = tonumber(call('HGET', hold, 'last') or 0) or 0
  local told = {}
  for _, id in ipairs(seen) do told[#told + 1], told[#told + 2] = 'k:' .. id, '1' end
  if ARGV[3] == run then
    journals[#journals + 1] = me
    for _, id in ipairs(journals) do told[#told + 1], told[#told + 2] = 'r:' .. id, '1' end
  end
  local remembered = tonumber(ARGV[6])
  if remembered then
    told[#told + 1], told[#told + 2] = 'memory', '1'
    if remembered - last > longest * OLD then told[#told + 1], told[#told + 2] = 'old', '1' end
  end
  if #told > 0 then call('HSET', hold, unpack(told)) end

  -- Daemons of the version before say no more than that they are there.
  local said, known = {}, {}
  for _, list in ipairs({beats, P .. 'daemons'}) do
    local ids = call('ZRANGEBYSCORE', list, int(last - SEEN), '+inf', 'LIMIT', 0, MOST)
    for _, id in ipairs(ids) do known[#known + 1] = id end
  end
  local all = call('HGETALL', hold)
  for i = 1, #all, 2 do
    said[all[i]] = true
    local id = string.match(all[i], '^k:(.*)$')
    if id then known[#known + 1] = id end
  end
  local over = said.memory and not said.old
  for _, id in ipairs(known) do over = over and said['r:' .. id] end
  if over then
    call('HSET', hold, 'over', '1')
    ends = 0
  end
end
return {run, int(ends), int(now), call('ZREVRANGE', beats, 0, MOST - 1, 'WITHSCORES'), call('ZRANGE', gone, 0, MOST - 1)}
