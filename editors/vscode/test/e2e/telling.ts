// The main job as one story, of which the pictures in docs/screens are taken.

import type { Scenario } from './world';

const BEFORE = `"""What an order costs."""


def total(price: float, count: int, tax: float) -> float:
    """The price of \`count\` pieces, with the tax."""
    net = price * count
    return net - net * tax


def label(name: str, amount: float) -> str:
    return f"{name}: {amount:.2f}"
`;
const CHECK = `from price import label, total

assert total(10, 3, 0.2) == 36
assert label("Tea", 2) == "Tea: 2.00"
print("all well")
`;
const WORDS = 'The tax has to be **added**, not taken away: `total(10, 3, 0.2)` is 36.';

export const telling: Scenario[] = [
  {
    name: 'the main job: ask, allow, see, review',
    cells: {},
    async run(world) {
      const { person, desk } = world;
      desk.write('check.py', CHECK);
      await world.file('price.py', BEFORE);
      await person.select(7, '    return net - net * tax');
      const ask = async (): Promise<void> => {
        await person.command('Interline: Ask About This…');
        await person.input('An order of three costs less with tax than without. Why?');
      };
      const end = await world.begin(ask, world.edit('price.py', 'return net - net * tax', 'return net + net * tax'), world.bash('python3 check.py'), { say: WORDS });
      const toast = person.toast('asks for permission');
      await toast.waitFor();
      await person.lens('Allow once').waitFor();
      // It slides in; what can be clicked stands still.
      await toast.locator('.monaco-button').first().click({ trial: true });
      await world.picture('vscode-prompt');
      await person.press(toast, 'Allow once');
      await end();
      await person.seesPart('return net + net * tax');
      await person.lens('Accept').waitFor();
      await person.chat.locator('.tool', { hasText: 'check.py' }).locator('summary').click();
      await world.picture('vscode-chat');
      await person.chat.locator('.end').last().getByText('Review changes').click();
      await person.page.locator('.editor-group-container.active .monaco-diff-editor .editor.modified .view-line', { hasText: 'net + net' }).first().waitFor();
      await world.picture('vscode-review');
      await person.open('price.py');
      await person.save('price.py');
    },
  },
];
