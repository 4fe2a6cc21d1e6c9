--- `:checkhealth interline`.

local M = {}

--- What stands in the way of a turn, by the program's own account: model, key, configuration.
local function doctor(program)
  local health = vim.health
  local done = vim.system({ program, 'doctor' }, { text = true, timeout = 20000 }):wait()
  local said = false
  for line in vim.gsplit(done.stdout or '', '\n') do
    local problem = line:match('PROBLEM: (.*)')
    if problem then
      health.error(problem)
      said = true
    elseif line:match('^model ') then
      health.ok('model: ' .. vim.trim(line:sub(7)))
    end
  end
  if done.code ~= 0 and not said then
    health.warn(('`%s doctor` ended with %d: %s'):format(program, done.code, vim.trim(done.stderr or '')))
  end
  health.info('all that is known of models, keys and configuration: `interline doctor` in a shell')
end

function M.check()
  local health = vim.health
  health.start('interline')
  if vim.fn.has('nvim-0.10') == 1 then
    health.ok('Neovim ' .. tostring(vim.version()))
  else
    health.error('Neovim 0.10 or newer is needed')
  end
  local client = require('interline.client').get()
  local config = require('interline.config').options
  local known = vim.lsp.config and vim.lsp.config.interline or {}
  local program = (config.cmd or (type(known.cmd) == 'table' and known.cmd) or { 'interline' })[1]
  if vim.fn.executable(program) == 1 then
    health.ok(('`%s` is %s'):format(program, vim.trim(vim.fn.system({ program, '--version' }))))
  else
    health.error(('`%s` is not to be found'):format(program), { '`cargo install --path server` puts it on the PATH', 'or set `cmd`' })
  end
  if client then
    health.ok(('the server runs (process of client %d), root %s'):format(client.id, client.root_dir or '-'))
  else
    health.info('the server does not run: it starts with the first file that has a name')
  end
  for _, name in ipairs({ 'ask', 'chat', 'next', 'prev', 'prompt' }) do
    local plug = ('<Plug>(interline-%s)'):format(name)
    if vim.fn.hasmapto(plug, 'n') == 0 then
      health.info(('no key is mapped to `%s`'):format(plug))
    end
  end
  if vim.fn.executable(program) == 1 then
    doctor(program)
  end
end

return M
