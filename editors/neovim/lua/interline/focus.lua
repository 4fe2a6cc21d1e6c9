--- Where the user is, told to the server: what is asked in the chat is mostly about that.
--- Invariant: a buffer that is no file of the project's, and the chat itself, are not told; what was told is not told again.

local chat = require('interline.chat')
local client = require('interline.client')
local place = require('interline.place')

local M = {}

local METHOD = 'interline/focus'
local last

--- Tells where the cursor is in a buffer.
function M.tell(buffer)
  local server = client.get(buffer)
  if not server or vim.bo[buffer].buftype ~= '' or chat.is(buffer) or not vim.lsp.buf_is_attached(buffer, server.id) then
    return
  end
  local cursor = vim.api.nvim_win_get_cursor(0)
  local at = place.position(buffer, cursor[1] - 1, cursor[2], server.offset_encoding)
  local now = { uri = vim.uri_from_bufnr(buffer), range = { start = at, ['end'] = at } }
  if not vim.deep_equal(now, last) then
    last = now
    client.notify(METHOD, now)
  end
end

--- The server is gone, and with it what it was told.
function M.forget()
  last = nil
end

return M
