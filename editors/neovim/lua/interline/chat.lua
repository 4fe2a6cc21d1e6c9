--- The chat: a split of its own for the Markdown buffer into which the server writes, with folds and signs.
--- Invariant: a window that the user works in is never taken for it, nor is its cursor moved.

local client = require('interline.client')
local config = require('interline.config')
local headings = require('interline.headings')

local M = {}

local namespace = vim.api.nvim_create_namespace('interline_chat')
local SIGNS = { ['## You'] = { '❯', 'InterlineYou' }, ['## Interline'] = { '◆', 'InterlineAgent' } }
--- For each buffer: which heading each of its signs is for.
local signs = {}
--- How many asks are under way whose chat must not take the focus.
local quiet = 0

--- Whether a buffer, or a file by that name, is the chat.
---@param which integer|string
function M.is(which)
  local name = type(which) == 'number' and vim.api.nvim_buf_get_name(which) or which
  return name:find('/.interline/chat.md', 1, true) ~= nil
end

--- The chat's buffer and window, as far as they are there.
function M.find()
  for _, window in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
    local buffer = vim.api.nvim_win_get_buf(window)
    if M.is(buffer) then
      return buffer, window
    end
  end
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buffer) and M.is(buffer) then
      return buffer, nil
    end
  end
end

--- Shows the chat and goes to it.
function M.open()
  client.command('chat')
end

--- Runs `work(done)`; until `done` is called the chat opens beside the user, without taking the focus.
function M.keep_focus(work)
  quiet = quiet + 1
  local once = false
  work(function()
    if not once then
      once, quiet = true, quiet - 1
    end
  end)
end

--- `window/showDocument`: the chat has its place; all else is Neovim's matter.
function M.on_show(err, params, ctx)
  local file = vim.startswith(params.uri, 'file:') and vim.uri_to_fname(params.uri) or ''
  if not M.is(file) then
    return vim.lsp.handlers['window/showDocument'](err, params, ctx)
  end
  M.show(file, params.takeFocus and quiet == 0)
  return { success = true }
end

--- Shows the chat's file in its split.
function M.show(file, focus)
  local before = vim.api.nvim_get_current_win()
  local _, window = M.find()
  if window then
    vim.api.nvim_set_current_win(window)
  else
    local options = config.options.chat
    vim.cmd(('keepalt %s %dsplit %s'):format(options.split, options.size, vim.fn.fnameescape(file)))
    M.dress(vim.api.nvim_get_current_win())
  end
  vim.cmd('normal! G0')
  if not focus then
    vim.api.nvim_set_current_win(before)
  end
end

--- How the chat's window looks.
function M.dress(window)
  local own = vim.wo[window][0]
  own.wrap, own.linebreak, own.number, own.relativenumber = true, true, false, false
  own.signcolumn, own.winfixwidth, own.fillchars = 'yes:1', true, 'fold: ,eob: '
  if config.options.chat.folds then
    own.foldmethod, own.foldlevel = 'expr', 1
    own.foldexpr = "v:lua.require'interline.chat'.fold(v:lnum)"
    own.foldtext = "v:lua.require'interline.chat'.foldtext()"
  end
end

--- The line that opens the block which ends here. The server shortens what it shows, so it is near.
local function opening(number)
  local above = vim.api.nvim_buf_get_lines(0, math.max(0, number - 200), number - 1, false)
  for at = #above, 1, -1 do
    if vim.startswith(above[at], '```') then
      return above[at]
    end
  end
  return ''
end

--- A section is a fold, a diff in it another.
function M.fold(number)
  if headings.buffer(vim.api.nvim_get_current_buf())[number] then
    return '>1'
  end
  local line = vim.fn.getline(number)
  if vim.startswith(line, '```diff') then
    return '>2'
  elseif line == '```' and opening(number):match('^```diff') then
    return '<2'
  end
  return '='
end

function M.foldtext()
  local first, count = vim.fn.getline(vim.v.foldstart), vim.v.foldend - vim.v.foldstart - 1
  if not vim.startswith(first, '```') then
    return ('%s ⋯ %d lines'):format(first, count)
  end
  local added, removed = 0, 0
  for _, line in ipairs(vim.fn.getline(vim.v.foldstart + 1, vim.v.foldend - 1)) do
    added = added + (line:match('^%+') and not line:match('^%+%+%+ ') and 1 or 0)
    removed = removed + (line:match('^%-') and not line:match('^%-%-%- ') and 1 or 0)
  end
  return ('  diff: +%d −%d ⋯ %d lines'):format(added, removed, count)
end

--- Follows what is written into the chat.
function M.attach(buffer)
  if not M.is(buffer) or vim.b[buffer].interline_chat then
    return
  end
  vim.b[buffer].interline_chat = true
  M.sign(buffer)
  local later = false
  vim.api.nvim_buf_attach(buffer, false, {
    on_lines = function()
      if later then
        return
      end
      later = true
      vim.schedule(function()
        later = false
        if vim.api.nvim_buf_is_valid(buffer) then
          M.sign(buffer)
          M.follow(buffer)
        end
      end)
    end,
    on_detach = function()
      vim.b[buffer].interline_chat = nil
      signs[buffer] = nil
      headings.forget(buffer)
    end,
  })
end

--- Marks who speaks. A mark that is right already stays.
function M.sign(buffer)
  local found, known, right = headings.buffer(buffer), signs[buffer] or {}, {}
  signs[buffer] = known
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(buffer, namespace, 0, -1, {})) do
    local id, number = mark[1], mark[2] + 1
    if known[id] == found[number] and known[id] and not right[number] then
      right[number] = true
    else
      vim.api.nvim_buf_del_extmark(buffer, namespace, id)
      known[id] = nil
    end
  end
  for number, which in pairs(found) do
    if not right[number] then
      local sign = SIGNS[which]
      local look = { sign_text = sign[1], sign_hl_group = sign[2], line_hl_group = sign[2] }
      known[vim.api.nvim_buf_set_extmark(buffer, namespace, number - 1, 0, look)] = which
    end
  end
end

--- A chat that nobody stands in shows its end.
function M.follow(buffer)
  for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
    if window ~= vim.api.nvim_get_current_win() then
      vim.api.nvim_win_set_cursor(window, { vim.api.nvim_buf_line_count(buffer), 0 })
    end
  end
end

--- Sends what stands under the last "## You".
function M.send()
  client.command('send', nil, nil, (M.find()))
end

return M
