import { isSupportedCountry, type PhoneNumber, parsePhoneNumberFromString } from 'libphonenumber-js/max'

const longestText = 64
// Premium, shared-cost, personal and the like pay whoever owns them; fixed lines take no text.
const textableTypes: readonly unknown[] = ['MOBILE', 'FIXED_LINE_OR_MOBILE']

/** The number in E.164, however it is spelled with its country code; null when it is no valid number or has an extension. */
export const parsePhoneNumber = (text: string): string | null => {
  if (text.length > longestText) return null
  // Phones copy numbers with invisible marks of direction around them; keyboards in Asia type full-width digits.
  const plain = text
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
    .trim()
    .replace(/^tel:/i, '')
  if (!plain.startsWith('+')) return null
  const number = parsePhoneNumberFromString(plain, { extract: false })
  return number?.isValid() && !number.ext ? number.number : null
}

/** Whether text messages may go to a number: a mobile one of a country on the list (threat C1). */
export const isTextable = (e164: string, countries: readonly string[]): boolean => {
  const number = parsed(e164)
  return countries.includes(String(number.country)) && textableTypes.includes(number.getType())
}

/** ISO 3166 code of the number's country; its calling code where several share it and the number tells no more. */
export const countryOf = (e164: string): string => {
  const { country, countryCallingCode } = parsed(e164)
  return country ?? `+${countryCallingCode}`
}

/** The number without its last four digits: what one pumping operator controls. */
export const prefixOf = (e164: string): string => e164.slice(0, -4)

/** `+1*******23`: the calling code and the last two digits, a star for each other one (threat C8). */
export const maskPhoneNumber = (e164: string): string => {
  const { countryCallingCode, nationalNumber } = parsed(e164)
  return `+${countryCallingCode}${'*'.repeat(nationalNumber.length - 2)}${nationalNumber.slice(-2)}`
}

/** Whether a text is the ISO 3166 code of a country with phone numbers. */
export const isCountry = (text: string): boolean => isSupportedCountry(text)

const parsed = (e164: string): PhoneNumber => {
  const number = parsePhoneNumberFromString(e164)
  if (!number) throw new Error('A stored phone number is not in E.164')
  return number
}
