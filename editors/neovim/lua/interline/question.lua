--- Questions of the agent, by `vim.ui.select` and `vim.ui.input`.
--- Invariant: a question that was dismissed is not answered: it waits on, as a mark and in the chat.

local M = {}

local OTHER = 'Something else…'

--- Asks one question; `done` gets the labels, or nil if it was dismissed.
local function ask(question, done)
  local labels = {}
  for _, option in ipairs(question.options or {}) do
    table.insert(labels, option.label)
  end
  local function words()
    vim.ui.input({ prompt = question.question .. ' ' }, function(text)
      done(text and text ~= '' and { text } or nil)
    end)
  end
  if #labels == 0 then
    return words()
  end
  local about = {}
  for _, option in ipairs(question.options) do
    about[option.label] = option.description
  end
  table.insert(labels, OTHER)
  vim.ui.select(labels, {
    prompt = question.question,
    kind = 'interline.question',
    format_item = function(label)
      local more = about[label]
      return more and more ~= '' and ('%s — %s'):format(label, more) or label
    end,
  }, function(label)
    if label == OTHER then
      return words()
    end
    done(label and { label } or nil)
  end)
end

--- `interline/question`.
function M.on_question(_, params)
  local routine = coroutine.running()
  local answers = {}
  local function finish(answer)
    vim.schedule(function()
      coroutine.resume(routine, answer)
    end)
  end
  local function next_question(at)
    local question = params.questions[at]
    if not question then
      return finish({ answers = answers })
    end
    ask(question, function(labels)
      if not labels then
        return finish(vim.NIL)
      end
      answers[at] = labels
      next_question(at + 1)
    end)
  end
  vim.schedule(function()
    next_question(1)
  end)
  return coroutine.yield()
end

return M
