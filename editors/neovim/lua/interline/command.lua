--- `:Interline`: its words, what each does, and their completion.

local client = require('interline.client')

local M = {}

---@class interline.Subcommand
---@field run fun(rest: string, args: table)
---@field complete? fun(): string[]

local function simple(name)
  return {
    run = function()
      client.command(name)
    end,
  }
end

local function review(word)
  return {
    run = function(rest)
      require('interline.hunks').review(word, rest == 'all')
    end,
    complete = function()
      return { 'all' }
    end,
  }
end

local function choice(what)
  return {
    run = function(rest)
      require('interline.pick').one_of(what, rest ~= '' and rest or nil)
    end,
    complete = function()
      return client.command_now(what) or {}
    end,
  }
end

---@type table<string, interline.Subcommand>
local subcommands = {
  ask = {
    run = function(rest, args)
      local ask = require('interline.ask')
      if args.range > 0 then
        ask.range(rest, args.line1, args.line2)
      else
        ask.send(rest)
      end
    end,
  },
  fix = {
    run = function(_, args)
      require('interline.ask').fix(args.line1, args.line2)
    end,
  },
  chat = {
    run = function()
      require('interline.chat').open()
    end,
  },
  send = {
    run = function()
      require('interline.chat').send()
    end,
  },
  permit = {
    run = function(rest)
      local reply, reason = rest:match('^(%S*)%s*(.*)$')
      require('interline.prompt').permit(reply ~= '' and reply or nil, reason)
    end,
    complete = function()
      return { 'once', 'always', 'reject' }
    end,
  },
  next = {
    run = function()
      require('interline.hunks').go(1)
    end,
  },
  prev = {
    run = function()
      require('interline.hunks').go(-1)
    end,
  },
  sessions = {
    run = function()
      require('interline.pick').session()
    end,
  },
  accept = review('accept'),
  reject = review('reject'),
  model = choice('model'),
  agent = choice('agent'),
  cancel = simple('cancel'),
  undo = simple('undo'),
  redo = simple('redo'),
  new = simple('session.new'),
  compact = simple('session.compact'),
  fork = simple('session.fork'),
}

--- Runs what was written.
---@param args table of `nvim_create_user_command`
function M.run(args)
  local name, rest = args.args:match('^(%S*)%s*(.-)%s*$')
  if name == '' then
    name = args.range > 0 and 'ask' or 'chat'
  end
  local subcommand = subcommands[name]
  if not subcommand then
    return client.tell(('there is no `:Interline %s`'):format(name), vim.log.levels.ERROR)
  end
  subcommand.run(rest, args)
end

--- What can stand at the cursor.
---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  local name = line:match('Interline!?%s+(%S+)%s')
  local words = name and subcommands[name] and subcommands[name].complete and subcommands[name].complete() or {}
  if not name then
    words = vim.tbl_keys(subcommands)
    table.sort(words)
  end
  return vim.tbl_filter(function(word)
    return vim.startswith(word, lead)
  end, words)
end

return M
