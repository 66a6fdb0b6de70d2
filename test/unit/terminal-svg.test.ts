import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { drawTerminal } from '../../generate-docs/terminal-svg.ts';

const draw = (output: string) => drawTerminal({ title: 'a title', description: 'a description', output });
/** The texts of each line. */
const linesOf = (svg: string) =>
  [...svg.matchAll(/<text [^>]*>(.*?)<\/text>/g)].map(([, line = '']) =>
    [...line.matchAll(/<tspan ([^>]*)>([^<]*)</g)].map(([, attributes = '', text]) => {
      const [, x] = / ?x="([\d.]+)"/.exec(attributes) ?? [];
      return { text, x: Number(x), style: /class="(.*?)"/.exec(attributes)?.[1] };
    }),
  );

describe('a terminal as SVG', () => {
  test('has each part of a line as text, with its colour, in its column', () => {
    const [first, second] = linesOf(
      draw('a \u001b[31mred\u001b[39m one\n    \u001b[1m\u001b[32mgo\u001b[0m on'),
    );
    expect(first).toEqual([
      { text: 'a', x: 16, style: undefined },
      { text: 'red', x: 16 + 2 * 8.4, style: 'red' },
      { text: 'one', x: 16 + 6 * 8.4, style: undefined },
    ]);
    expect(second).toEqual([
      { text: 'go', x: 16 + 4 * 8.4, style: 'bold green' },
      { text: 'on', x: 74.8, style: undefined },
    ]);
  });

  test('goes on in the next line after 80 columns, in the same colour', () => {
    const lines = linesOf(draw(`\u001b[33m${'x'.repeat(80)}y\u001b[39m`));
    expect(lines).toEqual([
      [{ text: 'x'.repeat(80), x: 16, style: 'yellow' }],
      [{ text: 'y', x: 16, style: 'yellow' }],
    ]);
  });

  test('is no markup of what a program prints', () => {
    expect(draw('<script>&"')).toContain('>&#60;script&#62;&#38;&#34;</tspan>');
  });

  test('rejects a colour that it does not have', () => {
    expect(() => draw('\u001b[35mpink')).toThrow('the escape sequence 35 has no style');
  });
});

test.for(globSync('docs/images/*.svg'))('%s can be read in light and dark, and loads nothing', (file) => {
  const svg = readFileSync(file, 'utf8');
  expect(svg).toMatch(/<title [^>]*>[^<]+<\/title>\n<desc [^>]*>[^<]+<\/desc>/);
  expect(svg).toContain('@media (prefers-color-scheme: dark)');
  expect(svg).not.toMatch(/<script|<foreignObject|<image|href=|@import|url\(|\son\w+=/i);
  expect(linesOf(svg).length).toBeGreaterThan(10);
});
