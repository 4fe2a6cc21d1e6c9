--- Which words of two lines differ.
--- Invariant: pure; the pieces of a line put together are the line.

local M = {}

local diff = vim.text and vim.text.diff or vim.diff

--- Words, runs of blanks, and single other letters.
local function split(line)
  local pieces = {}
  local at = 1
  while at <= #line do
    local from, to = line:find('^[%w_\128-\255]+', at)
    if not from then
      from, to = line:find('^%s+', at)
    end
    to = to or at
    table.insert(pieces, line:sub(at, to))
    at = to + 1
  end
  return #pieces > 0 and pieces or { '' }
end

--- The byte ranges {from, to} (0-based, the end excluded) of `a` and of `b` that differ.
---@param a string
---@param b string
---@return integer[][], integer[][]
function M.differ(a, b)
  local old, new = split(a), split(b)
  local function text(pieces)
    return table.concat(pieces, '\n') .. '\n'
  end
  local function ends(pieces)
    local out, at = { [0] = 0 }, 0
    for n, piece in ipairs(pieces) do
      at = at + #piece
      out[n] = at
    end
    return out
  end
  local ends_old, ends_new = ends(old), ends(new)
  local left, right = {}, {}
  for _, change in ipairs(diff(text(old), text(new), { result_type = 'indices' })) do
    local from_old, count_old, from_new, count_new = unpack(change)
    if count_old > 0 then
      table.insert(left, { ends_old[from_old - 1], ends_old[from_old + count_old - 1] })
    end
    if count_new > 0 then
      table.insert(right, { ends_new[from_new - 1], ends_new[from_new + count_new - 1] })
    end
  end
  return left, right
end

--- A line in chunks for virtual text: the ranges in `marked`, the rest in `plain`.
function M.chunks(line, ranges, plain, marked)
  local out, at = {}, 0
  for _, range in ipairs(ranges) do
    if range[1] > at then
      table.insert(out, { line:sub(at + 1, range[1]), plain })
    end
    table.insert(out, { line:sub(range[1] + 1, range[2]), marked })
    at = range[2]
  end
  if at < #line or #out == 0 then
    table.insert(out, { line:sub(at + 1), plain })
  end
  return out
end

return M
