-- The register of meetings, as scripts see it. After base.lua.
-- `ids` of a job that is done and made a meeting ends in <account>|<number>. In
-- `meeting:<account>` a record stands under the number; meetings/record.rs writes it.
local EARLIER = 16

-- The account and the number of the meeting that a job made, by its `ids` value.
local function made_by(value) return string.match(value, '^D %d+ %S+ %S+ %d* ([^| ]+)|(%d+)$') end

-- A record, parsed: number (text), job, entry, host, kind, start, minutes, ends and
-- deleted (s; nil where there is none; ends is nil of an endless one).
local function parse_meeting(number, text)
  local f, n = {}, 0
  for field in string.gmatch(text .. '|', '([^|]*)|') do n = n + 1 f[n] = field end
  if f[1] ~= '1' or n < 3 then return nil end
  local ms, seq = string.match(f[3], '^(%w+)%-(%w+)$')
  if not ms then return nil end
  local entry_ms = tonumber(ms, 36)
  local entry = int(entry_ms) .. '-' .. int(tonumber(seq, 36))
  local m = {number = number, job = f[2] ~= '' and f[2] or entry, entry = entry,
             host = (f[4] or '') ~= '' and f[4] or 'me', kind = tonumber(f[5] or '') or 2,
             start = tonumber(f[6] or '', 36), minutes = tonumber(f[7] or ''), deleted = tonumber(f[9] or '', 36)}
  m.ends = f[8] ~= '-' and (tonumber(f[8] or '', 36) or (m.start or math.floor(entry_ms / 1000)) + (m.minutes or 60) * 60) or nil
  return m
end

-- The meeting of an account and a number, if the register knows it; with A and text.
local function meeting_of(A, number)
  local text = try('HGET', P .. 'meeting:' .. A, number)
  local m = type(text) == 'string' and parse_meeting(number, text) or nil
  if m then m.A, m.text = A, text end
  return m
end

-- The record of a meeting as it is kept; '' for none.
local function meeting_text(A, number)
  local m = meeting_of(A, number)
  return m and m.text or ''
end

-- Meetings of earlier creates of an id, the oldest first: {account, number} each.
local function earlier_of(id)
  local found, text = {}, try('HGET', P .. 'meeting_earlier', id)
  if type(text) ~= 'string' then return found end
  for A, number in string.gmatch(text, '([^| ]+)|(%d+)') do found[#found + 1] = {A, number} end
  return found
end

-- Keeps the meeting that `value` of `ids` names, when another job takes the id.
local function keep_earlier(id, value)
  local A, number = made_by(value)
  if not A then return end
  local kept, list = earlier_of(id), {}
  for i = math.max(1, #kept - EARLIER + 2), #kept do list[#list + 1] = kept[i][1] .. '|' .. kept[i][2] end
  list[#list + 1] = A .. '|' .. number
  try('HSET', P .. 'meeting_earlier', id, table.concat(list, ' '))
end
