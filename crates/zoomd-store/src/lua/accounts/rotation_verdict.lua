-- Rule N: Zoom refused a token. Only if what is stored is exactly what was stored
-- when it was presented, no other's intent covers it and no candidate is left, the
-- account needs a new consent. Deaths of many at once are the app's trouble.
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  account
-- ARGV[3]  epoch  ARGV[4] generation  ARGV[5] fingerprint that was stored
-- ARGV[6]  fingerprint that was presented
-- ARGV[7]  owner  ARGV[8] intent id
-- ARGV[9]  reason
-- ARGV[10] timeline line (JSON)
-- ARGV[11] most deaths within  ARGV[12] ms, unless they are at most
-- ARGV[13] percent of the accounts; else the app rests
-- ARGV[14] ms
-- ARGV[15] how long the hold after a change of Redis' run id lasts at most, ms
-- ARGV[16] the run id that the asker's beat heard last, or empty
-- Answer:  {written, obtained ms}  {candidates}  {moved}  {covered, id}
--          {mass, deaths}  {hold}: the store may have gone back, nothing is judged
local A = ARGV[2]
local wrong = misplaced(A)
if wrong then return wrongtype(wrong) end
for name, kind in pairs({deaths = 'zset', meta = 'hash', hold = 'hash', beats = 'zset'}) do
  if not holds(P .. name, kind) then return wrongtype(P .. name) end
end
local a, g = P .. 'account:' .. A, P .. 'grant:' .. A
local v = call('HMGET', a, 'st', 'int', 'told')
local s = call('HMGET', g, 'ep', 'gen', 'fp', 'cand', 'dead', 'obt', 'issuer', 'client_id')
call('ZREM', P .. 'asleep', '')
local _, run_at = see_run(ARGV[16])
if hold_ends(run_at, tonumber(ARGV[15])) > 0 then return {'hold'} end

local function give_up(answer)
  if v[2] == ARGV[8] then clear_intent(A) end
  release(A, ARGV[7])
  reopen(A)
  return answer
end

if v[1] ~= 'active' or s[1] ~= ARGV[3] or s[2] ~= ARGV[4] or s[3] ~= ARGV[5] then return give_up({'moved'}) end
if v[2] and v[2] ~= ARGV[8] then return give_up({'covered', v[2]}) end

local refused = {}
for fp in string.gmatch(s[5] or '', '%x+') do refused[#refused + 1] = fp end
local function is_refused(fp)
  for _, r in ipairs(refused) do if r == fp then return true end end
  return false
end
if not is_refused(ARGV[6]) then refused[#refused + 1] = ARGV[6] end
call('HSET', g, 'dead', cjson.encode(refused))
local ok, candidates = pcall(cjson.decode, s[4] or '[]')
local left = not is_refused(s[3])
if ok and type(candidates) == 'table' then
  for _, c in ipairs(candidates) do left = left or not is_refused(c.fp) end
end
if left then return {'candidates'} end

-- A death that a lost reply explains says nothing about the app.
local app = s[8] or ''
if ARGV[9] ~= 'reply_lost' then
  call('ZREMRANGEBYSCORE', P .. 'deaths', '-inf', int(now - tonumber(ARGV[12])))
  local deaths = 1
  for _, member in ipairs(call('ZRANGE', P .. 'deaths', 0, 999)) do
    local client, account = string.match(member, '^(.*)|([^|]*)$')
    if client == app and account ~= A then deaths = deaths + 1 end
  end
  if deaths > tonumber(ARGV[11]) and deaths * 100 > tonumber(ARGV[13]) * call('ZCARD', P .. 'accounts') then
    call('HSET', P .. 'stops', (s[7] or '') .. ' ' .. app,
      int(now + tonumber(ARGV[14])) .. ' * ' .. deaths .. ' accounts died within a minute')
    call('HDEL', g, 'dead')
    return give_up({'mass', deaths})
  end
  call('ZADD', P .. 'deaths', int(now), app .. '|' .. A)
end
call('HSET', a, 'st', 'needs_reauth', 'why', ARGV[9])
if v[2] then clear_intent(A) end
release(A, ARGV[7])
note(A, ARGV[10], waiting(A))
tally(ARGV[9] == 'reply_lost' and 'lost' or 'refused')
if v[3] ~= s[1] then
  call('HSET', a, 'told', s[1])
  tell('account.needs_reauth', A, ARGV[9])
end
try('PUBLISH', P .. 'wake', 't:' .. A)
return {'written', s[6] or '0'}
