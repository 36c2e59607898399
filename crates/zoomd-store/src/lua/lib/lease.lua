-- Leasing jobs that wait, and waking those that sleep. After fold.lua.
-- A job handed out: {id, `ids` value, letter, epoch, generation, payload, record,
-- `host_day` or `label_day` where it came before today and yesterday's was used up, what is known of its target, its parts as in fold.lua}; letters: R run it (Q: and settle it by the script alone), X its deadline passed or it has a fate, A no such account.

-- Reads what is known of waiting jobs; ids that are not live any more are left out.
local function read_live(ids)
  local found = {}
  for from = 1, #ids, CHUNK do
    local to = math.min(from + CHUNK - 1, #ids)
    local values = call('HMGET', P .. 'ids', unpack(ids, from, to))
    for i = 1, to - from + 1 do
      local live = values[i] and parse_live(values[i])
      if live then live.id, live.value = ids[from + i - 1], values[i] found[#found + 1] = live end
    end
  end
  return found
end

-- Takes leases on jobs of one account; `flags_of(j)` says for what.
local function lease(A, jobs, letter, flags_of, z, fence, lease_ms)
  if #jobs == 0 then return {} end
  local ids, owns, answer, now_text = {}, {}, {}, int(now)
  for i, j in ipairs(jobs) do ids[i] = j.id end
  local payloads = call('HMGET', P .. 'payload:' .. A, unpack(ids))
  local records = call('HMGET', P .. 'record:' .. A, unpack(ids))
  for i, j in ipairs(jobs) do
    owns[#owns + 1] = j.id
    owns[#owns + 1] = format_own(fence, now_text, flags_of(j), z)
    answer[i] = {j.id, j.value, letter, '', '', payloads[i] or '', records[i] or '', j.full or '', target.facts(j)}
  end
  call('ZADD', P .. 'leases', int(now + lease_ms), fence)
  call('HSET', P .. 'owner', unpack(owns))
  call('ZREM', P .. 'deadline', unpack(ids))
  local any = letter == 'R'
  for i, j in ipairs(jobs) do
    -- The start of a create may be later by what is merged into it.
    answer[i][10] = fold.lease(j, any or letter == 'X' and j.aim == '', fence, flags_of(j), z)
  end
  return answer
end

-- Moves due jobs to their rooms: at most `limit`.
local function promote(limit)
  local ids = call('ZRANGEBYSCORE', P .. 'due', '-inf', int(now), 'LIMIT', 0, limit)
  if #ids == 0 then return 0 end
  local ready, stuck, live, entered = {}, {}, read_live(ids), false
  for _, j in ipairs(live) do
    if string.find(j.aim, '^%u%*') then
      target.enters(j)
      entered = true
    end
  end
  -- Jobs that entered a line may have ended others.
  if entered then live = read_live(ids) end
  for _, j in ipairs(live) do
    if j.aim ~= '' and not target.goes(j) then
      -- It has its place in its line, or its end.
    elseif has_room(j) then ready[#ready + 1] = j else stuck[#stuck + 1], stuck[#stuck + 2] = int(now + 60000), j.id end
  end
  into_rooms(ready)
  variadic('ZREM', P .. 'due', ids)
  variadic('ZADD', P .. 'due', stuck)
  target.finish()
  return #ids
end

-- Puts due accounts and rooms in line again: at most `limit`.
local function wake_sleepers(limit)
  local names = call('ZRANGEBYSCORE', P .. 'asleep', '-inf', int(now), 'LIMIT', 0, limit)
  if #names == 0 then return 0 end
  call('ZREM', P .. 'asleep', unpack(names))
  for _, name in ipairs(names) do
    local A, host = string.match(name, '^([^|]*)|(.*)$')
    if A then
      if call('EXISTS', P .. 'room:' .. name) == 0 then
        -- Nothing waits there.
      elseif type(try('ZCARD', P .. 'rooms:' .. A)) == 'table' then
        call('ZADD', P .. 'asleep', int(now + 60000), name)
      else
        call('ZADD', P .. 'rooms:' .. A, 'NX', back(P .. 'rooms:' .. A), host)
        if not call('ZSCORE', P .. 'asleep', A) then ring_push(A) end
      end
    else
      ring_push(name)
    end
  end
  return #names
end

-- Time of the next wake-up by itself; '' while nothing sleeps.
local function next_wake()
  local soonest
  for _, key in ipairs({'asleep', 'due'}) do
    local first = call('ZRANGE', P .. key, 0, 0, 'WITHSCORES')
    if first[2] and (not soonest or tonumber(first[2]) < soonest) then soonest = tonumber(first[2]) end
  end
  return soonest and int(soonest) or ''
end
