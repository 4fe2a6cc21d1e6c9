-- The parts of the plugin that need no server: `nvim --headless -u NONE -l test/unit.lua`. It prints nothing if all is well.

vim.opt.rtp:prepend(vim.fs.dirname(vim.fs.dirname(vim.fs.abspath and vim.fs.abspath(arg[0]) or vim.fn.fnamemodify(arg[0], ':p'))))

local function same(what, found, expected)
  if not vim.deep_equal(found, expected) then
    error(('%s: %s, expected %s'):format(what, vim.inspect(found), vim.inspect(expected)), 2)
  end
end

-- Words that differ.
local words = require('interline.words')
local function differ(a, b, left, right)
  local old, new = words.differ(a, b)
  same(('%q → %q, old'):format(a, b), old, left)
  same(('%q → %q, new'):format(a, b), new, right)
  for _, side in ipairs({ { a, old }, { b, new } }) do
    local whole = ''
    for _, chunk in ipairs(words.chunks(side[1], side[2], 'plain', 'marked')) do
      whole = whole .. chunk[1]
    end
    same('pieces of ' .. side[1], whole, side[1])
  end
end
differ('same', 'same', {}, {})
differ('a = b - c', 'a = b + c', { { 6, 7 } }, { { 6, 7 } })
differ('one two', 'one two three', {}, { { 7, 13 } })
differ('', 'new', { { 0, 0 } }, { { 0, 3 } })
differ('größe = 1', 'größen = 1', { { 0, 7 } }, { { 0, 8 } })

-- Columns, as the server counts them.
local place = require('interline.place')
for encoding, expected in pairs({ ['utf-8'] = 6, ['utf-16'] = 3, ['utf-32'] = 2 }) do
  same(encoding, place.column('ä😀b', 6, encoding), expected)
  same(encoding .. ' past the end', place.column('ab', 9, encoding), 2)
end

-- A selection of letters ends behind its last letter, however many bytes that has.
vim.api.nvim_buf_set_lines(0, 0, -1, false, { 'one', 'zwölf' })
vim.api.nvim_buf_set_mark(0, '<', 1, 1, {})
vim.api.nvim_buf_set_mark(0, '>', 2, 2, {})
same('letters', place.between(0, '<', '>', 'char', 'utf-8'), {
  start = { line = 0, character = 1 },
  ['end'] = { line = 1, character = 4 },
})
same('lines', place.between(0, '<', '>', 'line', 'utf-8'), place.lines(1, 2))

-- The chat, and nothing else.
local chat = require('interline.chat')
same('chat', chat.is('/a/.interline/chat.md'), true)
same('no chat', chat.is('/a/chat.md'), false)

-- Its headings: none that a block of the user's quotes, if that ends; no block begins in an answer.
local headings = require('interline.headings')
local function found(text)
  local numbers = vim.tbl_keys(headings.of(vim.split(text, '\n')))
  table.sort(numbers)
  return numbers
end
for text, expected in pairs({
  ['# Interline\n\n## You\n\na\n\n## Interline \n\n## You'] = { 3, 7, 9 },
  [' ## You\n## You?\n### You\n\\## You'] = {},
  ['## You\n```\n## You\n## Interline\n```\n## Interline'] = { 1, 6 },
  ['## You\n~~~~ md\n```\n## You\n~~~\n## You\n~~~~\n## You'] = { 1, 8 },
  ['## You\n```\n## You'] = { 1, 3 },
  ['## You\n````\n```\n## You\n```\n## Interline'] = { 1, 6 },
  ['## Interline\n```\n## You\n```\nx\n```'] = { 1, 3 },
  ['## You\n```\nopen\n## Interline\n```\n## You'] = { 1, 4, 6 },
}) do
  same(text, found(text), expected)
end

-- Signs follow them.
local function signs(lines)
  vim.api.nvim_buf_set_lines(0, 0, -1, false, lines)
  chat.sign(0)
  return vim.tbl_map(function(mark)
    return mark[2] + 1
  end, vim.api.nvim_buf_get_extmarks(0, vim.api.nvim_create_namespace('interline_chat'), 0, -1, {}))
end
same('signs', signs({ '## You', '```', '## You' }), { 1, 3 })
same('signs of what is quoted', signs({ '## You', '```', '## You', '```' }), { 1 })
same('signs of an answer', signs({ '## Interline', '', '## You' }), { 1, 3 })
same('no signs', signs({ 'one' }), {})

-- A prompt is answered by its keys alone, and one that was settled elsewhere not at all.
require('interline.config').merge({ prompt = { idle = false } })
local prompt = require('interline.prompt')
local function asked(id)
  local answer = {}
  coroutine.wrap(function()
    answer.given = prompt.on_permission(nil, { id = id, tool = 'edit', title = 'Edit a', patterns = { 'a' }, always = { '*' } })
  end)()
  vim.wait(1000, function()
    return #vim.api.nvim_list_wins() == 2
  end)
  return answer
end
local function given(answer)
  vim.wait(1000, function()
    return answer.given ~= nil
  end)
  return answer.given
end
local once = asked('1')
prompt.permit()
same('the window has the focus', vim.bo.filetype, 'interline-prompt')
vim.api.nvim_feedkeys('jq', 'x', false)
same('no answer yet', once.given, nil)
prompt.permit()
vim.api.nvim_feedkeys('y', 'x', false)
same('once', given(once), { reply = 'once' })
local elsewhere = asked('2')
prompt.settled('2')
same('elsewhere', given(elsewhere), vim.NIL)
same('the window is gone', #vim.api.nvim_list_wins(), 1)
local reason = asked('3')
prompt.permit('reject', 'because')
same('reason', given(reason), { reply = 'reject', message = 'because' })

-- A prompt that takes the focus by itself does not take a key that was on its way for an answer.
require('interline.config').merge({ prompt = { idle = 0 } })
local early = asked('4')
same('the window has taken the focus', vim.bo.filetype, 'interline-prompt')
vim.api.nvim_feedkeys('y', 'x', false)
same('an early key', early.given, nil)
prompt.permit()
vim.api.nvim_feedkeys('y', 'x', false)
same('and then', given(early), { reply = 'once' })

-- The history of a file that is not open goes on: one `u` takes back what was written there, the next one what the user had done.
local config, history = require('interline.config'), require('interline.history')
local folder = vim.fn.tempname()
vim.fn.mkdir(folder .. '/undo', 'p')
vim.o.undofile, vim.o.undodir = true, folder .. '/undo'
config.merge()
local function write(path, text)
  local file = assert(io.open(path, 'wb'))
  file:write(text)
  file:close()
end
--- What `u` and `u` show, and two redos, after the user has added a line to `text` and the agent made `after` of it.
local function continued(name, text, after, told)
  local path = folder .. '/' .. name
  write(path, text)
  vim.cmd('silent edit ' .. path)
  vim.bo.fixendofline = false
  vim.cmd('normal! Gouser')
  vim.cmd('silent write | bwipeout')
  local file = assert(io.open(path, 'rb'))
  local before = file:read('a')
  file:close()
  after = after(before)
  write(path, after)
  if told then
    history.on_written(
      nil,
      { uri = vim.uri_from_fname(path), before = before:gsub('^\239\187\191', ''), after = after:gsub('^\239\187\191', '') }
    )
  end
  vim.cmd('silent edit ' .. path)
  local out = {}
  for _, key in ipairs({ 'undo', 'undo', 'redo', 'redo' }) do
    vim.cmd('silent! ' .. key)
    table.insert(out, table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '|'))
  end
  vim.cmd('bwipeout!')
  return out
end
local function agent(text)
  return (text:gsub('one', 'ONE', 1))
end
local texts = { plain = 'one\ntwo\n', dos = 'one\r\ntwo\r\n', bom = '\239\187\191one\ntwo\n', bare = 'one\ntwo' }
for name, text in pairs(texts) do
  same(name, continued(name, text, agent, true), { 'one|two|user', 'one|two', 'one|two|user', 'ONE|two|user' })
end
same('mixed', continued('mixed', 'one\r\ntwo\n', agent, true), { 'one\r|two|user', 'one\r|two', 'one\r|two|user', 'ONE\r|two|user' })
-- Without it nothing can be undone.
same('not told', continued('not', 'one\n', agent, false), { 'ONE|user', 'ONE|user', 'ONE|user', 'ONE|user' })
config.merge({ history = false })
same('not wanted', continued('unwanted', 'one\n', agent, true), { 'ONE|user', 'ONE|user', 'ONE|user', 'ONE|user' })
config.merge()
-- A file without a history begins one; one that does not fit ends; a buffer's own is left alone; none of it leaves a buffer behind.
local function fresh(name, before, after)
  local path, count = folder .. '/' .. name, #vim.api.nvim_list_bufs()
  write(path, after)
  history.on_written(nil, { uri = vim.uri_from_fname(path), before = before, after = after })
  same('buffers', #vim.api.nvim_list_bufs(), count)
  vim.cmd('silent edit ' .. path)
  vim.cmd('silent! undo')
  local line = vim.api.nvim_get_current_line()
  vim.cmd('bwipeout!')
  return line
end
same('begins', fresh('new', 'one\n', 'two\n'), 'one')
same('goes on', fresh('new', 'two\n', 'three\n'), 'two')
same('begins again', fresh('new', 'else\n', 'four\n'), 'else')
local open = folder .. '/open'
write(open, 'one\n')
vim.cmd('silent edit ' .. open)
history.on_written(nil, { uri = vim.uri_from_fname(open), before = 'one\n', after = 'two\n' })
same('of a buffer', vim.uv.fs_stat(vim.fn.undofile(open)), nil)
