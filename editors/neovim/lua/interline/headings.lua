--- Which lines of the chat are its headings, as the server has it: in an answer all that look like one, in what a user wrote those
--- outside of fenced blocks. A block that nobody ends holds nothing.
--- Invariant: a buffer that has not changed is not read again.

local M = {}

local YOU, INTERLINE = '## You', '## Interline'
--- For each buffer: its tick, and what was found then.
local known = {}

--- The heading that a line looks like.
local function heading(line)
  local words = #line <= #INTERLINE + 4 and line:gsub('%s+$', '')
  return (words == YOU or words == INTERLINE) and words or nil
end

--- The fence that a line is.
local function fence(line)
  local indent, marks, info = line:match('^( *)(```+)(.*)$')
  if not marks then
    indent, marks, info = line:match('^( *)(~~~+)(.*)$')
  end
  if not marks or #indent > 3 then
    return nil
  end
  local mark = marks:sub(1, 1)
  return { mark = mark, length = #marks, bare = not info:find('%S'), begins = mark == '~' or not info:find('`', 1, true) }
end

--- Where headings are: their lines' numbers, and which they are.
---@param lines string[]
---@return table<integer, string>
function M.of(lines)
  local marks = {}
  for number, line in ipairs(lines) do
    local first = line:byte(1)
    if first == 35 then -- #
      local which = heading(line)
      marks[#marks + 1] = which and { number = number, heading = which }
    elseif first == 32 or first == 96 or first == 126 then -- a blank, ` or ~
      marks[#marks + 1] = fence(line)
    end
  end
  local longest = {}
  for at = #marks, 1, -1 do
    local mark = marks[at]
    local below = mark.length and longest[mark.mark] or 0
    if mark.length then
      mark.ended = below >= mark.length
      longest[mark.mark] = mark.bare and math.max(below, mark.length) or below
    end
  end
  local found, section, open, held = {}, nil, nil, nil
  for _, mark in ipairs(marks) do
    if mark.heading and open then
      held = mark
    elseif mark.heading then
      if held and held.heading == INTERLINE and mark.heading == YOU then
        found[held.number] = INTERLINE
      end
      found[mark.number] = mark.heading
      section, held = mark.heading, nil
    elseif section ~= INTERLINE then
      if not open and mark.begins and mark.ended then
        open = mark
      elseif open and mark.bare and mark.mark == open.mark and mark.length >= open.length then
        open = nil
      end
    end
  end
  return found
end

--- The same for a buffer.
---@param buffer integer
function M.buffer(buffer)
  local tick = vim.api.nvim_buf_get_changedtick(buffer)
  if not known[buffer] or known[buffer].tick ~= tick then
    known[buffer] = { tick = tick, found = M.of(vim.api.nvim_buf_get_lines(buffer, 0, -1, false)) }
  end
  return known[buffer].found
end

--- Forgets a buffer.
---@param buffer integer
function M.forget(buffer)
  known[buffer] = nil
end

return M
