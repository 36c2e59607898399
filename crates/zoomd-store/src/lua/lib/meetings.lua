-- The register of meetings, as scripts see it. After base.lua.
-- The account and the number of the meeting that a job made, by its `ids` value.
local function made_by(value)
  if string.sub(value, 1, 1) == 'D' then return '*', '0' end
end
-- The meeting of an account and a number, if the register knows it.
local function meeting_of(A, number) return nil end
-- The record of a meeting as it is kept; '' for none.
local function meeting_text(A, number) return '' end
-- Meetings of earlier creates of an id, the oldest first: {account, number} each.
local function earlier_of(id) return {} end
