-- Admits few entries of one account, as admit.lua does, where nothing stands in
-- their way: after a pause a server's caches hold none of its code, and this is
-- little code. After lib/clock.lua.
-- KEYS, ARGV and answer  as admit.lua's, for one group
-- Answer  nil, and nothing done, when it takes admit.lua after all.
local lease_ms, send_ms, call_ms = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
-- As budget.lua has them.
local SECOND, MARGIN = 1100, 5000
local label, tod = ARGV[8], now % DAY
if tod < MARGIN or tod >= DAY - MARGIN - send_ms then return false end
if tonumber(ARGV[12]) <= now or ARGV[13] == '1' or ARGV[14] == '1' then return false end
local plans = tonumber(ARGV[15])
local at = 16 + 4 * plans
local N = tonumber(ARGV[at + 1])
local A, host, other = ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
local kinds, ids_at, entries_at, values_at = ARGV[at + 6], at + 7, at + 7 + N, at + 7 + 2 * N
if other ~= '' then return false end

-- Nothing is known of any id, and every entry is pending for who asks.
local memory = call('HMGET', P .. 'ids', unpack(ARGV, ids_at, entries_at - 1))
for i = 1, N do if memory[i] then return false end end
local pending = call('XPENDING', KEYS[2], 'zoomd', ARGV[9], ARGV[10], N, ARGV[7])
if #pending < N then return false end
for i = 1, N do if pending[i][1] ~= ARGV[entries_at + i - 1] then return false end end

-- The account may be used, has no cap, no gate, no line and no room.
local a = try('HMGET', P .. 'a:' .. A, 'st', 'ep', 'gen', 'plan', 'z', 'uid', 'em', 'cap', 'paused', 'lku', 'int')
if a[1] ~= 'active' or a[9] or a[10] or a[11] or (a[8] and tonumber(a[8]) or 0) ~= 0 then return false end
local z, uid = a[5], a[6] ~= '' and a[6]
if not z or z == '' then z = '~' .. A end
if call('HGET', P .. 'meta', 'paused') then return false end
if call('EXISTS', P .. 'gate:' .. z, P .. 'p:' .. A, P .. 'hz:' .. z .. ':' .. label) > 0 then return false end

-- The host's user id is known, as budget.lua's `find_name` has it.
local mine = host == 'me' and uid
if host == 'me' or string.find(host, '@', 1, true) then
  if uid and host ~= 'me' then
    for mail in string.gmatch(a[7] or '', '[^%s,"%[%]]+') do if mail == host then mine = uid end end
  end
  host = mine or try('HGET', P .. 'al:' .. z, host == 'me' and 'me@' .. A or host)
  if type(host) ~= 'string' then return false end
end

-- Its budgets have room for all.
local second, day, host_day
for i = 16, 15 + 4 * plans, 4 do
  if ARGV[i] == (a[4] or 'pro') then second, day, host_day = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]) end
end
if not second then return false end
local ledger, line = P .. 'd:' .. day_of(now) .. ':' .. z, P .. 'b:' .. z .. ':' .. label
local spent = try('HMGET', ledger, 'l:' .. label, 'h:' .. host)
if spent.err then return false end
-- What is no count is admit.lua's to mend.
local function count(text) return not text and 0 or #text < 16 and string.find(text, '^%d+$') and tonumber(text) end
local calls, creates = count(spent[1]), count(spent[2])
if not (calls and creates) or day > 0 and calls + N > day or host_day > 0 and creates + N > host_day then return false end
if second > 0 then
  local last = try('LINDEX', line, second - N)
  if N > second or type(last) == 'table' or last and (tonumber(last) or now) > now - SECOND then return false end
end

-- In-flight entries first: they are the one key not read yet, and end by themselves.
local now_text = string.format('%.0f', now)
local till, flying = string.format('%.0f', now + call_ms), {}
for i = 1, N do flying[2 * i - 1], flying[2 * i] = till, ARGV[ids_at + i - 1] end
local added = try('ZADD', P .. 'i:' .. A, unpack(flying))
if type(added) == 'table' then
  if refused(added) then return added end
  return false
end
-- Then the leases: a key of a wrong type takes back what was written.
local owns, memories = {}, {}
for i = 1, N do
  local id, sent = ARGV[ids_at + i - 1], string.byte(kinds, i) == 121
  owns[2 * i - 1], owns[2 * i] = id, ARGV[2] .. '|' .. now_text .. (sent and '|sh|' or '|h|') .. z
  memories[2 * i - 1], memories[2 * i] = id, ARGV[values_at + i - 1]
end
local function take_back(leased)
  call('ZREM', P .. 'i:' .. A, unpack(ARGV, ids_at, entries_at - 1))
  if leased then call('ZREM', P .. 'lease', ARGV[2]) end
  return false
end
if type(try('ZADD', P .. 'lease', string.format('%.0f', now + lease_ms), ARGV[2])) == 'table' then return take_back() end
if type(try('HSET', P .. 'own', unpack(owns))) == 'table' then return take_back(true) end
if second > 0 then
  for i = 1, N do flying[i] = now_text end
  call('LPUSH', line, unpack(flying, 1, N))
  call('LTRIM', line, 0, second - 1)
  call('PEXPIRE', line, 60000)
end
if call('HINCRBY', ledger, 'l:' .. label, N) == N then call('EXPIRE', ledger, 172800) end
call('HINCRBY', ledger, 'h:' .. host, N)
call('HSET', P .. 'ids', unpack(memories))
return {now_text, string.rep('G', N), {}, {a[2] or '', a[3] or ''}}
