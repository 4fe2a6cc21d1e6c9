--- Saving before a shell command, so that it sees what is on the screen.

local config = require('interline.config')
local place = require('interline.place')

local M = {}

--- `interline/save {uris}`. A buffer that cannot be written stays as it is: the server shows its text to the command in another way.
function M.on_save(_, params)
  if not config.options.save then
    return nil, { code = -32803, message = 'saving is switched off' }
  end
  local saved = {}
  for _, uri in ipairs(params.uris) do
    local buffer = place.buffer(uri)
    if buffer and vim.bo[buffer].modified then
      local ok = pcall(vim.api.nvim_buf_call, buffer, function()
        vim.cmd('silent update')
      end)
      table.insert(saved, ok and uri or nil)
    end
  end
  return { saved = saved }
end

return M
