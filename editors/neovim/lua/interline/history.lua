--- The undo history of files that no buffer holds: what the agent writes there becomes a step of it, so that |u| takes it back in the opened file, and
--- the steps before stay. (Neovim itself drops the whole history of a file that somebody else has written.)
--- Invariant: no file but the history is read or written, none is opened; a history that does not fit the file's text is ignored by Neovim.

local config = require('interline.config')
local place = require('interline.place')

local M = {}

--- The lines that a buffer has of a file's text.
local function lines_of(text)
  local lines = vim.split(text, '\n', { plain = true })
  if lines[#lines] == '' then
    table.remove(lines)
  end
  for _, line in ipairs(lines) do
    if line:sub(-1) ~= '\r' then
      return lines
    end
  end
  return vim.tbl_map(function(line)
    return line:sub(1, -2)
  end, lines)
end

--- How many lines are the same at the beginning, and at the end.
local function same_ends(old, new)
  local most, head, tail = math.min(#old, #new), 0, 0
  while head < most and old[head + 1] == new[head + 1] do
    head = head + 1
  end
  while tail < most - head and old[#old - tail] == new[#new - tail] do
    tail = tail + 1
  end
  return head, tail
end

--- In a buffer of nobody: its history becomes that of the file, with one step more.
local function continue(buffer, file, old, new)
  local levels = vim.bo[buffer].undolevels
  -- How the old text came there is no step.
  vim.bo[buffer].undolevels = -1
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, old)
  vim.bo[buffer].undolevels = levels
  local name = vim.fn.fnameescape(file)
  if vim.uv.fs_stat(file) then
    -- One that does not fit the old text is of no use any more.
    vim.cmd('silent! rundo ' .. name)
  end
  local head, tail = same_ends(old, new)
  vim.api.nvim_buf_set_lines(buffer, head, #old - tail, false, vim.list_slice(new, head + 1, #new - tail))
  vim.cmd('silent wundo ' .. name)
end

--- `interline/written {uri, before, after}`.
function M.on_written(_, params)
  if not (config.options.history and vim.go.undofile) or place.buffer(params.uri) then
    return
  end
  local file = vim.fn.undofile(vim.uri_to_fname(params.uri))
  if file == '' then
    return
  end
  local buffer = vim.api.nvim_create_buf(false, true)
  local ok, err = pcall(vim.api.nvim_buf_call, buffer, function()
    continue(buffer, file, lines_of(params.before), lines_of(params.after))
  end)
  vim.api.nvim_buf_delete(buffer, { force = true })
  if not ok then
    vim.lsp.log.warn('interline: the undo history of ' .. params.uri .. ' ends here: ' .. tostring(err))
  end
end

return M
