--- What a user may choose, and what holds where nothing was chosen.
--- Invariant: nothing here is read before it is needed, so `setup` may come at any time.

local M = {}

---@class interline.Options
local defaults = {
  --- How the server is started; nil: as `interline setup neovim` has it, else `interline` on the PATH.
  cmd = nil,
  --- "provider/model" and agent to begin with.
  model = nil,
  agent = nil,
  chat = {
    --- Where the chat opens: a command modifier as for `:split`.
    split = 'botright vertical',
    --- Columns, or lines of a split that is not vertical.
    size = 72,
    --- Show the chat when something is asked.
    on_ask = true,
    --- Fold the diffs in it.
    folds = true,
  },
  prompt = {
    --- A prompt takes the focus in normal mode after so many milliseconds without a key; false: never.
    idle = 1000,
    --- Lines of a diff that are shown at most.
    height = 20,
  },
  --- Changes to be reviewed: what marks them, and whether the lines that are gone are shown.
  hunks = { sign = '┃', deleted = true },
  --- Write changed buffers before the agent's shell commands.
  save = true,
  --- With 'undofile': make what the agent writes into files that are not open a step of their undo history.
  history = true,
  --- Tell the agent what Neovim's other language servers and linters say.
  diagnostics = true,
}

M.options = vim.deepcopy(defaults)

--- Takes what the user chose over.
---@param options? table
function M.merge(options)
  M.options = vim.tbl_deep_extend('force', vim.deepcopy(defaults), vim.g.interline or {}, options or {})
end

return M
