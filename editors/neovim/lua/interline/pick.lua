--- Choosing from what the server has: sessions, models, agents.

local client = require('interline.client')

local M = {}

--- Picks a session and goes on with it.
function M.session()
  client.command('session.list', nil, function(sessions, err)
    -- Those of subagents are parts of others.
    sessions = vim.tbl_filter(function(session)
      return type(session.parentID) ~= 'string'
    end, type(sessions) == 'table' and sessions or {})
    if err or #sessions == 0 then
      return client.tell(err and err.message or 'there is no session in this project yet')
    end
    vim.ui.select(sessions, {
      prompt = 'Go on with session',
      kind = 'interline.session',
      format_item = function(session)
        local updated = (session.time or {}).updated
        local cost = type(session.cost) == 'number' and session.cost > 0 and ('  $%.2f'):format(session.cost) or ''
        return (updated and os.date('%Y-%m-%d %H:%M  ', math.floor(updated / 1000)) or '') .. session.title .. cost
      end,
    }, function(session)
      if session then
        client.command('session.open', { session = session.id }, function(_, failed)
          client.tell(failed and failed.message or ('the session is “%s” now'):format(session.title))
        end)
      end
    end)
  end)
end

--- Sets the model or agent; without a name it is picked.
---@param what "model"|"agent"
---@param name? string
function M.one_of(what, name)
  local function set(chosen)
    client.command(what, { [what] = chosen }, function(said, err)
      client.tell(err and err.message or said)
    end)
  end
  if name then
    return set(name)
  end
  client.command(what, nil, function(names, err)
    if err then
      return client.tell(err.message, vim.log.levels.WARN)
    end
    vim.ui.select(names, { prompt = 'Choose the ' .. what, kind = 'interline.' .. what }, function(chosen)
      if chosen then
        set(chosen)
      end
    end)
  end)
end

return M
