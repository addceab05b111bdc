/** Whether a line of text for people holds what would move or hide the text around it. */
export const hasControlCharacters = (text: string): boolean => /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(text)
