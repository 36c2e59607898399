-- Updates that one call carries: those directly behind the job that makes the call, in the line
-- of its target. After target.lua. Each of these parts is leased with its carrier, under the same
-- fence, with the flags `fp`, and `s` if the carrier's call may have been sent.
-- The mode of a part is p while an unresolved call holds it, and a once Zoom refused a call with
-- it: then it is sent by itself. The daemon decides how many of them its request takes.
-- A part handed out: {id, `ids` value, payload, record}.
-- `send_ms` is set by the script: grant to send at the latest; nil: nothing new is merged.
local fold = {send_ms = nil, MOST = 32, BYTES = 65536}

-- True if a job can go with the next call of a job before it.
local function can_go(p, A, fence)
  local own = call('HGET', P .. 'owner', p.id)
  if own then
    local o = parse_own(own)
    return o and o.fence == fence and string.find(o.flags, 'p', 1, true)
  end
  return p.A == A and p.mode ~= 'r' and p.mode ~= 'a' and p.sent == '0'
    and tonumber(p.dl) > now + fold.send_ms and not call('ZSCORE', P .. 'due', p.id)
end

-- The line in which a job can carry others; nil: it carries none. `fresh`: new ones too.
local function line_behind(j, fresh)
  if j.mode ~= 'r' and not (fresh and fold.send_ms and j.mode ~= 'a') then return nil end
  if j.aim == '' then
    local name = target.name_of(j.entry, j.id)
    return target.exists(name) and name
  end
  local part, order, name = target.of(j)
  return part == 'F' and order ~= '*' and name
end

-- Jobs that a job carries: held by its unresolved call, else what can go with its next one.
local function parts_of(j, fresh, fence)
  local name, found, bytes = line_behind(j, fresh), {}, 0
  if not name then return found end
  for i, text in ipairs(call('ZRANGE', P .. 'target:' .. name, 0, fold.MOST - 1)) do
    local m = parse_member(text)
    if i == 1 then
      if m.id ~= j.id then break end
    else
      local p = m.part == 'F' and target.live(m.id)
      local goes = p and (j.mode == 'r' and p.mode == 'p' and call('HEXISTS', P .. 'owner', p.id) == 0
                          or j.mode ~= 'r' and can_go(p, j.A, fence))
      if not goes then break end
      p.payload = call('HGET', P .. 'payload:' .. j.A, p.id) or ''
      bytes = bytes + #p.payload
      if bytes > fold.BYTES then break end
      found[#found + 1] = p
    end
  end
  return found
end

-- Leases what a job carries; `flags` and `z` are of its own lease.
function fold.lease(j, fresh, fence, flags, z)
  local ids, owns, answer = {}, {}, {}
  for i, p in ipairs(parts_of(j, fresh, fence)) do
    local sent = j.mode ~= 'r' and string.find(flags, 's', 1, true) and 's' or ''
    local record = try('HGET', P .. 'record:' .. j.A, p.id)
    ids[i] = p.id
    owns[2 * i - 1], owns[2 * i] = p.id, format_own(fence, int(now), sent .. 'fp', z)
    answer[i] = {p.id, format_live(p), p.payload, type(record) == 'string' and record or ''}
  end
  if #ids > 0 then
    call('HSET', P .. 'owner', unpack(owns))
    call('ZREM', P .. 'deadline', unpack(ids))
  end
  return answer
end
