-- Shared by the scripts of connect links, after account_lib.lua. ARGV[2] is the
-- digest of what was handed out.

-- A link that is good now: {account, plan, take over, until, label, way back}; else nothing. Its
-- account may have been removed since it was made, also without a trace but its
-- entry in `tomb`: what was removed comes back only by a link made afterwards.
local function open_link(digest)
  local key = P .. 'link:' .. digest
  if redis.call('TYPE', key).ok ~= 'hash' then return {} end
  local l = redis.call('HMGET', key, 'account', 'plan', 'take', 'until', 'made', 'tomb', 'buried',
    'label', 'back')
  if not l[1] or not l[4] or tonumber(l[4]) <= now then return {} end
  if holds(P .. 'account:' .. l[1], 'hash') then
    local gone = redis.call('HGET', P .. 'account:' .. l[1], 'gone')
    if gone and tonumber(gone) >= tonumber(l[5]) then return {} end
  end
  local buried = holds(P .. 'tombs', 'hash') and redis.call('HGET', P .. 'tombs', l[6]) or ''
  if buried ~= '' and buried ~= l[7] then return {} end
  return {l[1], l[2], l[3], l[4], l[8] or '', l[9] or ''}
end
