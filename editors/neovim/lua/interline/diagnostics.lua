--- What Neovim's other language servers and linters say, told to the agent.
--- Invariant: a version is told only where every server has named the one that it looked at; silence about it is no proof.

local client = require('interline.client')
local place = require('interline.place')

local M = {}

local METHOD = 'textDocument/publishDiagnostics'
--- By buffer and client: which version of the text its last report is about.
local versions = {} ---@type table<integer, table<integer, integer|false>>
--- Buffers that are told about at the next opportunity.
local due = {} ---@type table<integer, boolean>

--- Keeps which version a server's reports are about: `vim.diagnostic` does not.
function M.watch(other)
  if other.interline_watched then
    return
  end
  other.interline_watched = true
  local before = other.handlers[METHOD]
  other.handlers[METHOD] = function(err, params, ctx, ...)
    if params and params.uri then
      local buffer = place.buffer(params.uri)
      if buffer then
        versions[buffer] = versions[buffer] or {}
        versions[buffer][other.id] = params.version or false
      end
    end
    return (before or vim.lsp.handlers[METHOD])(err, params, ctx, ...)
  end
end

--- Something was said about a buffer. However often that happens, it is told on once.
function M.changed(buffer)
  if next(due) == nil then
    vim.schedule(function()
      local buffers = due
      due = {}
      for each in pairs(buffers) do
        M.push(each)
      end
    end)
  end
  due[buffer] = true
end

--- The version that all these are about, if all who said them have named it.
local function version_of(buffer, found)
  local lowest
  local namespaces = {}
  for id, version in pairs(versions[buffer] or {}) do
    if not version then
      return nil
    end
    lowest = math.min(lowest or version, version)
    namespaces[vim.lsp.diagnostic.get_namespace(id)] = true
  end
  for _, one in ipairs(found) do
    if one.source ~= 'interline' and not namespaces[one.namespace] then
      return nil
    end
  end
  return lowest
end

--- Tells what is said about a buffer.
function M.push(buffer)
  local server = client.get()
  if not server or not vim.api.nvim_buf_is_loaded(buffer) or vim.bo[buffer].buftype ~= '' or vim.api.nvim_buf_get_name(buffer) == '' then
    return
  end
  local items, found = {}, vim.diagnostic.get(buffer)
  for _, one in ipairs(found) do
    if one.source ~= 'interline' then
      table.insert(items, {
        range = {
          start = place.position(buffer, one.lnum, one.col, server.offset_encoding),
          ['end'] = place.position(buffer, one.end_lnum or one.lnum, one.end_col or one.col, server.offset_encoding),
        },
        severity = one.severity,
        source = one.source,
        code = one.code,
        message = one.message,
      })
    end
  end
  client.notify('interline/diagnostics', { uri = vim.uri_from_bufnr(buffer), version = version_of(buffer, found), items = items })
end

return M
