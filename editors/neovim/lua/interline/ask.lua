--- Asking about code: by motion, by selection, by range.

local chat = require('interline.chat')
local client = require('interline.client')
local config = require('interline.config')
local place = require('interline.place')

local M = {}

M.lines = place.lines

--- Asks; without words the user is asked for them first.
---@param text? string
---@param range? table of the protocol, in the current buffer
function M.send(text, range)
  local buffer = vim.api.nvim_get_current_buf()
  if text and text ~= '' then
    return M.ask(text, range, buffer)
  end
  vim.ui.input({ prompt = 'Ask Interline: ' }, function(words)
    if words and words ~= '' then
      M.ask(words, range, buffer)
    end
  end)
end

--- Asks at once.
function M.ask(text, range, buffer)
  local argument = { text = text, show = config.options.chat.on_ask }
  if vim.bo[buffer].buftype == '' and vim.api.nvim_buf_get_name(buffer) ~= '' and not chat.is(buffer) then
    argument.uri, argument.range = vim.uri_from_bufnr(buffer), range
  end
  chat.keep_focus(function(done)
    client.command('ask', argument, function(_, err)
      done()
      if err then
        client.tell(err.message, vim.log.levels.WARN)
      end
    end, buffer)
  end)
end

--- For `:Interline ask` with a range.
function M.range(text, first, last)
  local buffer = vim.api.nvim_get_current_buf()
  local marks = { vim.api.nvim_buf_get_mark(buffer, '<'), vim.api.nvim_buf_get_mark(buffer, '>') }
  local server = client.need(buffer)
  -- A selection of letters is told as it is, if the range is the one that `:'<,'>` gives.
  if server and vim.fn.visualmode() == 'v' and marks[1][1] == first and marks[2][1] == last then
    return M.send(text, place.between(buffer, '<', '>', 'char', server.offset_encoding))
  end
  M.send(text, place.lines(first, last))
end

--- Asks for what is wrong on these lines to be put right.
function M.fix(first, last)
  local buffer = vim.api.nvim_get_current_buf()
  local problems = {}
  for _, one in ipairs(vim.diagnostic.get(buffer)) do
    if one.source ~= 'interline' and one.lnum + 1 >= first and one.lnum + 1 <= last then
      local source = one.source and ('[%s] '):format(one.source) or ''
      table.insert(problems, ('- line %d: %s%s'):format(one.lnum + 1, source, one.message))
    end
  end
  if #problems == 0 then
    return client.tell('nothing is known to be wrong on these lines')
  end
  M.ask('Fix these problems:\n' .. table.concat(problems, '\n'), place.lines(first, last), buffer)
end

--- For a mapping with `expr`: waits for a motion, and asks about it.
function M.operator()
  vim.go.operatorfunc = "v:lua.require'interline.ask'.on_motion"
  return 'g@'
end

function M.on_motion(kind)
  local buffer = vim.api.nvim_get_current_buf()
  local server = client.need(buffer)
  if server then
    M.send(nil, place.between(buffer, '[', ']', kind, server.offset_encoding))
  end
end

return M
