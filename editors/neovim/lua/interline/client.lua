--- The connection: how the server is started, what it may ask of us, and how it is asked.
--- Invariant: a handler that fails answers an error; it never answers a permission.

local config = require('interline.config')

local M = {}

local NAME = 'interline'
local NEW = vim.fn.has('nvim-0.11') == 1

local function root(buffer)
  return vim.fs.root(buffer, '.git') or vim.fn.getcwd()
end

--- A handler that loads its module when it is first called.
local function later(module, name)
  return function(...)
    return require(module)[name](...)
  end
end

local function handlers()
  return {
    ['interline/event'] = later('interline.status', 'on_event'),
    ['interline/permission'] = later('interline.prompt', 'on_permission'),
    ['interline/question'] = later('interline.question', 'on_question'),
    ['interline/save'] = later('interline.save', 'on_save'),
    ['interline/written'] = later('interline.history', 'on_written'),
    ['textDocument/publishDiagnostics'] = later('interline.hunks', 'on_publish'),
    ['window/showDocument'] = later('interline.chat', 'on_show'),
  }
end

local function settings()
  local options = config.options
  -- Not empty, or Lua would make a list of it.
  local capabilities = { experimental = { interline = { plugin = 'neovim', history = options.history } } }
  if not NEW then
    -- Neovim 0.10 takes these in place of its own, not beside them.
    capabilities = vim.tbl_deep_extend('force', vim.lsp.protocol.make_client_capabilities(), capabilities)
  end
  local out = {
    capabilities = capabilities,
    handlers = handlers(),
    on_exit = vim.schedule_wrap(function()
      require('interline.prompt').forget()
      require('interline.status').forget()
      require('interline.focus').forget()
    end),
    init_options = { model = options.model, agent = options.agent },
  }
  -- `interline setup neovim` may have named the program.
  out.cmd = options.cmd or not (NEW and (vim.lsp.config[NAME] or {}).cmd) and { 'interline' } or nil
  return out
end

local function on_attach(buffer)
  require('interline.hunks').attach(buffer)
  require('interline.chat').attach(buffer)
  if config.options.diagnostics then
    -- What others have said before there was somebody to tell.
    require('interline.diagnostics').changed(buffer)
  end
end

--- Whether a file has no server unless we start it: Neovim 0.11 and newer do so themselves, but only where they know the file's type.
local function forgotten(buffer)
  local loaded = vim.api.nvim_buf_is_loaded(buffer)
  return loaded and vim.bo[buffer].buftype == '' and not (NEW and vim.bo[buffer].filetype ~= '')
end

--- Starts the server in every file that has a name, as far as it is not there.
function M.enable()
  if not vim.g.interline_merged then
    vim.g.interline_merged = true
    config.merge()
  end
  local group = vim.api.nvim_create_augroup('interline_plugin', {})
  vim.api.nvim_create_autocmd('LspAttach', {
    group = group,
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client and client.name == NAME then
        on_attach(event.buf)
      elseif client and config.options.diagnostics then
        require('interline.diagnostics').watch(client)
      end
    end,
  })
  if config.options.diagnostics then
    vim.api.nvim_create_autocmd('DiagnosticChanged', {
      group = group,
      callback = function(event)
        require('interline.diagnostics').changed(event.buf)
      end,
    })
  end
  -- Neovim's own menu of actions leaves the selection on, and Neovim then shows nothing new for four seconds.
  vim.api.nvim_create_autocmd('LspRequest', {
    group = group,
    callback = function(event)
      local request, client = event.data.request, vim.lsp.get_client_by_id(event.data.client_id)
      local chosen = request.type == 'pending' and request.method == 'workspace/executeCommand'
      if chosen and client and client.name == NAME and vim.fn.mode():find('[vV\22]') then
        vim.cmd.normal({ '\27', bang = true })
      end
    end,
  })
  -- What one leaves is where one was; where nothing is left the pause tells.
  vim.api.nvim_create_autocmd({ 'CursorHold', 'BufLeave' }, {
    group = group,
    callback = function(event)
      require('interline.focus').tell(event.buf)
    end,
  })
  if NEW then
    local own = settings()
    own.root_dir = function(buffer, start)
      start(root(buffer))
    end
    vim.lsp.config(NAME, own)
    vim.lsp.enable(NAME)
  end
  vim.api.nvim_create_autocmd({ 'BufReadPost', 'BufNewFile' }, {
    group = group,
    callback = vim.schedule_wrap(function(event)
      if forgotten(event.buf) then
        M.start(event.buf)
      end
    end),
  })
end

--- Starts the server for a buffer.
function M.start(buffer)
  local own = NEW and vim.deepcopy(vim.lsp.config[NAME]) or settings()
  own.name, own.root_dir = NAME, root(buffer)
  return vim.lsp.start(own, { bufnr = buffer })
end

--- The server of a buffer, else of any.
---@param buffer? integer
function M.get(buffer)
  local of = buffer and vim.lsp.get_clients({ name = NAME, bufnr = buffer })[1]
  return of or vim.lsp.get_clients({ name = NAME })[1]
end

--- The same; one is started where there is none.
function M.need(buffer)
  local client = M.get(buffer)
  if client then
    return client
  end
  local id = M.start(buffer or vim.api.nvim_get_current_buf())
  client = id and vim.lsp.get_client_by_id(id)
  if not client or not vim.wait(5000, function()
    return client.initialized
  end, 10) then
    M.tell('the server did not start; `:checkhealth interline` says why', vim.log.levels.ERROR)
    return nil
  end
  return client
end

--- Calls a method of a client, whatever Neovim it is.
function M.call(client, method, ...)
  if NEW then
    return client[method](client, ...)
  end
  return client[method](...)
end

--- Carries a command of the server out.
---@param name string without "interline."
---@param argument? table
---@param done? fun(result: any, err: table?)
---@param buffer? integer whose unsaved text the server must have seen
function M.command(name, argument, done, buffer)
  local client = M.need(buffer)
  if not client then
    return
  end
  local params = { command = 'interline.' .. name, arguments = argument and { argument } or nil }
  M.call(client, 'request', 'workspace/executeCommand', params, function(err, result)
    if err and not done then
      M.tell(err.message, vim.log.levels.WARN)
    elseif done then
      done(result, err)
    end
  end, buffer or 0)
end

--- The same, when the answer is needed at once: nil if it does not come.
function M.command_now(name, argument)
  local client = M.get()
  if not client then
    return nil
  end
  local params = { command = 'interline.' .. name, arguments = argument and { argument } or nil }
  local reply = M.call(client, 'request_sync', 'workspace/executeCommand', params, 1000, 0)
  return reply and reply.result
end

--- Tells the server something, if it runs.
function M.notify(method, params)
  local client = M.get()
  if client then
    M.call(client, 'notify', method, params)
  end
end

--- A message for the user.
function M.tell(text, level)
  vim.notify('Interline: ' .. text, level or vim.log.levels.INFO)
end

return M
