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
  const program = /^[\w.-]{1,40}(?=\/)/.exec(userAgent)?.[0] // "curl" of "curl/8.1": what tools call themselves
  const label =
    browser && operatingSystem
      ? `${browser} on ${operatingSystem}`
      : (browser ?? operatingSystem ?? program ?? 'Unknown device')
  return { label, kind: kinds[parsed.platform.type ?? ''] ?? 'UNKNOWN', browser, operatingSystem, userAgent }
}
