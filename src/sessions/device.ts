import Bowser from 'bowser'

export type DeviceKind = 'DESKTOP' | 'MOBILE' | 'TABLET' | 'BOT' | 'UNKNOWN'

export interface Device {
  readonly label: string
  readonly kind: DeviceKind
  readonly browser: string | null
  readonly operatingSystem: string | null
  readonly userAgent: string
}

const kinds: Readonly<Record<string, DeviceKind>> = {
  desktop: 'DESKTOP',
  mobile: 'MOBILE',
  tablet: 'TABLET',
  bot: 'BOT',
}
const knownBrowsers: ReadonlySet<string> = new Set(Object.values(Bowser.BROWSER_MAP)) // another name is the client's own text

/** What a User-Agent header says of a device. It is the client's own word, for people to recognise: prove nothing by it. */
export const describeDevice = (userAgent: string): Device => {
  if (userAgent === '')
    return { label: 'Unknown device', kind: 'UNKNOWN', browser: null, operatingSystem: null, userAgent }
  const parsed = Bowser.parse(userAgent)
  const { name = '' } = parsed.browser
  const browser = knownBrowsers.has(name) ? name : null
  const operatingSystem = parsed.os.name || null
  const label = labelOf(browser, operatingSystem) ?? programOf(userAgent) ?? 'Unknown device'
  const kind = kinds[parsed.platform.type ?? ''] ?? kindOf(operatingSystem, userAgent)
  return { label, kind, browser, operatingSystem, userAgent }
}

const labelOf = (browser: string | null, operatingSystem: string | null): string | null =>
  browser && operatingSystem && !browser.includes(operatingSystem)
    ? `${browser} on ${operatingSystem}`
    : (browser ?? operatingSystem)

/** What tools call themselves, such as "curl" of "curl/8.17.0"; "Mozilla" is what everybody does. */
const programOf = (userAgent: string): string | undefined => {
  const program = /^[\w.-]{1,40}(?=\/|$)/.exec(userAgent)?.[0]
  return program === 'Mozilla' ? undefined : program
}

/** Of a device that the library knows no kind of. */
const kindOf = (operatingSystem: string | null, userAgent: string): DeviceKind => {
  if (operatingSystem === 'Chrome OS') return 'DESKTOP'
  return /(bot|crawler|spider)\b/i.test(userAgent) ? 'BOT' : 'UNKNOWN'
}
