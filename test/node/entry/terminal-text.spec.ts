import assert from 'node:assert/strict'
import fc from 'fast-check'
import { TextCleaner, cleanJson, cleanLine, cleanText } from '../../../node/entry/terminal-text.ts'

const EVIL: [string, string, string][] = [
  ['a clipboard (OSC 52)', 'a\x1b]52;c;Y3VybA==\x07b', 'ab'],
  ['a title, ended by ST', 'a\x1b]0;pwned\x1b\\b', 'ab'],
  ['a title by C1 controls', 'a\x9d0;pwned\x9cb', 'ab'],
  ['a link', '\x1b]8;;http://evil\x07text\x1b]8;;\x07', 'text'],
  ['a string without an end, up to the line’s', 'a\x1b]0;pwned\nb', 'a\nb'],
  ['a device control string', 'a\x1bP$q"p\x1b\\b', 'ab'],
  ['cleared screens and colours', '\x1b[2J\x1b[8mhidden\x1b[0m\x1b[?1049h', 'hidden'],
  ['CSI by a C1 control', '\x9b2Jx', 'x'],
  ['other sequences', '\x1bcx\x1b(0y\x1b#8z', 'xyz'],
  ['an escape alone', 'a\x1b', 'a'],
  ['controls', 'a\0\x07\b\x7f\x85b', 'ab'],
  ['a carriage return', 'safe\rEVIL\r\n', 'safeEVIL\n'],
  ['overrides and isolates of direction', 'a\u202edcb\u202c\u2066x\u2069', 'adcbx'],
  ['zero-width characters', 'p\u200bay\u2060pal\ufeff\u00ad\u200d\u200c!', 'paypal!'],
  ['tags', 'hi\u{e0049}\u{e0067}\u{e006e}\u{e007f}', 'hi'],
  ['tags behind a flag', '\u{1f3f4}\u{e0049}\u{e0067}\u{e007f}', '\u{1f3f4}'],
  ['data in variation selectors', `x${'\u{e0101}\ufe01'.repeat(9)}`, 'x'],
  ['marks of direction where nothing has one', 'a\u200eb\u200fc', 'abc'],
  ['fillers', 'a\u3164\u115f\uffa0b', 'ab'],
  ['lone surrogates', 'a\ud83db', 'ab'],
  ['separators of lines', 'a\u2028b', 'ab']
]

const GOOD: [string, string][] = [
  ['newlines and tabs', 'a\n\tb\n'],
  ['a family', 'x 👨‍👩‍👧‍👦 y'],
  ['emoji of skin, hair and presentation', '👩🏽‍🦰 ❤️ ☎︎ 🏳️‍🌈 1️⃣'],
  ['the flag of Scotland', '🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}'],
  ['Hebrew and Arabic', 'שלום, עולם! مرحبا بالعالم'],
  ['a mark of direction beside Hebrew', 'עברית (C++\u200f) \u200fאב'],
  ['Persian with non-joiners', 'می\u200cخواهم'],
  ['Hindi and Sinhala with joiners', 'क्\u200dष ශ්\u200dරී'],
  ['variants of ideographs', '葛\u{e0100}城'],
  ['combined letters', 'e\u0301 Å 한글 ไทย'],
  ['code', 'if (a < b) { return "\\u001b[0m" }']
]

describe('node/entry/terminal-text', () => {
  for (const [name, text, cleaned] of EVIL) {
    it(`takes out ${name}`, () => assert.equal(cleanText(text), cleaned))
  }

  for (const [name, text] of GOOD) {
    it(`leaves ${name}`, () => assert.equal(cleanText(text), text))
  }

  it('gives the same however a text is cut into pieces', () => {
    const texts = [...EVIL.map(([, text]) => text), ...GOOD.map(([, text]) => text)]
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...texts), { maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (parts, cuts) => {
          const text = parts.join(' | ')
          const ends = [...new Set([...cuts.map((cut) => cut % (text.length + 1)), text.length])]
          const cleaner = new TextCleaner()
          let given = ''
          let start = 0
          for (const end of ends.toSorted((a, b) => a - b)) {
            given += cleaner.next(text.slice(start, end))
            start = end
          }
          assert.equal(given + cleaner.end(), cleanText(text))
        }
      ),
      { numRuns: 2000 }
    )
  })

  it('holds no more of a sequence without an end than it has to', () => {
    const cleaner = new TextCleaner()
    let given = cleaner.next('a\x1b]52;c;')
    for (let i = 0; i < 1000; i++) given += cleaner.next('x'.repeat(1000))
    assert.equal(given + cleaner.next('\x07b'), 'ab')
  })

  it('keeps a name on its line', () => {
    assert.equal(cleanLine('a\r\nINFO: b\tc\u2028d'), 'a INFO: b c d')
  })

  it('writes JSON that says the same and does nothing', () => {
    const texts = EVIL.map(([, text]) => text)
    const json = cleanJson(JSON.stringify(texts))
    assert.deepEqual(JSON.parse(json), texts)
    assert.equal(cleanText(json), json)
  })

  it('takes a long text in a moment', () => {
    for (const unit of ['\x1b]', '\x1b[', '\u200d', '👩‍', '\x1b(', 'א\u200f']) {
      assert.ok(cleanText(unit.repeat(200_000)).length <= 1_000_000)
    }
  })
})
