--- Places in buffers, as the protocol counts them.
--- Invariant: pure but for reading buffers; a column past a line's end is its end.

local M = {}

local NEW = vim.fn.has('nvim-0.11') == 1

--- Where a byte of a line is, in the server's units.
---@param line string
---@param byte integer
---@param encoding string
function M.column(line, byte, encoding)
  byte = math.min(byte, #line)
  if encoding == 'utf-8' then
    return byte
  end
  if NEW then
    return vim.str_utfindex(line, encoding, byte, false)
  end
  local utf32, utf16 = vim.str_utfindex(line, byte)
  return encoding == 'utf-16' and utf16 or utf32
end

--- A position, from a line and a byte, both 0-based.
function M.position(buffer, line, byte, encoding)
  local text = vim.api.nvim_buf_get_lines(buffer, line, line + 1, false)[1] or ''
  return { line = line, character = M.column(text, byte, encoding) }
end

--- Whole lines, 1-based, the last one included.
function M.lines(first, last)
  return { start = { line = first - 1, character = 0 }, ['end'] = { line = last, character = 0 } }
end

--- The loaded buffer of a file; `bufnr()` would take the name for a pattern.
function M.buffer(uri)
  local name = vim.startswith(uri, 'file:') and vim.uri_to_fname(uri) or uri
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buffer) and vim.api.nvim_buf_get_name(buffer) == name then
      return buffer
    end
  end
end

--- From one mark to another, as they are set by operators and selections.
function M.between(buffer, from, to, kind, encoding)
  local first = vim.api.nvim_buf_get_mark(buffer, from)
  local last = vim.api.nvim_buf_get_mark(buffer, to)
  if kind ~= 'char' then
    return M.lines(first[1], last[1])
  end
  local line = vim.api.nvim_buf_get_lines(buffer, last[1] - 1, last[1], false)[1] or ''
  -- The last letter belongs to it, however many bytes it has.
  local after = last[2] < #line and last[2] + #vim.fn.strpart(line, last[2], 1, true) or #line
  return {
    start = M.position(buffer, first[1] - 1, first[2], encoding),
    ['end'] = M.position(buffer, last[1] - 1, after, encoding),
  }
end

return M
