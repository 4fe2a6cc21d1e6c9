--- The plugin's front: what a user's configuration calls.

local M = {}

--- Takes options over. Not needed for the defaults.
---@param options? interline.Options
function M.setup(options)
  require('interline.config').merge(options)
  require('interline.client').enable()
end

--- What the agent is doing, for a statusline; empty when it rests.
---@return string
function M.status()
  return require('interline.status').text()
end

--- Asks about lines of the current buffer.
---@param text string
---@param first? integer first line, 1-based
---@param last? integer last line
function M.ask(text, first, last)
  local ask = require('interline.ask')
  ask.send(text, first and ask.lines(first, last or first))
end

return M
