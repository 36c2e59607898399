-- Line that a job belongs to, and a check if an older job of it may still come. After target.lua;
-- KEYS[2] is the stream of jobs. Bounded: BACK entries of the stream are read.
local BACK = 1000
local aim = {known = nil}

-- True if a later job of the id failed between the create at `made` and `entry`.
local function failed_between(id, made, entry)
  local failed = try('HMGET', P .. 'failure:' .. id .. '#1', 'entry', 'last')
  local function between(at) return type(at) == 'string' and earlier(made, at) and earlier(at, entry) end
  return between(failed[1]) or between(failed[2])
end

-- The create that took an id last before `entry`: its name; nil where it made no meeting
-- and will make none.
local function create_before(A, id, entry)
  local value = call('HGET', P .. 'ids', id)
  local state, run, at
  if value then state, run, at = parse_memory(value) end
  if at and earlier(at, entry) then
    if state == 'L' then
      local create = parse_live(value)
      return create.A == A and create.aim == '' and target.name_of(at, id) or nil
    end
    local owner = made_by(value)
    if owner then return owner == A and not failed_between(id, at, entry) and target.name_of(at, id) or nil end
    if state ~= 'U' then return nil end
    local failure = try('HMGET', P .. 'failure:' .. id .. '#' .. run, 'account', 'job')
    local _, job = pcall(cjson.decode, failure[2] or '')
    local is_create = type(job) == 'table' and job.of == nil and job.meeting_id == nil
    return failure[1] == A and is_create and target.name_of(at, id) or nil
  end
  -- The id is free, or was taken later: by a create of which the register knows, unless a
  -- later one failed.
  local owner, _, m = target.earlier(id, function(m) return earlier(m.entry, entry) end)
  local made = owner == A and m.entry
  if made and failed_between(id, made, entry) then return nil end
  return made and target.name_of(made, id) or nil
end

-- The line's name for what a job names: `c<job id>` or `m<number>`.
function aim.resolve(A, named, entry)
  local kind, what = string.sub(named, 1, 1), string.sub(named, 2)
  if kind == 'm' then return target.canonical('m' .. A .. '/' .. what) end
  return create_before(A, what, entry)
end

-- Reads the targets that older entries of the stream name. Waiting jobs have left the stream, so
-- these are leased, or not admitted yet.
local function look_back(last, batch)
  local known = {names = {}, opaque = {}, beyond = nil}
  local entries = call('XRANGE', KEYS[2], '-', last, 'COUNT', BACK + 1)
  local function note(name, entry, id, A)
    if type(name) == 'number' then name = int(name) end
    if type(name) ~= 'string' then return end
    local list = known.names[name]
    if not list then list = {} known.names[name] = list end
    list[#list + 1] = {entry, id, A}
  end
  for i, e in ipairs(entries) do
    local entry, text = e[1], job_of(e)
    if i > BACK then known.beyond = entry break end
    if not batch[entry] then
      local fine, job = pcall(cjson.decode, text)
      if fine and type(job) == 'table' then
        local id = type(job.id) == 'string' and job.id or entry
        note(id, entry, id, job.account)
        note(job.of, entry, id, job.account)
        local number = job.meeting_id
        note(type(number) == 'string' and (string.gsub(number, '^0+', '')) or number, entry, id, job.account)
      elseif not fine then
        known.opaque[#known.opaque + 1] = {entry, text}
      end
    end
  end
  return known
end

-- The names by which older jobs may call the same meeting: its number, and its create's id.
local function names_of(A, named, entry)
  local kind, what = string.sub(named, 1, 1), string.sub(named, 2)
  if kind == 'm' then
    local m = meeting_of(A, what)
    return m and {what, m.job} or {what}
  end
  local name = create_before(A, what, entry)
  local created, _, number = target.created(name or '')
  return name and created == 'made' and {what, number} or {what}
end

-- True if an entry older than `entry` may name the same target and is not admitted yet. `last` is
-- the newest entry of the batch, `batch` has all of it.
function aim.may_come(A, named, entry, last, batch)
  if not aim.known then aim.known = look_back(last, batch) end
  local known = aim.known
  if known.beyond and earlier(known.beyond, entry) then return true end
  for _, name in ipairs(names_of(A, named, entry)) do
    for _, e in ipairs(known.names[name] or {}) do
      if not earlier(e[1], entry) then break end
      local value = call('HGET', P .. 'ids', e[2])
      local live = value and parse_live(value)
      -- One of another account may still take the id, but never names this meeting.
      local other = type(e[3]) == 'string' and e[3] ~= A and e[2] ~= name
      if not other and (not live or live.entry ~= e[1]) then return true end
    end
    for _, e in ipairs(known.opaque) do
      if not earlier(e[1], entry) then break end
      if string.find(e[2], name, 1, true) or string.find(e[2], '\\u', 1, true) then return true end
    end
  end
  return false
end
