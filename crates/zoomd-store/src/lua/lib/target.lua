-- Line of a target: the jobs that change one meeting run one at a time, in the order of their
-- entries. After meetings.lua. Knows parts of a line, and no kind of job.
--
-- Name of a line: `c<entry of the create>/<its job id>`, or `m<account>/<number>` if no create
-- is known.
-- Hash `target:`, one field for each line: `<high> <normal> <low> <id>`, the number of waiting
-- jobs of each priority and the id of the job that may run (`-`: none). That job is stored like
-- any other: in a room, in a sleeping set, or leased. The rest are stored only in the sorted set
-- `target:<name>`, members `<order>|<part><priority><id>`, all with score 0.
-- Order: the entry id, or the time at which the job became due or was retried. `<order>!<own>`
-- sorts directly before `<order>`.
-- Parts: C the create itself; E ends the jobs that wait before it; P passes waiting F and S;
-- F and S neither.
-- Field of a live job in `ids`: it ends with `<part><order>:<name>` (order `*`: not in a line
-- yet), or with the fate of the job: `!K<id>` cancelled by that job, `!N` nothing left to do,
-- `!M` no meeting, then `!` and the text before it. A job with a fate is only in `deadline`, due
-- at once; expire.lua hands it out to be ended.
local target = {lines = {}, touched = {}, there = nil, woken = false, doomed = false}
local LINES, PAGE = P .. 'target:', 1000

-- True if there are any lines; read once in a script.
function target.any()
  if target.there == nil then
    local n = try('HLEN', LINES)
    target.there = type(n) == 'number' and n > 0
  end
  return target.there
end
function target.exists(name) return target.any() and call('HEXISTS', LINES, name) == 1 end
-- True if the keys of a line have the right types.
function target.is_sound(name)
  return type(try('HLEN', LINES)) ~= 'table' and type(try('ZCARD', P .. 'target:' .. name)) ~= 'table'
end

-- Entry and job id of the create that a line is named by.
local function create_of(name) return string.match(name, '^c([%d%-]+)/(.*)$') end
function target.name_of(entry, id) return 'c' .. entry .. '/' .. id end
local function pad(digits, n) return string.rep('0', n - #digits) .. digits end
local function order_of(entry)
  local ms, seq = string.match(entry, '^(%d+)%-(%d+)$')
  return pad(ms or '0', 15) .. '-' .. pad(seq or '0', 20)
end
local function earlier(a, b) return order_of(a) < order_of(b) end
-- An entry id for the current time.
function target.moment() return int(now) .. '-' .. string.sub(call('TIME')[2], -3) end

-- A meeting whose create is now known belongs to the line of that create.
function target.canonical(name)
  local A, number = string.match(name, '^m([^/]*)/(%d+)$')
  local m = A and meeting_of(A, number)
  return m and target.name_of(m.entry, m.job) or name
end

-- Part, order and line of a job that has a target and no fate.
function target.of(j)
  local part, order, name = string.match(j.aim, '^(%u)([%d!*-]+):(.*)$')
  if part then return part, order, target.canonical(name) end
end

function target.live(id)
  local value = call('HGET', P .. 'ids', id)
  local j = value and parse_live(value)
  if j then j.id = id end
  return j
end
local function is_leased(j) return call('HEXISTS', P .. 'owner', j.id) == 1 end
-- True if a call of the job is under way or unresolved: the target stays taken.
local function is_held(j) return j.mode == 'r' or j.mode == 'p' or j.sent ~= '0' or is_leased(j) end

-- The newest meeting of earlier creates of an id that `fits`: account, number, record.
function target.earlier(id, fits)
  local all = earlier_of(id)
  for i = #all, 1, -1 do
    local m = meeting_of(all[i][1], all[i][2])
    if m and fits(m) then return all[i][1], all[i][2], m end
  end
end

-- State of the create: `live`, `made` (with account and number), `unknown` (with the run) or `none`.
function target.created(name)
  local entry, id = create_of(name)
  if not entry then return 'made', string.match(name, '^m([^/]*)/(%d+)$') end
  local value = call('HGET', P .. 'ids', id) or ''
  local state, run, at = parse_memory(value)
  local A, number
  if at ~= entry then
    A, number = target.earlier(id, function(m) return m.entry == entry end)
  elseif state == 'L' then
    return parse_live(value).aim == '' and 'live' or 'none'
  elseif state == 'U' then
    return 'unknown', run
  else
    A, number = made_by(value)
  end
  if A then return 'made', A, number end
  return 'none'
end

-- Facts about a job's target for the daemon: `<number> <record of the register>`, `unknown <run>`,
-- or the state of its create.
function target.facts(j)
  local _, _, name = target.of(j)
  if not name then return '' end
  local created, A, number = target.created(name)
  if created == 'unknown' then return 'unknown ' .. A end
  return created == 'made' and number .. ' ' .. meeting_text(A, number) or created
end

function target.line(name)
  local l = target.lines[name]
  if l then return l end
  local high, normal, low, head = string.match(call('HGET', LINES, name) or '', '^(%d+) (%d+) (%d+) (.*)$')
  l = {name = name, key = P .. 'target:' .. name, head = head or '-',
       tonumber(high or 0), tonumber(normal or 0), tonumber(low or 0)}
  target.lines[name] = l
  return l
end
-- True if a line takes no more of those that wait: so a step that ends all of them, or moves
-- them to another line, is bounded. A delete makes room, so it is taken.
local FULL = 4000
function target.is_full(name)
  local l = target.line(name)
  return l[1] + l[2] + l[3] >= FULL
end
local function save(l)
  if l[1] + l[2] + l[3] > 0 then
    call('HSET', LINES, l.name, table.concat({int(l[1]), int(l[2]), int(l[3]), l.head}, ' '))
    target.there = true
  else
    call('HDEL', LINES, l.name)
    target.lines[l.name] = nil
  end
end

local function member_text(part, order, prio, id) return order .. '|' .. part .. prio .. id end
local function parse_member(text)
  local order, part, prio, id = string.match(text, '^([%d!-]+)|(%u)(%d)(.*)$')
  return {text = text, order = order, part = part, prio = tonumber(prio) + 1, id = id}
end
local function put(l, part, order, prio, id)
  if call('ZADD', l.key, 0, member_text(part, order, prio, id)) == 1 then
    l[tonumber(prio) + 1] = l[tonumber(prio) + 1] + 1
  end
end
local function drop(l, m)
  if call('ZREM', l.key, m.text) == 1 then l[m.prio] = math.max(0, l[m.prio] - 1) end
  if l.head == m.id then l.head = '-' end
end
local function best(l) return l[1] > 0 and 0 or l[2] > 0 and 1 or 2 end

-- Ends a job: it stays only in `deadline`, and is handed out to end.
local function doom(l, m, j, fate)
  drop(l, m)
  try('ZREM', P .. 'room:' .. j.A .. '|' .. room_of(j), j.id)
  call('ZREM', P .. 'due', j.id)
  local part, _, name = target.of(j)
  j.aim = '!' .. fate .. '!' .. (part and part .. '*:' .. name or '')
  call('HSET', P .. 'ids', j.id, format_live(j))
  call('ZADD', P .. 'deadline', 0, j.id)
  target.doomed = true
end

-- Ends what waits before a member of part E. If that is the create itself, nothing is
-- left for it to do.
local function end_before(l, e)
  local create, kept, texts = false, 0, nil
  repeat
    texts = call('ZRANGE', l.key, kept, kept + PAGE - 1)
    for _, text in ipairs(texts) do
      if text == e.text then texts = {} break end
      local m = parse_member(text)
      local j = target.live(m.id)
      if not j then
        drop(l, m)
      elseif is_held(j) then
        kept = kept + 1
      else
        doom(l, m, j, 'K' .. e.id)
        create = create or m.part == 'C'
      end
    end
  until #texts < PAGE
  if create then doom(l, e, target.live(e.id), 'N') end
end

-- Lets a job continue where other jobs wait. A sleeping one continues when its pause ends.
local function let_go(l, j)
  if call('ZSCORE', P .. 'due', j.id) then return end
  j.lift = best(l)
  if has_room(j) then into_rooms({j}) else call('ZADD', P .. 'due', int(now + 60000), j.id) end
  target.woken = true
end
local function hold_back(j) try('ZREM', P .. 'room:' .. j.A .. '|' .. room_of(j), j.id) end

local function is_passed(m) return m.part == 'F' or m.part == 'S' end
-- Puts a member of part P before another.
local function set_before(l, m, other)
  local j = target.live(m.id)
  drop(l, m)
  if not j then return end
  local _, _, name = target.of(j)
  local order = other.order .. '!' .. string.match(m.order, '[^!]*$')
  j.aim = m.part .. order .. ':' .. name
  call('HSET', P .. 'ids', j.id, format_live(j))
  put(l, m.part, order, j.prio, j.id)
end

-- Frees a job whose carrier ended without it: the job is sent by itself.
local function free(j)
  j.mode = 'c'
  call('HSET', P .. 'ids', j.id, format_live(j))
  if soon(j.dl) then call('ZADD', P .. 'deadline', j.dl, j.id) end
end
-- A member of part E behind jobs that one call carried, which are free again.
local CARRIED = 33
local function end_behind(l)
  for i, text in ipairs(call('ZRANGE', l.key, 0, CARRIED)) do
    local m = parse_member(text)
    if i > 1 and m.part == 'E' then return m end
  end
end

-- Lets the first of a line go, unless the target is taken; ends what has no meeting.
function target.tidy(name)
  local l = target.line(name)
  local created
  while true do
    local texts = call('ZRANGE', l.key, 0, 1)
    if not texts[1] then l[1], l[2], l[3] = 0, 0, 0 break end
    local head = l.head ~= '-' and target.live(l.head)
    -- One that another's call carries is never the first, whichever of them came back before.
    if head and head.mode == 'p' and not is_leased(head) then l.head, head = '-', nil end
    if head and is_held(head) then break end
    local first, second = parse_member(texts[1]), texts[2] and parse_member(texts[2])
    local j = target.live(first.id)
    local leased = j and is_leased(j)
    if j and j.mode == 'p' and not leased then free(j) end
    local held, ends = j and is_held(j), second and second.part == 'E' and second
    if l.freed and not ends then ends = end_behind(l) end
    created = created or first.part ~= 'C' and target.created(l.name) or nil
    if not j then
      drop(l, first)
    elseif ends and not held then
      end_before(l, ends)
    elseif second and second.part == 'P' and is_passed(first) and not held then
      set_before(l, second, first)
    elseif created == 'none' and not held then
      doom(l, first, j, 'M')
    else
      if l.head ~= first.id then
        if head then hold_back(head) end
        l.head = first.id
        if not leased then let_go(l, j) end
      end
      break
    end
  end
  save(l)
end

-- The order of a job that passes those that wait right before it.
local PASSED = 4096
local function pass(l, order)
  local last, at = call('ZREVRANGE', l.key, 0, PASSED), nil
  for _, text in ipairs(last) do
    local m = parse_member(text)
    local j = is_passed(m) and target.live(m.id)
    if not j or is_held(j) then break end
    at = m.order
  end
  return at and at .. '!' .. order or order
end

-- Puts a job into its line, at the place of `entry`. The caller has asked whether the keys
-- are ours.
function target.enter(name, j, part, entry)
  local l, order = target.line(name), order_of(entry)
  local create_entry, id = create_of(name)
  if create_entry and l[1] + l[2] + l[3] == 0 then
    local create = target.live(id)
    if create and create.entry == create_entry and create.aim == '' then
      put(l, 'C', order_of(create_entry), create.prio, id)
      l.head = id
    end
  end
  local lift = best(l) > tonumber(j.prio)
  if part == 'P' then order = pass(l, order) end
  put(l, part, order, j.prio, j.id)
  j.aim = part .. order .. ':' .. name
  call('HSET', P .. 'ids', j.id, format_live(j))
  if part == 'E' then end_before(l, parse_member(member_text(part, order, j.prio, j.id))) end
  local head = lift and l.head ~= '-' and target.live(l.head)
  if head then
    local room = P .. 'room:' .. head.A .. '|' .. room_of(head)
    head.lift = best(l)
    if type(try('ZSCORE', room, head.id)) == 'string' then call('ZADD', room, place_of(head), head.id) end
  end
  target.tidy(name)
end

function target.touch(name) target.touched[name] = true end

-- A job that was not to be sent before now takes its place: by the time when it is due, then by
-- its entry.
function target.enters(j)
  local part, _, name = target.of(j)
  local due, ms, seq = call('ZSCORE', P .. 'due', j.id), string.match(j.entry, '^(%d+)%-(%d+)$')
  call('ZREM', P .. 'due', j.id)
  target.enter(name, j, part, int(tonumber(due) or now) .. '-' .. pad(ms or '0', 13) .. pad(seq or '0', 7))
end

-- True if a job that has slept goes to its room.
function target.goes(j)
  local part, order, name = target.of(j)
  if not part or order == '*' then return false end
  local l = target.line(name)
  j.lift = best(l)
  return l.head == j.id
end

-- A job leaves its line: it is over.
function target.leave(j)
  local part, order, name = target.of(j)
  if not part or order == '*' then return end
  drop(target.line(name), {text = member_text(part, order, j.prio, j.id), prio = tonumber(j.prio) + 1, id = j.id})
  target.touch(name)
end

-- True if a live job that comes back goes to its room; else it has its place already.
function target.place(j)
  if j.aim == '' then
    local name = target.name_of(j.entry, j.id)
    if target.exists(name) then
      put(target.line(name), 'C', order_of(j.entry), j.prio, j.id)
      target.touch(name)
      j.lift = best(target.line(name))
    end
    return true
  end
  local part, order, name = target.of(j)
  if not part then
    call('ZADD', P .. 'deadline', 0, j.id)
    target.doomed = true
    return false
  end
  if order == '*' then return false end
  local l = target.line(name)
  put(l, part, order, j.prio, j.id)
  if l.head == '-' then l.head = j.id end
  if l.head ~= j.id and j.mode ~= 'p' then l.freed = true end
  target.touch(name)
  j.lift = best(l)
  return l.head == j.id and j.mode ~= 'p'
end

-- Puts the line of a meeting's number behind that of its create.
local function merge(name, A, number)
  local from = 'm' .. A .. '/' .. number
  if not target.exists(from) then return end
  local old, l = target.line(from), target.line(name)
  repeat
    local texts = call('ZRANGE', old.key, 0, PAGE - 1)
    for _, text in ipairs(texts) do call('ZADD', l.key, 0, text) end
    if #texts > 0 then call('ZREM', old.key, unpack(texts)) end
  until #texts < PAGE
  for i = 1, 3 do l[i], old[i] = l[i] + old[i], 0 end
  local head = old.head ~= '-' and target.live(old.head)
  if l.head == '-' or head and is_held(head) then l.head = old.head
  elseif head then hold_back(head) end
  save(old)
  save(l)
  target.touch(name)
end

-- A create is over.
function target.create_over(id, entry)
  local name = target.name_of(entry, id)
  if target.exists(name) then
    local l = target.line(name)
    local first = call('ZRANGE', l.key, 0, 0)[1]
    local m = first and parse_member(first)
    if m and m.part == 'C' then drop(l, m) end
    target.touch(name)
  end
  local created, A, number = target.created(name)
  if created == 'made' then merge(name, A, number) end
end

-- Goes through the lines that were touched, last of all in a script: then no lease is left
-- that it ended.
function target.finish()
  for name in pairs(target.touched) do target.tidy(name) end
  target.touched = {}
  if target.woken then try('PUBLISH', P .. 'wake', 'q') end
  if target.doomed then try('PUBLISH', P .. 'wake', 'x') end
end
