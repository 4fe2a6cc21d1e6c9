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
end

local group = vim.api.nvim_create_augroup('interline', {})

-- Neovim 0.10 starts no server by itself, and newer ones do not where they do not know a file's type.
vim.api.nvim_create_autocmd({ 'BufReadPost', 'BufNewFile' }, {
  group = group,
  callback = vim.schedule_wrap(function(event)
    local buffer, config = event.buf, { name = 'interline', cmd = { 'COMMAND' } }
    if not vim.api.nvim_buf_is_loaded(buffer) or vim.bo[buffer].buftype ~= '' then
      return
    elseif vim.lsp.enable then
      if vim.bo[buffer].filetype ~= '' then
        return
      end
      config = vim.deepcopy(vim.lsp.config.interline)
    end
    config.root_dir = root(buffer)
    vim.lsp.start(config, { bufnr = buffer })
  end),
})

-- Neovim's own menu of actions leaves the selection on, and Neovim then shows nothing new for four seconds.
vim.api.nvim_create_autocmd('LspRequest', {
  group = group,
  callback = function(event)
    local request, client = event.data.request, vim.lsp.get_client_by_id(event.data.client_id)
    local chosen = request.type == 'pending' and request.method == 'workspace/executeCommand'
    if chosen and client and client.name == 'interline' and vim.fn.mode():find('[vV\22]') then
      vim.cmd.normal({ '\27', bang = true })
    end
  end,
})

-- Everything is a code action: `gra` since Neovim 0.11. A shorter key, for a selection too:
-- vim.keymap.set({ 'n', 'x' }, '<leader>i', vim.lsp.buf.code_action, { desc = 'Interline' })

-- Prompts stand as diagnostics on the line that they concern. Neovim 0.11 and newer shows their text only where asked to:
-- vim.diagnostic.config({ virtual_text = true })
