-- Starts Interline for every file that has a name. Written by `interline setup neovim`; yours to change.

local function root(buffer)
  return vim.fs.root(buffer, '.git') or vim.fn.getcwd()
end

if vim.lsp.enable then -- Neovim 0.11 or newer
  vim.lsp.config('interline', {
    cmd = { 'COMMAND' },
    root_dir = function(buffer, start) start(root(buffer)) end,
  })
  vim.lsp.enable('interline')
else
  vim.api.nvim_create_autocmd({ 'BufReadPost', 'BufNewFile' }, {
    group = vim.api.nvim_create_augroup('interline', {}),
    callback = function(event)
      if vim.bo[event.buf].buftype == '' then
        vim.lsp.start({ name = 'interline', cmd = { 'COMMAND' }, root_dir = root(event.buf) }, { bufnr = event.buf })
      end
    end,
  })
end

-- Neovim's own menu of actions leaves the selection on, and Neovim then shows nothing new for four seconds.
vim.api.nvim_create_autocmd('LspRequest', {
  callback = function(event)
    local request = event.data.request
    if request.type == 'pending' and request.method == 'workspace/executeCommand' and vim.fn.mode():find('[vV\22]') then
      vim.cmd.normal({ '\27', bang = true })
    end
  end,
})

-- Everything is a code action: `gra` since Neovim 0.11. A shorter key, for a selection too:
-- vim.keymap.set({ 'n', 'x' }, '<leader>i', vim.lsp.buf.code_action, { desc = 'Interline' })

-- Prompts stand as diagnostics on the line that they concern. Neovim 0.11 and newer shows their text only where asked to:
-- vim.diagnostic.config({ virtual_text = true })
