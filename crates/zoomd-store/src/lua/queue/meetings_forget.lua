-- Forgets meetings whose time in the register is over, a few at each call. The lists
-- of an account's numbers are gone through one after the other; a list is turned once
-- around, and what goes on is put at its end again. A meeting that jobs wait for stays.
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 the list the last call ended at ('' none)  3 numbers of it
--       that are not looked at yet  4 numbers to look at  5 kept ms
-- Answer  {list, numbers of it that are left, forgotten}; list '' when all were seen
local list, left, most, keep_s = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]) / 1000
local now_s, months, forgotten = now / 1000, P .. 'meeting_months', 0

-- True if a meeting of the month may have ended long enough ago.
local function is_due(month)
  if month == 'never' then return true end
  local y, m = tonumber(string.sub(month, 1, 4)), tonumber(string.sub(month, 5, 6))
  local y0, m0 = date_of(math.floor((now_s - keep_s) / 86400))
  return y < y0 or y == y0 and m <= m0
end

-- Removes an id's reference to this meeting.
local function forget_id(m, name)
  local known = try('HGET', P .. 'ids', m.job)
  if type(known) == 'string' then
    local A, number = made_by(known)
    if A and A .. '|' .. number == name then try('HDEL', P .. 'ids', m.job) end
  end
  local rest, kept = {}, earlier_of(m.job)
  for _, e in ipairs(kept) do if e[1] .. '|' .. e[2] ~= name then rest[#rest + 1] = e[1] .. '|' .. e[2] end end
  if #rest == #kept then return end
  if #rest == 0 then try('HDEL', P .. 'meeting_earlier', m.job)
  else try('HSET', P .. 'meeting_earlier', m.job, table.concat(rest, ' ')) end
end

-- Reads some numbers of one list.
local function turn(A, month, count)
  local key, hash = P .. 'meetings:' .. A .. '|' .. month, P .. 'meeting:' .. A
  local numbers = try('LPOP', key, count)
  if type(numbers) ~= 'table' or numbers.err then numbers = {} end
  local texts = #numbers > 0 and try('HMGET', hash, unpack(numbers)) or {}
  local seen, stay, gone = {}, {}, {}
  for i, number in ipairs(numbers) do
    local text = not seen[number] and type(texts[i]) == 'string' and texts[i]
    local m = text and parse_meeting(number, text)
    seen[number] = true
    if m then
      local y, mo = date_of(math.floor((m.ends or 0) / 86400))
      local its = m.ends and string.format('%04d%02d', y, mo) or 'never'
      -- One that was moved to another month stands in that list too.
      if its == month then
        local line = 'c' .. m.entry .. '/' .. m.job
        if m.ends and m.ends + keep_s <= now_s and try('HEXISTS', P .. 'target:', line) ~= 1 then
          gone[#gone + 1] = number
          forget_id(m, A .. '|' .. number)
        else
          stay[#stay + 1] = number
        end
      end
    elseif text then
      -- Of a later version: it is not ours to judge.
      stay[#stay + 1] = number
    end
  end
  variadic('HDEL', hash, gone)
  variadic('RPUSH', key, stay)
  if call('EXISTS', key) == 0 then call('ZREM', months, A .. '|' .. month) end
  forgotten = forgotten + #gone
  return #numbers
end

while most > 0 do
  if left == 0 then
    local next = call('ZRANGEBYLEX', months, list == '' and '-' or '(' .. list, '+', 'LIMIT', 0, 1)
    if not next[1] then return {'', 0, forgotten} end
    list = next[1]
    most = most - 1
    local A, month = string.match(list, '^([^|]*)|(.*)$')
    if A and is_due(month) then
      local length = try('LLEN', P .. 'meetings:' .. list)
      if type(length) ~= 'number' then length = 0 end
      if length == 0 then call('ZREM', months, list) end
      left = length
    end
  else
    local A, month = string.match(list, '^([^|]*)|(.*)$')
    local looked = turn(A, month, math.min(left, most))
    most, left = most - math.max(looked, 1), looked == 0 and 0 or left - looked
  end
end
return {list, left, forgotten}
