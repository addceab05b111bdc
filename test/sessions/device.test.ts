import { describe, expect, test } from 'vitest'
import { describeDevice } from '../../src/sessions/device.ts'

const webKit = 'AppleWebKit/537.36 (KHTML, like Gecko)'
const appleWebKit = 'AppleWebKit/605.1.15 (KHTML, like Gecko)'
const windows = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64'
const mac = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)'
const android = 'Mozilla/5.0 (Linux; Android 10; K)'
const iPhone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X)'
const iPad = 'Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X)'

test.each([
  ['DESKTOP', 'Chrome on Windows', `${windows}) ${webKit} Chrome/142.0.0.0 Safari/537.36`],
  ['DESKTOP', 'Microsoft Edge on Windows', `${windows}) ${webKit} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0`],
  ['DESKTOP', 'Opera on Windows', `${windows}) ${webKit} Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0`],
  ['DESKTOP', 'Firefox on Windows', `${windows}; rv:145.0) Gecko/20100101 Firefox/145.0`],
  ['DESKTOP', 'Chrome on macOS', `${mac} ${webKit} Chrome/142.0.0.0 Safari/537.36`],
  ['DESKTOP', 'Microsoft Edge on macOS', `${mac} ${webKit} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0`],
  ['DESKTOP', 'Safari on macOS', `${mac} ${appleWebKit} Version/26.1 Safari/605.1.15`],
  [
    'DESKTOP',
    'Firefox on macOS',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0',
  ],
  ['DESKTOP', 'Chrome on Linux', `Mozilla/5.0 (X11; Linux x86_64) ${webKit} Chrome/142.0.0.0 Safari/537.36`],
  ['DESKTOP', 'Firefox on Linux', 'Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0'],
  [
    'DESKTOP',
    'Chrome on Chrome OS',
    `Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${webKit} Chrome/142.0.0.0 Safari/537.36`,
  ],
  ['MOBILE', 'Chrome on Android', `${android} ${webKit} Chrome/142.0.0.0 Mobile Safari/537.36`],
  ['MOBILE', 'Microsoft Edge on Android', `${android} ${webKit} Chrome/142.0.0.0 Mobile Safari/537.36 EdgA/142.0.0.0`],
  ['MOBILE', 'Firefox on Android', 'Mozilla/5.0 (Android 16; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0'],
  [
    'MOBILE',
    'Samsung Internet for Android',
    `${android} ${webKit} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36`,
  ],
  ['TABLET', 'Chrome on Android', `${android} ${webKit} Chrome/142.0.0.0 Safari/537.36`],
  ['TABLET', 'Firefox on Android', 'Mozilla/5.0 (Android 16; Tablet; rv:145.0) Gecko/145.0 Firefox/145.0'],
  ['MOBILE', 'Safari on iOS', `${iPhone} ${appleWebKit} Version/26.1 Mobile/15E148 Safari/604.1`],
  ['MOBILE', 'Chrome on iOS', `${iPhone} ${appleWebKit} CriOS/142.0.7444.77 Mobile/15E148 Safari/604.1`],
  ['MOBILE', 'Firefox on iOS', `${iPhone} ${appleWebKit} FxiOS/145.0 Mobile/15E148 Safari/605.1.15`],
  ['TABLET', 'Safari on iOS', `${iPad} ${appleWebKit} Version/26.1 Mobile/15E148 Safari/604.1`],
  ['TABLET', 'Chrome on iOS', `${iPad} ${appleWebKit} CriOS/142.0.7444.77 Mobile/15E148 Safari/604.1`],
  ['BOT', 'Googlebot', 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'],
  [
    'BOT',
    'Googlebot on Android',
    `Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) ${webKit} Chrome/142.0.7444.59 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)`,
  ],
  ['BOT', 'Unknown device', 'Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)'],
  ['UNKNOWN', 'curl', 'curl/8.17.0'],
  ['UNKNOWN', 'python-requests', 'python-requests/2.32.5'],
  ['UNKNOWN', 'okhttp', 'okhttp/5.1.0'],
  ['UNKNOWN', 'MyApp', 'MyApp/4.2 CFNetwork/3826.600.41 Darwin/24.6.0'],
  ['UNKNOWN', 'node', 'node'],
])('%s, %s: %s', (kind, label, userAgent) => {
  expect(describeDevice(userAgent)).toMatchObject({ kind, label, userAgent })
})

test('an iPad that claims to be a Mac, as it does by default, is taken for one', () => {
  expect(describeDevice(`${mac} ${appleWebKit} Version/26.1 Safari/605.1.15`).kind).toBe('DESKTOP')
})

describe('what is no User-Agent of a device', () => {
  test.each([
    ['nothing', ''],
    ['a space', ' '],
    ['control characters', '\u0001\u0002%%%{}[]'],
    ['400 characters', 'x'.repeat(400)],
    ['a browser cut off at 400 characters', `Mozilla/5.0 (${'a'.repeat(387)}`],
    ['400 brackets', '('.repeat(400)],
    ['HTML', '<script>alert(1)</script>'],
    ['HTML in the places of system and browser', 'Mozilla/5.0 (<b>X</b>; <i>Y</i>) <img/src=x>'],
    ['text that is written backwards', '\u202eevil/1.0'],
  ])('%s is an unknown device, whose label takes nothing from it', (_what, userAgent) => {
    expect(describeDevice(userAgent)).toEqual({
      label: 'Unknown device',
      kind: 'UNKNOWN',
      browser: null,
      operatingSystem: null,
      userAgent,
    })
  })

  test.each(['curl/8\r\nSet-Cookie: a=b', 'Firefox/<b>1</b>', 'curl/<script>', 'a/b/c'])(
    'the label made of %j is plain words',
    (userAgent) => {
      expect(describeDevice(userAgent).label).toMatch(/^[\w.-]+$/)
    },
  )
})
