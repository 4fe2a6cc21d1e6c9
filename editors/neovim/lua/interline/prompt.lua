--- Permission prompts: a floating window with the diff, and y / a / n in it.
--- Invariant: only a key that was pressed in the window, or a command that names the answer, is an answer. A window that is closed, an error,
--- a prompt that was settled elsewhere: all are none.

local client = require('interline.client')
local config = require('interline.config')

local M = {}

---@class interline.Prompt
---@field params table what the server asked
---@field answer fun(answer: table|vim.NIL)

--- Those that wait, the oldest first; the first one is shown.
local waiting = {} ---@type interline.Prompt[]
local window, buffer ---@type integer?, integer?
--- When the last key was pressed, and when the window took the focus by itself.
local last_key, took_focus = vim.uv.now(), nil
--- Keys that were on their way when the window took the focus are not meant for it.
local GRACE = 300

vim.on_key(function()
  last_key = vim.uv.now()
end, vim.api.nvim_create_namespace('interline_keys'))

local function close()
  if window and vim.api.nvim_win_is_valid(window) then
    vim.api.nvim_win_close(window, true)
  end
  window, buffer, took_focus = nil, nil, nil
end

--- What the window says.
local function content(params)
  local lines = { params.title }
  local diff = params.diff and vim.split(vim.trim(params.diff), '\n') or {}
  if #diff > 0 then
    table.insert(lines, '')
    -- The title names the file already.
    while diff[1] and (vim.startswith(diff[1], '---') or vim.startswith(diff[1], '+++')) do
      table.remove(diff, 1)
    end
    vim.list_extend(lines, diff)
  elseif #params.patterns > 0 and params.patterns[1] ~= params.title then
    vim.list_extend(lines, params.patterns)
  end
  return lines
end

local function always(params)
  local patterns = table.concat(params.always or {}, ', ')
  return patterns == '*' and 'every ' .. params.tool or patterns
end

local function paint(lines)
  local namespace = vim.api.nvim_create_namespace('interline_prompt')
  local groups = { ['+'] = 'InterlineAdd', ['-'] = 'InterlineDelete', ['@'] = 'InterlineHunk' }
  for at, line in ipairs(lines) do
    local group = at == 1 and 'InterlineTitle' or groups[line:sub(1, 1)]
    if group then
      vim.api.nvim_buf_set_extmark(buffer, namespace, at - 1, 0, { line_hl_group = group })
    end
  end
end

--- Shows the oldest prompt, if there is one.
local function show()
  close()
  local prompt = waiting[1]
  if not prompt then
    return
  end
  local lines = content(prompt.params)
  local footer = (' y once · a always %s · n no, and why '):format(always(prompt.params))
  local width = vim.fn.strdisplaywidth(footer)
  for _, line in ipairs(lines) do
    width = math.max(width, vim.fn.strdisplaywidth(line))
  end
  local more = #waiting > 1 and (' +%d more '):format(#waiting - 1) or ''
  buffer = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, vim.split(table.concat(lines, '\n'), '\n'))
  vim.bo[buffer].modifiable, vim.bo[buffer].bufhidden, vim.bo[buffer].filetype = false, 'wipe', 'interline-prompt'
  paint(lines)
  M.keys(buffer, prompt)
  local idle = config.options.prompt.idle
  local enter = idle and vim.api.nvim_get_mode().mode == 'n' and vim.uv.now() - last_key >= idle
  took_focus = enter and vim.uv.now() or nil
  width = math.min(width, vim.o.columns - 4)
  local height = math.min(#lines, config.options.prompt.height, vim.o.lines - 6)
  window = vim.api.nvim_open_win(buffer, enter or false, {
    relative = 'editor',
    anchor = 'NE',
    row = 1,
    col = vim.o.columns - 1,
    width = width,
    height = math.max(height, 1),
    style = 'minimal',
    border = 'rounded',
    title = (' Interline: %s? '):format(prompt.params.tool) .. more,
    footer = footer,
    zindex = 60,
  })
  vim.cmd.redraw()
end

local function settle(prompt, answer)
  for at, other in ipairs(waiting) do
    if other == prompt then
      table.remove(waiting, at)
      prompt.answer(answer)
      show()
      return
    end
  end
end

--- Refuses; the reason, if there is one, is told to the model.
local function refuse(prompt)
  vim.ui.input({ prompt = 'Why not? (for the model; empty: no reason) ' }, function(reason)
    if reason then
      settle(prompt, { reply = 'reject', message = reason ~= '' and reason or nil })
    end
  end)
end

function M.keys(of, prompt)
  local function map(key, run)
    vim.keymap.set('n', key, function()
      local early = took_focus and vim.uv.now() - took_focus < GRACE
      if not early then
        run()
      end
    end, { buffer = of, nowait = true })
  end
  map('y', function()
    settle(prompt, { reply = 'once' })
  end)
  map('a', function()
    settle(prompt, { reply = 'always' })
  end)
  map('n', function()
    refuse(prompt)
  end)
  for _, key in ipairs({ 'q', '<Esc>' }) do
    map(key, function()
      vim.cmd.wincmd('p')
    end)
  end
end

--- `interline/permission`.
function M.on_permission(_, params)
  local routine = coroutine.running()
  table.insert(waiting, {
    params = params,
    answer = function(answer)
      vim.schedule(function()
        coroutine.resume(routine, answer)
      end)
    end,
  })
  vim.schedule(show)
  return coroutine.yield()
end

--- A prompt was answered in another way.
function M.settled(id)
  for _, prompt in ipairs(waiting) do
    if prompt.params.id == id then
      return settle(prompt, vim.NIL)
    end
  end
end

--- `:Interline permit [once|always|reject [reason]]`; without an answer the window gets the focus.
function M.permit(reply, reason)
  local prompt = waiting[1]
  if not prompt then
    return client.tell('no prompt is waiting')
  end
  if reply then
    return settle(prompt, { reply = reply, message = reason ~= '' and reason or nil })
  end
  if not (window and vim.api.nvim_win_is_valid(window)) then
    show()
  end
  took_focus = nil
  vim.api.nvim_set_current_win(window)
end

--- The server is gone, and with it all that it asked.
function M.forget()
  waiting = {}
  close()
end

--- How many wait.
function M.count()
  return #waiting
end

return M
