-- What Neovim loads at its start: the command, the <Plug> maps, and the server for files that are opened. All else is loaded when it is needed.
-- It must set no key.

if vim.g.loaded_interline then
  return
end
vim.g.loaded_interline = true

vim.api.nvim_create_user_command('Interline', function(args)
  require('interline.command').run(args)
end, {
  nargs = '*',
  range = true,
  desc = 'Interline, the coding agent',
  complete = function(lead, line)
    return require('interline.command').complete(lead, line)
  end,
})

local function plug(mode, name, run, expr)
  vim.keymap.set(mode, ('<Plug>(interline-%s)'):format(name), run, { expr = expr or false, desc = 'Interline: ' .. name })
end

plug('n', 'ask', function()
  return require('interline.ask').operator()
end, true)
plug('x', 'ask', ':Interline ask<CR>')
plug('n', 'chat', '<Cmd>Interline chat<CR>')
plug('n', 'send', '<Cmd>Interline send<CR>')
plug('n', 'cancel', '<Cmd>Interline cancel<CR>')
plug('n', 'prompt', '<Cmd>Interline permit<CR>')
plug('n', 'undo', '<Cmd>Interline undo<CR>')
plug('n', 'next', '<Cmd>Interline next<CR>')
plug('n', 'prev', '<Cmd>Interline prev<CR>')
plug('n', 'accept', '<Cmd>Interline accept<CR>')
plug('n', 'reject', '<Cmd>Interline reject<CR>')

require('interline.client').enable()
