-- Ends leases with results, as settle.lua does, where a batch is small and has
-- nothing else to say: after a pause a server's caches hold none of its code, and
-- this is little code. After lib/clock.lua.
-- KEYS  1 prefix  2 jobs  3 results
-- ARGV  1 clock offset  2 boot id  3 number of this settle  4 reply ms  5 the prefix
--       of reply lists  6… each: id, fence, account, 1 when its entry is in the
--       stream, entry, kind, json, reply (0|1), `ids` value without the time
--       ('' when the id goes), story ('' none)
-- Answer  a letter per result, as settle.lua's, and kept for it under the number;
--       nil, and nothing done, when it takes settle.lua after all.
local FIELDS, FIRST = 10, 6
local ids, letters, n = {}, {}, 0
for at = FIRST, #ARGV, FIELDS do
  n = n + 1
  ids[n] = ARGV[at]
end
local owns = call('HMGET', P .. 'own', unpack(ids))
for i = 1, n do
  local fence, granted, flags = string.match(owns[i] or '', '^([^|]*)|(%d+)|(%a*)|')
  letters[i] = fence == ARGV[FIRST + (i - 1) * FIELDS + 1] and 'D' or 'S'
  if letters[i] == 'D' then
    -- Whether its entry is in the stream: a lease that was written back says it is not.
    local hot = string.find(flags, 'h', 1, true) and '1' or '0'
    if hot ~= ARGV[FIRST + (i - 1) * FIELDS + 3] then return false end
    local other_day = math.floor(tonumber(granted) / DAY) ~= math.floor(now / DAY)
    if other_day or string.find(flags, '[^sh]') then return false end
  end
end
-- The first write is a removal, which a full Redis allows.
for i = 1, n do
  local landed = try('ZREM', P .. 'i:' .. ARGV[FIRST + (i - 1) * FIELDS + 2], letters[i] == 'D' and ids[i] or '')
  if refused(landed) then return landed end
end
local done, finished = 0, string.format(' %.0f', math.floor(now / 1000))
for i = 1, n do
  local at = FIRST + (i - 1) * FIELDS
  local id, A, json, value = ids[i], ARGV[at + 2], ARGV[at + 6], ARGV[at + 8]
  if letters[i] == 'D' then
    local out
    if ARGV[at + 9] == '' then
      out = try('XADD', KEYS[3], '*', 'job_id', id, 'account', A, 'kind', ARGV[at + 5], 'result', json)
    else
      out = try('XADD', KEYS[3], '*', 'job_id', id, 'account', A, 'kind', ARGV[at + 5], 'result', json, 'story', ARGV[at + 9])
    end
    if type(out) == 'table' then
      letters[i] = 'E'
    else
      done = done + 1
      if ARGV[at + 7] == '1' then
        try('RPUSH', ARGV[5] .. id, json)
        try('PEXPIRE', ARGV[5] .. id, ARGV[4])
      end
      if value ~= '' then try('HSET', P .. 'ids', id, value .. finished) else try('HDEL', P .. 'ids', id) end
      try('HDEL', P .. 'own', id)
      if ARGV[at + 3] == '1' then
        try('XACK', KEYS[2], 'zoomd', ARGV[at + 4])
        try('XDEL', KEYS[2], ARGV[at + 4])
      else
        try('HDEL', P .. 'p:' .. A, id)
        try('HDEL', P .. 'r:' .. A, id)
      end
    end
  end
end
if done > 0 then try('HINCRBY', P .. 'stats', 'done', done) end
local said_key, answer = P .. 'said:' .. ARGV[2], table.concat(letters)
if try('HSET', said_key, tonumber(ARGV[3]) % 64, ARGV[3] .. ' ' .. answer) == 1 then
  call('PEXPIRE', said_key, 86400000)
end
return answer
