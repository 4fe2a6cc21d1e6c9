--- What the agent is doing, from the server's events.
--- Invariant: events change what is shown, and nothing else; a late one does no harm.

local M = {}

--- By session: what its turn does now.
local turns = {} ---@type table<string, string>
local questions = {} ---@type table<string, boolean>

local function changed(event)
  vim.api.nvim_exec_autocmds('User', { pattern = 'InterlineEvent', data = event, modeline = false })
  vim.cmd.redrawstatus({ bang = true })
end

local on = {}

on['session.status'] = function(what)
  local kind = what.status.type
  if kind == 'busy' then
    turns[what.sessionID] = turns[what.sessionID] or 'thinks'
  elseif kind == 'retry' then
    turns[what.sessionID] = 'waits: ' .. what.status.message
  end
end

on['session.idle'] = function(what)
  turns[what.sessionID] = nil
end

on['message.part.updated'] = function(what)
  local part = what.part
  if not turns[part.sessionID] then
    return
  end
  if part.type == 'tool' then
    local state = part.state or {}
    if state.status == 'running' then
      local title = type(state.title) == 'string' and state.title:gsub(vim.pesc(vim.fn.getcwd() .. '/'), '') or ''
      turns[part.sessionID] = vim.trim(part.tool .. ' ' .. title)
    elseif state.status == 'completed' or state.status == 'error' then
      turns[part.sessionID] = 'thinks'
    end
  elseif part.type == 'text' then
    turns[part.sessionID] = 'writes'
  end
end

on['permission.replied'] = function(what)
  require('interline.prompt').settled(what.requestID)
end

on['question.asked'] = function(what)
  questions[what.id] = true
end

on['question.replied'] = function(what)
  questions[what.requestID] = nil
end

on['question.rejected'] = on['question.replied']

--- `interline/event`.
function M.on_event(_, params)
  local event = params.event
  local handler = on[event.type]
  if handler then
    handler(event.properties)
    changed(event)
  end
end

--- The server is gone.
function M.forget()
  turns, questions = {}, {}
  vim.cmd.redrawstatus({ bang = true })
end

--- One line; empty when nothing runs.
function M.text()
  local prompts = require('interline.prompt').count()
  if prompts > 0 then
    return '◆ asks for permission'
  elseif next(questions) then
    return '◆ has a question'
  end
  local _, what = next(turns)
  if not what then
    return ''
  end
  local line = what:gsub('%s+', ' ')
  return '◆ ' .. (vim.fn.strchars(line) > 40 and vim.fn.strcharpart(line, 0, 39) .. '…' or line)
end

return M
