--- Changes of the agent that wait for review: marked lines, the lines that are gone, the words that differ; going to them, accepting, rejecting.
--- Invariant: what is shown is what the server said last; marks move with the text until it says more.

local client = require('interline.client')
local config = require('interline.config')
local place = require('interline.place')
local words = require('interline.words')

local M = {}

local namespace = vim.api.nvim_create_namespace('interline_hunks')

---@class interline.Hunk
---@field id string
---@field old string[] the lines that stood there
---@field mark integer extmark at its first line
---@field count integer how many lines it has now

local of_buffer = {} ---@type table<integer, interline.Hunk[]>
--- What was said of a file before it had a buffer.
local early = {} ---@type table<string, table[]>

local GROUPS = {
  InterlineAdd = 'DiffAdd',
  InterlineDelete = 'DiffDelete',
  InterlineWord = 'DiffText',
  InterlineGone = 'DiffText',
  InterlineHunk = 'Comment',
  InterlineTitle = 'Title',
  InterlineYou = 'Title',
  InterlineAgent = 'Special',
  InterlineSign = 'Added',
}
for name, link in pairs(GROUPS) do
  vim.api.nvim_set_hl(0, name, { link = link, default = true })
end

--- `textDocument/publishDiagnostics`: hunks are ours to show, all else is Neovim's.
function M.on_publish(err, params, ctx)
  local hunks, rest = {}, {}
  for _, diagnostic in ipairs(params.diagnostics) do
    local data = diagnostic.data
    table.insert(diagnostic.code == 'hunk' and type(data) == 'table' and data.lines and hunks or rest, diagnostic)
  end
  params.diagnostics = rest
  local buffer = place.buffer(params.uri)
  if buffer then
    M.show(buffer, hunks)
  else
    early[params.uri] = hunks
  end
  return vim.lsp.handlers['textDocument/publishDiagnostics'](err, params, ctx)
end

--- A buffer has the server now.
function M.attach(buffer)
  local uri = vim.uri_from_bufnr(buffer)
  if early[uri] then
    M.show(buffer, early[uri])
    early[uri] = nil
  end
end

local function lines_of(text)
  local lines = vim.split(text, '\r?\n')
  if lines[#lines] == '' then
    table.remove(lines)
  end
  return lines
end

--- Marks the lines that a hunk has now, and their words that differ from what stood there.
local function mark_new(buffer, first, new, old)
  for at, line in ipairs(new) do
    local row = first + at - 1
    vim.api.nvim_buf_set_extmark(buffer, namespace, row, 0, {
      line_hl_group = 'InterlineAdd',
      sign_text = config.options.hunks.sign,
      sign_hl_group = 'InterlineSign',
    })
    if old[at] then
      local _, ranges = words.differ(old[at], line)
      for _, range in ipairs(ranges) do
        vim.api.nvim_buf_set_extmark(buffer, namespace, row, range[1], { end_col = range[2], hl_group = 'InterlineWord', priority = 200 })
      end
    end
  end
end

--- The lines that are gone, to be drawn above the hunk.
local function gone(old, new)
  local out = {}
  for at, line in ipairs(old) do
    local ranges = new[at] and words.differ(line, new[at]) or {}
    -- A line that is empty still takes a row.
    table.insert(out, words.chunks(line == '' and ' ' or line, ranges, 'InterlineDelete', 'InterlineGone'))
  end
  return out
end

--- Above the first line of a window nothing is drawn unless there is room made for it.
local function make_room(buffer, count)
  for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
    vim.api.nvim_win_call(window, function()
      local view = vim.fn.winsaveview()
      if view.topline == 1 then
        vim.fn.winrestview({ topline = 1, topfill = count })
      end
    end)
  end
end

--- Shows these, in place of those that are shown.
---@param buffer integer
---@param diagnostics table[]
function M.show(buffer, diagnostics)
  vim.api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
  local total = vim.api.nvim_buf_line_count(buffer)
  local hunks = {}
  for _, diagnostic in ipairs(diagnostics) do
    local first, last = diagnostic.data.lines[1], diagnostic.data.lines[2]
    local old, new = lines_of(diagnostic.data.old), vim.api.nvim_buf_get_lines(buffer, first, last, false)
    mark_new(buffer, first, new, old)
    local below = first >= total
    local options = {}
    if config.options.hunks.deleted and #old > 0 then
      options = { virt_lines = gone(old, new), virt_lines_above = not below }
    end
    if #new == 0 then
      options.sign_text, options.sign_hl_group = '▁', 'InterlineSign'
    end
    local mark = vim.api.nvim_buf_set_extmark(buffer, namespace, math.min(first, total - 1), 0, options)
    if first == 0 and options.virt_lines then
      make_room(buffer, #old)
    end
    table.insert(hunks, { id = diagnostic.data.id, old = old, mark = mark, count = #new })
  end
  of_buffer[buffer] = #hunks > 0 and hunks or nil
  vim.api.nvim_exec_autocmds('User', { pattern = 'InterlineHunks', data = { buffer = buffer, count = #hunks }, modeline = false })
end

--- The current buffer's hunks by their first lines (1-based).
---@return { line: integer, hunk: interline.Hunk }[]
function M.list()
  local buffer = vim.api.nvim_get_current_buf()
  local out = {}
  for _, hunk in ipairs(of_buffer[buffer] or {}) do
    local at = vim.api.nvim_buf_get_extmark_by_id(buffer, namespace, hunk.mark, {})
    if at[1] then
      table.insert(out, { line = at[1] + 1, hunk = hunk })
    end
  end
  table.sort(out, function(a, b)
    return a.line < b.line
  end)
  return out
end

--- Goes to the next hunk, or with -1 to the one before; around the end.
---@param step 1|-1
function M.go(step)
  local hunks, here = M.list(), vim.api.nvim_win_get_cursor(0)[1]
  if #hunks == 0 then
    return client.tell('there is nothing to review in this file')
  end
  local target = step > 0 and hunks[1] or hunks[#hunks]
  for at = step > 0 and 1 or #hunks, step > 0 and #hunks or 1, step do
    local line = hunks[at].line
    if (step > 0 and line > here) or (step < 0 and line < here) then
      target = hunks[at]
      break
    end
  end
  vim.cmd("normal! m'")
  vim.api.nvim_win_set_cursor(0, { target.line, 0 })
end

--- Accepts or rejects the hunk at the cursor, or all of the file.
---@param word "accept"|"reject"
---@param all boolean
function M.review(word, all)
  if all then
    return client.command('hunks.' .. word, { uri = vim.uri_from_bufnr(0) })
  end
  local here = vim.api.nvim_win_get_cursor(0)[1]
  for _, at in ipairs(M.list()) do
    if here >= at.line and here <= at.line + math.max(at.hunk.count, 1) - 1 then
      return client.command('hunk.' .. word, { id = at.hunk.id })
    end
  end
  client.tell('there is no change to review on this line')
end

return M
